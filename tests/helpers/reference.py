"""Numbers that were computed apart from this project, and rows of results that must meet them."""

import json
from pathlib import Path
from typing import Any

import pytest

from reliseg.labels import label_space
from reliseg.results import Results

CLASSES = label_space("camvid").classes


def reference_numbers(data: Path, key: str) -> dict[str, Any]:
    """Return the numbers of a network and a domain, `dabnet/day`, or of these under a calibration, `dabnet/day/ts`."""
    return json.loads((data / "reference.json").read_text())[key]


def count_met(rows: Results, expected: dict[str, Any]) -> int:
    """Assert that rows of one model, domain and calibration have the expected numbers; return how many these are."""
    checked = 0
    for name, number in expected.items():
        if name == "n_pixels":
            assert {r.n_pixels for r in rows} == {number}
        elif name == "iou":
            found = {r.class_: r.value for r in rows.where(metric="iou")}
            assert found == pytest.approx({CLASSES[int(c)]: v for c, v in number.items()}, abs=1e-3)
        elif isinstance(number, dict):
            found = {m: rows.value(m, score=name) for m in number}
            for metric, value in number.items():
                assert found[metric] == pytest.approx(value, abs=0.1 if metric == "prr" else 1e-3), (name, metric)
                checked += 1
        else:
            (row,) = rows.where(**{"metric": name, "class": ""})
            assert row.value == pytest.approx(number, abs=1e-3), name
        checked += 1
    return checked
