"""The table at the end of a run: one line per model, domain and calibration."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from rich.table import Table
from rich.text import Text

from reliseg.calibration import texts_of_seeds
from reliseg.errors import ConfigError
from reliseg.results import Results, Row
from reliseg.runtime.printable import printable

HEADLINE = (
    ("mIoU", "miou", ""),
    ("ECE", "ece", "msp"),
    ("NLL", "nll", ""),
    ("AUROC", "auroc", "msp"),
    ("PRR", "prr", "msp"),
    ("FPR95", "fpr95", "msp"),
    ("kept share", "kept_share", "msp"),
    ("coverage", "coverage", "msp"),
    ("OOD AUROC", "ood_auroc", "msp"),
    ("unknown AUROC", "local_ood_auroc", "msp"),
)
"""The columns of the table: title, metric and score."""


@dataclass(frozen=True)
class Line:
    """What a line of the table is of."""

    model: str
    dataset: str
    domain: str
    calibration: str


def summary(results: Results) -> Table:
    """Return the headline numbers; a column without any value is left out, and a dash is an undefined value.

    A question mark follows a value whose bracket is too wide for the digits shown. A calibration with several seeds
    is one line, their mean. The number of images that could not be read stands after the domain.
    """
    numbers = headline_numbers(results)
    columns = headline_columns(numbers)
    table = Table(box=None, header_style="bold", pad_edge=False, caption_justify="left")
    if any(_is_wide(row) for of_line in numbers.values() for row in of_line.values()):
        table.caption = "? only known to lie between lo and hi of results.csv, which differ by more than 0.01"
    for name in ("model", "domain", "calibration"):
        table.add_column(name)
    for title, _, _ in columns:
        table.add_column(title, justify="right")
    previous = None
    for line, of_line in numbers.items():
        if previous is not None and previous != line.model:
            table.add_section()
        previous = line.model
        cells = [headline_text(of_line.get(metric)) for _, metric, _ in columns]
        skipped = next(iter(of_line.values())).skipped
        note = f" ({skipped} skipped)" if skipped else ""
        names = (line.model, f"{line.dataset}/{line.domain}{note}", line.calibration)
        table.add_row(*(Text(printable(name)) for name in names), *cells)  # a plain text might be taken for markup
    return table


def headline_numbers(results: Results) -> dict[Line, dict[str, Row]]:
    """Return each headline number of each line, in its first definition."""
    hidden = parts_of_means({row.calibration for row in results})
    wanted = {(metric, score) for _, metric, score in HEADLINE}
    numbers: dict[Line, dict[str, Row]] = {}
    for row in results:
        if (row.metric, row.score) in wanted and not row.class_ and row.calibration not in hidden:
            line = Line(row.model, row.dataset, row.domain, row.calibration)
            numbers.setdefault(line, {}).setdefault(row.metric, row)
    return numbers


def headline_columns(numbers: Mapping[Line, Mapping[str, Row]]) -> list[tuple[str, str, str]]:
    """Return the columns of which any line has a value."""
    return [c for c in HEADLINE if any(c[1] in of_line and not of_line[c[1]].why for of_line in numbers.values())]


def parts_of_means(calibrations: Collection[str]) -> set[str]:
    """Return the calibrations of one seed whose mean over seeds is among them too."""
    parts: set[str] = set()
    for name in calibrations:
        method, _, split = name.partition("@")
        try:
            seeds = texts_of_seeds(method)
        except ConfigError:
            continue  # results may come from where there are other methods
        if len(seeds) > 1:
            parts |= {f"{one}@{split}" for one in seeds}
    return parts


def _is_wide(row: Row) -> bool:
    return row.hi - row.lo > (1 if row.metric == "prr" else 0.01)


def headline_text(row: Row | None) -> str:
    """Return a number of the table; a dash for none."""
    if row is None or row.why:
        return "-"
    return (f"{row.value:.1f}" if row.metric == "prr" else f"{row.value:.4f}") + ("?" if _is_wide(row) else "")
