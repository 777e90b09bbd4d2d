"""The table at the end of a run: one line per model, domain and calibration."""

import math
from dataclasses import dataclass

from rich.table import Table

from reliseg.results import Results

_COLUMNS = (
    ("mIoU", "miou", ""),
    ("ECE", "ece", "msp"),
    ("NLL", "nll", ""),
    ("AUROC", "auroc", "msp"),
    ("PRR", "prr", "msp"),
    ("FPR95", "fpr95", "msp"),
    ("OOD AUROC", "ood_auroc", "msp"),
    ("unknown AUROC", "local_ood_auroc", "msp"),
)


@dataclass(frozen=True)
class _Line:
    model: str
    dataset: str
    domain: str
    calibration: str


def summary(results: Results) -> Table:
    """The headline numbers; a column is left out where no line has a value, a dash is an undefined one."""
    numbers = _numbers(results)
    columns = [c for c in _COLUMNS if any(not math.isnan(n.get(c[1], math.nan)) for n in numbers.values())]
    table = Table(box=None, header_style="bold", pad_edge=False)
    for name in ("model", "domain", "calibration"):
        table.add_column(name)
    for title, _, _ in columns:
        table.add_column(title, justify="right")
    previous = None
    for line, found in numbers.items():
        if previous is not None and previous != line.model:
            table.add_section()
        previous = line.model
        cells = [_text(metric, found.get(metric, math.nan)) for _, metric, _ in columns]
        table.add_row(line.model, f"{line.dataset}/{line.domain}", line.calibration, *cells)
    return table


def _numbers(results: Results) -> dict[_Line, dict[str, float]]:
    """The first definition of each headline number."""
    wanted = {(metric, score) for _, metric, score in _COLUMNS}
    found: dict[_Line, dict[str, float]] = {}
    for row in results:
        if (row.metric, row.score) in wanted and not row.class_:
            line = _Line(row.model, row.dataset, row.domain, row.calibration)
            found.setdefault(line, {}).setdefault(row.metric, row.value)
    return found


def _text(metric: str, value: float) -> str:
    if math.isnan(value):
        return "-"
    return f"{value:.1f}" if metric == "prr" else f"{value:.4f}"
