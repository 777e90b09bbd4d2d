"""Tables as CSV: for programs and spreadsheets, with the numbers as they are in results."""

from collections.abc import Iterator

from reliseg.report.tables.table import Cell, Table
from reliseg.results import csv_line


def csv_text(table: Table, *, intervals: bool) -> str:
    """Return the table as CSV: numbers to the last bit and not in percent, undefined ones empty.

    With intervals, two columns after each number have its bounds.
    """
    heads = [", ".join(head) for head in table.heads]
    bounds = ("", ": low", ": high") if intervals else ("",)
    lines = [[*(name or "metric" for name in table.corner), *(f"{head}{bound}" for head in heads for bound in bounds)]]
    for side, cells in zip(table.sides, table.lines, strict=True):
        lines.append([*side, *(value for cell in cells for value in _values(cell, intervals=intervals))])  # type: ignore[list-item]
    return "".join(map(csv_line, lines))


def _values(cell: Cell, *, intervals: bool) -> Iterator[float | None]:
    row = cell.row
    yield row.value if row else None
    if intervals:
        yield row.ci_low if row else None
        yield row.ci_high if row else None
