"""Tables as CSV that a spreadsheet reads as they are meant."""

import csv
import math
import re
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path

import numpy as np
from pydantic_core import to_json

from reliseg.types import Float64

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "'")
"""What a spreadsheet takes for the beginning of a formula, or may leave out before one; and the escape itself."""
_LEAST, _MOST = 1e-4, 1e16
"""Between them a float is written without an exponent, in Python and in JSON."""
_QUOTED = re.compile(r'[",\r\n]')


def csv_line(cells: Iterable[object]) -> str:
    """Return a line of CSV: undefined numbers are empty, floats are written to the last bit.

    A text that a spreadsheet would take for a formula begins with an apostrophe: it may come from anywhere.
    """
    return ",".join([_number(cell) if type(cell) is float else _cell(cell) for cell in cells]) + "\n"


@lru_cache(1 << 14)
def csv_texts(*cells: str) -> str:
    """Return cells as `csv_line` has them: images have the same ones under each calibration."""
    return ",".join(map(_text, cells))


def csv_numbers(values: Float64[np.ndarray, "n k"]) -> list[str]:
    """Return the cells of rows of floats as `csv_line` has them, in a twentieth of its time.

    JSON has the same digits: the fewest that tell a float from all others. It has other exponents, and no infinity.
    """
    if not values.size:
        return [""] * len(values)
    cells, size = values.tolist(), np.abs(values)
    for i, k in np.argwhere((size < _LEAST) & (size > 0) | (size >= _MOST)).tolist():
        cells[i][k] = repr(cells[i][k])
    rows = to_json(cells, inf_nan_mode="null").decode().replace("null", "").replace('"', "")
    return rows[2:-2].split("],[")


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


@lru_cache(1 << 15)
def _text(value: str) -> str:
    """Return the cell of a text: many are the same from row to row."""
    return _quoted(f"'{value}" if value.startswith(_FORMULA) else value)


def _quoted(text: str) -> str:
    return '"' + text.replace('"', '""') + '"' if _QUOTED.search(text) else text
