"""A row holds a number, its bracket and where it comes from; what is undefined has a reason."""

import math

import numpy as np

from reliseg.results import COLUMNS, Origin, Row, Value

ORIGIN = Origin("model", "data", "night", reference="data/day", calibration="ts@data/val", fitted_on="data/val", seed=3)


def test_rows_hold_origin_value_and_counts():
    value = Value.between("m", (0.5, 0.1, 0.9), "d", score="msp")
    record = Row.of(ORIGIN, value, n_images=2, n_pixels=100).record()
    assert tuple(record) == COLUMNS
    assert record == {
        "model": "model",
        "dataset": "data",
        "domain": "night",
        "reference": "data/day",
        "calibration": "ts@data/val",
        "fitted_on": "data/val",
        "seed": 3,
        "score": "msp",
        "metric": "m",
        "class": "",
        "value": 0.5,
        "why": "",
        "lo": 0.1,
        "hi": 0.9,
        "ci_low": None,
        "ci_high": None,
        "ci_units": "",
        "n_units": 0,
        "ci_note": "",
        "spread": None,
        "n_images": 2,
        "skipped": 0,
        "n_pixels": 100,
        "definition": "d",
    }


def test_values_are_plain_floats_inside_their_bracket():
    """Rounding of the last bit may put a value outside its bracket: the bracket gives way."""
    value = Value.between("m", (np.float64(0.5), np.float64(0.5000000001), np.float64(0.4999999999)), "d")
    assert (value.lo, value.value, value.hi) == (0.5, 0.5, 0.5)
    assert {type(v) for v in (value.lo, value.value, value.hi)} == {float}
    exact = Value.exact("m", np.float32(0.25), "d")
    assert (exact.lo, exact.value, exact.hi) == (0.25, 0.25, 0.25)
    assert type(exact.value) is float


def test_undefined_values_have_a_reason_and_no_number():
    value = Value.undefined("m", "no pixel", "d", label="c", score="msp")
    assert all(math.isnan(v) for v in (value.value, value.lo, value.hi))
    assert (value.why, value.label, value.score) == ("no pixel", "c", "msp")
