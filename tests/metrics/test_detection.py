"""The five numbers of in-domain against out: names, values and brackets."""

from dataclasses import replace

import numpy as np
import pytest
from helpers import textbook
from hypothesis import given, settings
from hypothesis import strategies as st

from reliseg.metrics.detection import detection_quantities, detection_values, exact_detection_values
from reliseg.stats.filled.bins import FilledPair

NAMES = detection_quantities("mine", "mine/pixels", "pixel")
COUNTS = st.lists(st.integers(0, 5), min_size=6, max_size=6).filter(any)


def test_names_and_definitions_begin_as_they_are_asked_to():
    assert list(NAMES) == [f"mine_{name}" for name in textbook.DETECTION]
    assert all(q.definition.startswith("mine/pixels/") for q in NAMES.values())
    assert len({q.definition for q in NAMES.values()}) == len(NAMES)
    assert all("pixel" in q.text and "{" not in q.text for q in NAMES.values())
    assert [q.better for q in NAMES.values()] == ["higher", "higher", "higher", "lower", "lower"]


@given(inside=COUNTS, outside=COUNTS)
@settings(max_examples=60, deadline=None)
def test_values_are_those_of_the_pixels_one_by_one(inside, outside):
    """The surest bin comes first; pixels of one bin are tied."""
    values = detection_values(NAMES, FilledPair.of(np.array(inside), np.array(outside)), "msp")
    surety = -np.repeat([*range(6), *range(6)], [*inside, *outside])
    ties = textbook.ranking(surety, np.arange(len(surety)) < sum(inside))
    for value, (name, number) in zip(values, textbook.detection(ties).items(), strict=True):
        assert (value.metric, value.score) == (f"mine_{name}", "msp")
        assert value.value == pytest.approx(float(number), abs=1e-12)
        assert 0 <= value.lo <= value.value <= value.hi <= 1


@given(inside=COUNTS, outside=COUNTS)
@settings(max_examples=30, deadline=None)
def test_exact_values_are_the_same_without_brackets(inside, outside):
    pair = FilledPair.of(np.array(inside), np.array(outside))
    expected = [replace(v, lo=v.value, hi=v.value) for v in detection_values(NAMES, pair, "msp")]
    assert exact_detection_values(NAMES, pair.first, pair.second, "msp") == expected


def test_swapping_the_sides_and_the_order_swaps_the_two_ways_round():
    inside, outside = np.array([3, 1, 0, 2]), np.array([0, 2, 2, 1])
    there = detection_values(NAMES, FilledPair.of(inside, outside), "msp")
    back = detection_values(NAMES, FilledPair.of(outside[::-1].copy(), inside[::-1].copy()), "msp")
    assert [back[i].value for i in (0, 2, 1, 4, 3)] == pytest.approx([v.value for v in there])
