"""The Markdown of a gate: a table a condition, whatever the names are."""

import html
import re

import pytest
from helpers.result_rows import HOSTILE, result_row, with_interval

from reliseg.report.gate.expression import parse_condition
from reliseg.report.gate.gate import gate
from reliseg.report.gate.markdown import markdown_text
from reliseg.results import Results
from reliseg.runtime.printable import printable


def markdown_of(rows, *conditions, run="runs/a"):
    return markdown_text(gate(Results(tuple(rows)), map(parse_condition, conditions)), run)


def test_the_answer_is_the_heading_and_each_row_has_a_line():
    rows = [
        with_interval(result_row(0.02), 0.01, 0.03),
        with_interval(result_row(0.09, domain="fog"), 0.04, 0.12, "2 % of the units decide this number"),
    ]
    assert markdown_of(rows, "ece > 0.05") == (
        "## Gate: undecided\n"
        "\n"
        "1 condition on `runs/a`\n"
        "\n"
        "### undecided: `ece > 0.05`\n"
        "\n"
        "2 rows: 1 undecided, 1 pass\n"
        "\n"
        "| answer | row | value | 95 % interval | note |\n"
        "| --- | --- | ---: | --- | --- |\n"
        "| undecided | `net street/fog identity` | 0.09 | 0.04 to 0.12 "
        "| the interval is in doubt&#58; 2 % of the units decide this number |\n"
        "| pass | `net street/dusk identity` | 0.02 | 0.01 to 0.03 |  |\n"
    )


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_name_is_one_cell_of_text(name):
    text = markdown_of([result_row(0.1, model=name, ci_note=name)], "ece > 0.05", run=name)
    row = text.splitlines()[-1]
    cells = row.removeprefix("| ").removesuffix(" |").split(" | ")
    assert len(cells) == 5
    seen = html.unescape(cells[1]) if cells[1].startswith("<code>") else cells[1]
    assert printable(name) in seen
    assert not re.search(r"<(?!/?code>)", re.sub("`[^`]*`", "", text))


def test_of_very_many_rows_the_first_hundred_are_listed():
    text = markdown_of([result_row(0.1, domain=str(i)) for i in range(130)], "ece > 0.5")
    assert text.count("| pass |") == 100
    assert text.endswith("\nand 30 more\n")
