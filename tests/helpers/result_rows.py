"""Rows of a table of results, for tests of what reads them."""

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from reliseg.results import Origin, Results, Row, Value
from reliseg.results.replicates import FOLDER, About, Lefts, UnitSet, write_replicates

HOSTILE = (
    "<script>alert(1)</script>",
    "quote \" and ' and ]]> and &amp;",
    "a|b\\|c`d``e",
    "\u202eright to left\u202c",
    "line\nbreak\ttab\x00null\x1b[31m",
    "\ufffe\uffff\ud800",
    "@everyone [link](http://evil.example) ![img](x) **bold** www.evil.example",
    "🚗" * 30,
    "x" * 5000,
    " spaces ",
    "ts(k=2,seed=42)@camvid/cal",
    "",
)
"""Names that a table from outside may hold."""


def result_row(value: float = 0.5, *, metric: str = "ece", class_: str = "", score: str = "", **columns: Any) -> Row:
    """Return a row of a model `net` on `street/dusk`; an undefined number has the reason `no pixel`."""
    number = (
        Value.undefined(metric, "no pixel", f"{metric}/test", label=class_, score=score)
        if math.isnan(value)
        else Value.exact(metric, value, f"{metric}/test", label=class_, score=score)
    )
    return replace(Row.of(Origin("net", "street", "dusk"), number, n_images=20, n_pixels=100), **columns)


def with_interval(row: Row, low: float, high: float, note: str = "") -> Row:
    """Return the row with an interval over its images; `note` says why it should not be relied on."""
    return replace(row, ci_low=low, ci_high=high, ci_units="images", n_units=row.n_images, ci_note=note)


def write_results(folder: Path, *rows: Row) -> Path:
    """Write the table of a run into its folder, and return the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "results.json").write_text(Results(rows).to_json(), encoding="utf-8")
    return folder


def lefts_of(numbers: Sequence[float], kind: str = "images", names: Sequence[str] = (), doubt: str = "") -> Lefts:
    """Return what the mean of these numbers is without each of them; units are called 0, 1, .. by default."""
    left = (np.sum(numbers) - np.array(numbers)) / (len(numbers) - 1)
    called = tuple(names) or tuple(map(str, range(len(numbers))))
    return Lefts((left,), (UnitSet(kind, called, called),), doubt)


def about(row: Row, lefts: Lefts) -> About:
    """Return a number to be written whose replicates lie about its value."""
    return About(row, lefts.values, row.value, lefts.units, lefts.doubt)


def write_run(folder: Path, *numbers: tuple[Row, Lefts]) -> Path:
    """Write the table of a run, and its numbers without each unit; return the folder."""
    write_results(folder, *(row for row, _ in numbers))
    origins = dict.fromkeys((row.model, row.dataset, row.domain, row.calibration) for row, _ in numbers)
    for origin in origins:
        own = [n for n in numbers if (n[0].model, n[0].dataset, n[0].domain, n[0].calibration) == origin]
        write_replicates(folder / FOLDER, own[0][0], [about(*number) for number in own])
    return folder
