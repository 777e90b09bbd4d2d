"""The table of corruptions at the end of a run: a line per model, domain, calibration and kind."""

import math
from collections.abc import Sequence

from rich.table import Table
from rich.text import Text

from reliseg.results.corruptions import ALL, MEAN, WORST, CorruptionRow
from reliseg.runtime.printable import printable

_NUMBERS = {("miou", ""): "mIoU", ("ece", "msp"): "ECE", ("prr", "msp"): "PRR", ("ood_auroc", "msp"): "OOD AUROC"}
"""Metric and score, and what the table calls them."""
_MOST = 24
"""Lines: where kinds would be more, only those over all kinds are shown."""


def corruption_summary(rows: Sequence[CorruptionRow]) -> Table:
    """Return means over severities and the worst case of the most important numbers, beside those of clean images."""
    lines: dict[tuple[str, str, str, str], dict[tuple[str, str, str], CorruptionRow]] = {}
    for row in rows:
        if (row.metric, row.score) in _NUMBERS and row.severity in (MEAN, WORST):
            line = row.model, f"{row.dataset}/{row.domain}", row.calibration, row.kind
            lines.setdefault(line, {}).setdefault((row.metric, row.score, row.severity), row)
    if len(lines) > _MOST:
        lines = {line: cells for line, cells in lines.items() if line[-1] == ALL} or lines
    shown = [number for number in _NUMBERS if any((*number, MEAN) in cells for cells in lines.values())]
    table = Table(box=None, header_style="bold", pad_edge=False)
    for name in ("model", "domain", "calibration", "corruption"):
        table.add_column(name)
    for number in shown:
        for title in (f"{_NUMBERS[number]} clean", "mean", "worst"):
            table.add_column(title, justify="right")
    for names, cells in lines.items():
        texts = [text for number in shown for text in _texts(cells, number)]
        table.add_row(*(Text(printable(text)) for text in (*names, *texts)))
    return table


def _texts(cells: dict[tuple[str, str, str], CorruptionRow], number: tuple[str, str]) -> tuple[str, str, str]:
    mean, worst = (cells.get((*number, severity)) for severity in (MEAN, WORST))
    if mean is None or worst is None:
        return "-", "-", "-"
    digits = 1 if number[0] == "prr" else 4
    clean, average, least = (_text(value, digits) for value in (mean.clean, mean.value, worst.value))
    where = worst.at.rpartition("+")[2]
    return clean, average, f"{least} ({where if mean.kind == ALL else where.removeprefix(f'{mean.kind}-')})"


def _text(value: float, digits: int) -> str:
    return "-" if math.isnan(value) else f"{value:.{digits}f}"
