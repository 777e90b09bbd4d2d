"""The formats of a table."""

import csv
import io

from reliseg.report.tables import Wanted, Writing, table_text

WANTED = Wanted(names={"metric": ["miou", "ood_auroc"]})


def test_latex_has_rules_groups_bold_numbers_and_notes(runs):
    text = table_text(runs, WANTED, Writing(intervals=True), "latex")
    assert text.startswith("% needs \\usepackage{booktabs}\n\\begin{tabular}{@{}lrrr@{}}\n\\toprule\n")
    assert " & day & \\multicolumn{2}{c}{dusk}" in text.replace("\\multicolumn{1}{c}{day}", "day")
    assert "\\cmidrule(lr){3-4}" in text
    assert "a\\_1 & " in text
    assert "b\\&c & " in text
    assert text.count("\\textbf{") == 1
    assert "---\\textsuperscript{a}" in text
    assert "\\textsuperscript{b}~not measured." in text
    assert "95\\,\\% interval" in text
    assert text.rstrip().endswith("\\par}")


def test_markdown_has_a_dash_and_a_reason(runs):
    lines = table_text(runs, WANTED, Writing(), "markdown").splitlines()
    assert lines[0] == "| model | day, mIoU (%) ↑ | dusk, mIoU (%) ↑ | dusk, OOD AUROC (%) ↑ |"
    assert lines[1] == "| :--- | ---: | ---: | ---: |"
    assert "**" in lines[3]
    assert lines[3].endswith("| — <sup>b</sup> |")
    assert "<sup>a</sup> no pixel." in lines


def test_csv_has_the_numbers_of_results_to_the_last_bit(runs):
    (first, second) = csv.DictReader(io.StringIO(table_text(runs, WANTED, Writing(intervals=True), "csv")))
    values = {row.model: row for row in runs.rows if row.metric == "miou" and row.domain == "day"}
    assert float(first["day, miou"]) == values["a_1"].value
    assert float(second["day, miou: low"]) == values["b&c"].ci_low
    assert first["dusk, ood_auroc"] == ""
