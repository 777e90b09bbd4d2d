"""The commands that read what runs have written: `reliseg report`, `figures`, `table`, `card`, `compare` and `gate`."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from reliseg.errors import ConfigError
from reliseg.runtime.printable import printable

if TYPE_CHECKING:
    from reliseg.report.gate.gate import Baseline
    from reliseg.results import Results

FinishedRun = Annotated[str, typer.Argument(metavar="RUN", help="The folder of a finished run, or its address.")]

_FAILED, _UNDECIDED = 3, 4
"""Exit codes of a gate."""


def gate(
    *,
    run: FinishedRun,
    fail_if: Annotated[
        list[str],
        typer.Option(
            metavar="CONDITION", help='What must not be: "ece(model=net, domain=camvid/dusk) > 0.05". Repeat for more.'
        ),
    ],
    baseline: Annotated[
        str | None, typer.Option(metavar="RUN", help="The run that worse(..) in a condition compares with.")
    ] = None,
    undecided: Annotated[
        Literal["pass", "fail"] | None,
        typer.Option(help="How to exit where intervals hold a limit and nothing fails. Default: with 4."),
    ] = None,
    junit: Annotated[Path | None, typer.Option(metavar="FILE", help="Write the answers as JUnit XML, too.")] = None,
    markdown: Annotated[Path | None, typer.Option(metavar="FILE", help="Write them as Markdown, too.")] = None,
) -> None:
    """Judge the numbers of a run by their intervals: exit with 0 (pass), 3 (a condition fails) or 4 (undecided)."""
    from reliseg.report.gate.expression import parse_condition
    from reliseg.report.gate.gate import gate as judge_run
    from reliseg.report.gate.junit import junit_xml
    from reliseg.report.gate.lines import gate_lines
    from reliseg.report.gate.markdown import markdown_text
    from reliseg.results import Results
    from reliseg.runtime.atomic_files import write_atomically, write_text

    conditions = [parse_condition(text) for text in fail_if]
    if baseline is not None and not any(condition.worse for condition in conditions):
        raise ConfigError("--baseline is for conditions with worse(..); write one, or leave --baseline out")
    results = Results.read(run)
    other = None if baseline is None else _baseline(results, baseline)
    verdicts = judge_run(results, conditions, run=run, baseline=other)
    if junit:
        xml = junit_xml(verdicts, "failure" if undecided == "fail" else "skipped")
        write_atomically(junit, lambda file: file.write(xml))
    if markdown:
        write_text(markdown, markdown_text(verdicts, run))
    for line in gate_lines(verdicts):
        sys.stdout.write(f"{printable(line)}\n")
    answers = {verdict.answer for verdict in verdicts}
    if "fail" in answers or ("undecided" in answers and undecided == "fail"):
        raise typer.Exit(_FAILED)
    if "undecided" in answers and undecided is None:
        raise typer.Exit(_UNDECIDED)


def report(
    *,
    runs: Annotated[list[str], typer.Argument(metavar="RUN...", help="The folders of finished runs, or addresses.")],
    out: Annotated[Path, typer.Option(metavar="FILE.html", help="The file to write.")] = Path("report.html"),
    picture_budget: Annotated[
        float, typer.Option(min=0, metavar="MB", help="What pictures may take: they are made smaller for it. 0: none.")
    ] = 8.0,
) -> None:
    """Write one HTML file of what runs have measured: it opens in any browser and asks for no other file."""
    from reliseg.report.page import RunFiles, build_page
    from reliseg.runtime.atomic_files import write_text

    files = [RunFiles.read(run) for run in runs]
    write_text(out, build_page(files, picture_budget=picture_budget * 1e6))
    for line in dict.fromkeys(line for run in files for line in run.missing):
        sys.stderr.write(f"{printable(line)}\n")
    sys.stdout.write(f"{printable(str(out))}: open it in a browser\n")


def card(
    *,
    run: Annotated[
        str | None, typer.Argument(metavar="RUN", help="The folder of a finished run, or its address.")
    ] = None,
    format_: Annotated[
        Literal["json", "huggingface"], typer.Option("--format", help="JSON, or the model-index of a model card.")
    ] = "json",
    out: Annotated[Path | None, typer.Option(metavar="FILE", help="Write it there, not to standard output.")] = None,
    model: Annotated[list[str] | None, typer.Option(help="Leave out other models. Repeat for more.")] = None,
    calibration: Annotated[list[str] | None, typer.Option(help="Leave out other calibrations. Repeat.")] = None,
    schema: Annotated[bool, typer.Option("--schema", help="Print the JSON Schema that every card satisfies.")] = False,
) -> None:
    """Print the reliability card of a run: its headline numbers with intervals, to lie beside the model."""
    from reliseg.report.card.card import card_text, reliability_card, schema_file
    from reliseg.report.card.hugging_face import model_index
    from reliseg.report.selection import pick_rows
    from reliseg.results import Results, read_provenance
    from reliseg.runtime.atomic_files import write_text

    if schema:
        text = schema_file().read_text(encoding="utf-8")
    elif run is None:
        raise ConfigError("card: give the folder of a finished run, or --schema")
    else:
        wanted = {"model": model, "calibration": calibration}
        rows = pick_rows(Results.read(run).rows, [(name, given) for name, given in wanted.items() if given], run)
        found = reliability_card(rows, read_provenance(run))
        text = card_text(found) if format_ == "json" else model_index(found)
    if out:
        write_text(out, text)
    else:
        sys.stdout.write(text)


def compare(
    *,
    runs: Annotated[list[str], typer.Argument(metavar="RUN...", help="The folders of finished runs, or addresses.")],
    metric: Annotated[str, typer.Option(help="The number to compare, e.g. ece: see reliseg list metrics.")],
    baseline: Annotated[
        str | None, typer.Option(metavar="NAME", help="The model, calibration, domain or run that others differ from.")
    ] = None,
    by: Annotated[
        Literal["run", "model", "calibration", "domain"] | None,
        typer.Option(help="What is compared. Default: what the baseline is, or the first of these that differs."),
    ] = None,
    model: Annotated[list[str] | None, typer.Option(help="Compare this model. Repeat for more.")] = None,
    domain: Annotated[list[str] | None, typer.Option(help="Compare on this [DATA/]DOMAIN. Repeat for more.")] = None,
    calibration: Annotated[list[str] | None, typer.Option(help="Compare this calibration. Repeat for more.")] = None,
    score: Annotated[list[str] | None, typer.Option(help="Compare with this score. Repeat for more.")] = None,
    class_: Annotated[
        list[str] | None, typer.Option("--class", metavar="NAME", help="Compare this class. Repeat for more.")
    ] = None,
    format_: Annotated[
        Literal["table", "csv", "json"], typer.Option("--format", help="A table for people, CSV or JSON.")
    ] = "table",
) -> None:
    """Show how models, calibrations, domains or runs differ from a baseline, and how sure that is."""
    from reliseg.report.compare.lines import comparison_lines
    from reliseg.report.compare.sides import read_runs
    from reliseg.report.compare.table import compare_runs

    only = {"model": model, "domain": domain, "calibration": calibration, "score": score, "class": class_}
    read = read_runs({run: run for run in runs})
    found = compare_runs(
        read, metric, by=by, baseline=baseline, only={name: given or [] for name, given in only.items()}
    )
    if format_ == "table":
        for line in comparison_lines(found):
            sys.stdout.write(f"{line}\n")
    else:
        sys.stdout.write(found.to_csv() if format_ == "csv" else f"{found.to_json()}\n")


def figures(
    *,
    runs: Annotated[list[str], typer.Argument(metavar="RUN...", help="The folders of finished runs, or addresses.")],
    format_: Annotated[
        Literal["pdf", "svg", "png"], typer.Option("--format", help="PDF and SVG have any resolution, PNG 300 dpi.")
    ] = "pdf",
    out: Annotated[Path, typer.Option(metavar="DIR", help="The folder to write into.")] = Path("figures"),
    only: Annotated[
        list[str] | None, typer.Option(metavar="CHART", help="Draw this chart, e.g. reliability. Repeat for more.")
    ] = None,
    width: Annotated[
        Literal["one", "two", "both"], typer.Option(help="As wide as one column of a paper, as two, or both.")
    ] = "both",
    model: Annotated[list[str] | None, typer.Option(help="Show this model. Repeat for more.")] = None,
    domain: Annotated[list[str] | None, typer.Option(help="Show this [DATA/]DOMAIN. Repeat for more.")] = None,
    calibration: Annotated[list[str] | None, typer.Option(help="Show this calibration. Repeat for more.")] = None,
    metric: Annotated[list[str] | None, typer.Option(help="Draw this number, e.g. ece. Repeat for more.")] = None,
    score: Annotated[str | None, typer.Option(help="The score of curves, and of numbers that have one.")] = None,
) -> None:
    """Draw the charts of runs as files for papers, and print the names of the files."""
    from reliseg.report.figures.catalog import catalog_of
    from reliseg.report.figures.choice import Choice, chosen_material
    from reliseg.report.figures.files import WIDTHS, write_figures
    from reliseg.report.joined import join_runs

    joined = join_runs({run: run for run in runs}, with_curves=True)
    choice = Choice(model or (), domain or (), calibration or (), metric or (), score or "")
    catalog = catalog_of(chosen_material(joined, choice), choice, only or ())
    for line in (*joined.missing, *catalog.notes):
        sys.stderr.write(f"{printable(line)}\n")
    widths = list(WIDTHS) if width == "both" else [width]
    for written in write_figures(catalog.figures, out, format_, widths):
        if written.note:
            sys.stderr.write(f"{printable(f'{written.path}: {written.note}')}\n")
        sys.stdout.write(f"{printable(str(written.path))}\n")


def table(
    *,
    runs: Annotated[list[str], typer.Argument(metavar="RUN...", help="The folders of finished runs, or addresses.")],
    format_: Annotated[
        Literal["latex", "markdown", "csv"], typer.Option("--format", help="LaTeX with booktabs, Markdown or CSV.")
    ] = "latex",
    rows: Annotated[
        list[str] | None,
        typer.Option(metavar="AXES", help="What rows go by: model, domain, calibration, score, class, metric."),
    ] = None,
    columns: Annotated[
        list[str] | None, typer.Option(metavar="AXES", help="What columns go by, e.g. domain,metric.")
    ] = None,
    metrics: Annotated[
        list[str] | None, typer.Option(metavar="NAMES", help="The numbers, e.g. miou,ece: see reliseg list metrics.")
    ] = None,
    model: Annotated[list[str] | None, typer.Option(help="Show this model. Repeat for more.")] = None,
    domain: Annotated[list[str] | None, typer.Option(help="Show this [DATA/]DOMAIN. Repeat for more.")] = None,
    calibration: Annotated[list[str] | None, typer.Option(help="Show this calibration. Repeat for more.")] = None,
    score: Annotated[list[str] | None, typer.Option(help="Show this score. Repeat for more.")] = None,
    class_: Annotated[
        list[str] | None, typer.Option("--class", metavar="NAME", help="Show this class. Repeat for more.")
    ] = None,
    intervals: Annotated[bool, typer.Option("--intervals", help="Write the 95 % interval of each number.")] = False,
    fractions: Annotated[bool, typer.Option("--fractions", help="Write shares as fractions, not in percent.")] = False,
    digits: Annotated[
        int, typer.Option(min=0, max=6, help="Digits after the point, in percent; other numbers have two more.")
    ] = 1,
    out: Annotated[Path | None, typer.Option(metavar="FILE", help="Write it there, not to standard output.")] = None,
) -> None:
    """Print a table of runs for a paper; a best number is bold where the paired interval decides that."""
    from reliseg.report.joined import join_runs
    from reliseg.report.tables import Wanted, Writing, table_text
    from reliseg.runtime.atomic_files import write_text

    names = {"domain": domain, "model": model, "calibration": calibration, "score": score, "class": class_}
    given = {axis: values for axis, values in names.items() if values}
    if metrics:
        given["metric"] = _parts(metrics)
    joined = join_runs({run: run for run in runs}, with_curves=False)
    writing = Writing(percent=not fractions, digits=digits, intervals=intervals)
    text = table_text(joined, Wanted(_parts(rows), _parts(columns), given), writing, format_)
    if out:
        write_text(out, text)
    else:
        sys.stdout.write(text)


def _parts(texts: list[str] | None) -> list[str]:
    """Return the names in lists with commas."""
    return [name.strip() for text in texts or () for name in text.split(",") if name.strip()]


def _baseline(results: "Results", baseline: str) -> "Baseline":
    """Return the run that these results are compared with."""
    from reliseg.report.compare.difference import differ_between
    from reliseg.report.gate.gate import Baseline
    from reliseg.results import Results

    other = Results.read(baseline)
    return Baseline(baseline, other, differ_between(results.replicates(), other.replicates()))
