"""Thresholds against the definition over sorted pixels, for every order that pixels may have inside their bins."""

from itertools import product

import numpy as np
import pytest
from helpers import textbook
from hypothesis import given, settings
from hypothesis import strategies as st

from reliseg.stats.filled.bins import FilledPair
from reliseg.stats.threshold import Threshold


def histograms(*counts):
    return [np.array(c, np.int64) for c in counts]


def apart(right, wrong):
    """The same pixels with an empty bin after each: no edge that rounding could take them across."""
    return [np.stack([counts, np.zeros_like(counts)], axis=1).ravel() for counts in (right, wrong)]


def exact(pixels, levels, percent):
    """(coverage, risk) where pixels are (of the split, bin, right); a higher level is surer inside the bin."""
    sides = []
    for side in (True, False):
        chosen = [(level - 10 * b, right) for (s, b, right), level in zip(pixels, levels, strict=True) if s is side]
        sides.append(tuple(zip(*chosen, strict=True)) or ((), ()))
    threshold = textbook.lowest_threshold(*sides[0], percent)
    return None if threshold is None else textbook.accepted(*sides[1], threshold)


def pixels_of(fitted, tested):
    """One entry per pixel of histograms [right, wrong] of either side."""
    return [
        (side, b, kind == 0)
        for side, counts in ((True, fitted), (False, tested))
        for kind in (0, 1)
        for b, n in enumerate(counts[kind])
        for _ in range(n)
    ]


CASES = {
    "one bin each": (([1, 0], [0, 1]), ([1, 1], [1, 1]), 60),
    "inside the second": (([1, 2], [0, 2]), ([0, 1], [0, 1]), 75),
    "only wrong ones in the last": (([3, 0], [0, 1]), ([0, 1], [0, 1]), 75),
    "a few of the wrong ones": (([3, 0], [0, 2]), ([0, 1], [1, 1]), 75),
    "nothing surer": (([0, 1], [0, 0]), ([0, 2], [0, 2]), 95),
    "only right ones accepted": (([1, 1], [0, 1]), ([0, 2], [0, 0]), 60),
    "only wrong ones accepted": (([1, 1], [0, 1]), ([0, 0], [2, 0]), 60),
    "far beyond the whole bins": (([1, 1, 1], [0, 1, 1]), ([1, 0, 1], [0, 1, 0]), 70),
    "an empty bin of the split": (([1, 0, 1], [0, 0, 1]), ([0, 1, 0], [0, 1, 1]), 90),
    "no threshold in an empty bin": (([3, 0, 0], [0, 0, 2]), ([1, 1, 0], [0, 1, 0]), 75),
    "surer wrong ones": (([0, 2], [1, 1]), ([1, 1], [1, 0]), 60),
}


@pytest.mark.parametrize(("fitted", "tested", "percent"), CASES.values(), ids=CASES)
def test_brackets_are_what_all_orders_inside_the_bins_give(fitted, tested, percent):
    """Three levels inside a bin are enough to reach every extreme; equal ones are true ties."""
    fitted_apart, tested_apart = (apart(*histograms(*counts)) for counts in (fitted, tested))
    threshold = Threshold.at_accuracy(*fitted_apart, percent)
    pixels = pixels_of(fitted, tested)
    found = [exact(pixels, levels, percent) for levels in product(range(3), repeat=len(pixels))]
    tied = exact(pixels, [0] * len(pixels), percent)
    if threshold.last is None:
        assert tied is None
        assert threshold.why == f"no confidence gives {percent} % accuracy on the calibration split"
        return
    coverage, risk = threshold.coverage(FilledPair.of(*tested_apart)), threshold.risk(FilledPair.of(*tested_apart))
    assert None not in found  # the whole bins already reach it
    coverages = [c for c, _ in found]
    assert coverage == (float(tied[0]), float(min(coverages)), float(max(coverages)))
    if tied[1] is None:
        assert np.isnan(risk).all()
    else:
        risks = [r for _, r in found if r is not None]
        assert risk == (float(tied[1]), float(min(risks)), float(max(risks)))


counts = st.lists(st.tuples(*[st.integers(0, 4)] * 4), min_size=1, max_size=6)


@given(counts=counts, percent=st.sampled_from([50, 60, 75, 95]), seed=st.integers(0, 999))
@settings(max_examples=300, deadline=None)
def test_brackets_hold_the_answer_of_any_order(counts, percent, seed):
    fitted, tested = np.split(np.array(counts, np.int64).T, 2)
    threshold = Threshold.at_accuracy(*fitted, percent)
    if threshold.last is None or not tested.any():
        return
    pixels = pixels_of(fitted, tested)
    levels = np.random.default_rng(seed).integers(0, 9, len(pixels)).tolist()
    found = exact(pixels, levels, percent)
    assert found is not None
    assert_held(threshold, tested, found)


def assert_held(threshold, tested, found):
    """The values lie in their brackets, and so do the exact coverage and risk."""
    coverage, risk = threshold.coverage(FilledPair.of(*tested)), threshold.risk(FilledPair.of(*tested))
    exact_coverage, exact_risk = found
    assert coverage[1] <= float(exact_coverage) <= coverage[2]
    assert coverage[1] <= coverage[0] <= coverage[2]
    if not np.isnan(risk[0]):
        assert risk[1] <= risk[0] <= risk[2]
        if exact_risk is not None:
            assert risk[1] <= float(exact_risk) <= risk[2]


def test_the_limit_is_met_in_whole_numbers():
    """19 of 20 are 95 %: no rounding of 0.95 decides."""
    for scale in (1, 10**9):
        enough = Threshold.at_accuracy(*histograms([19 * scale], [scale]))
        assert enough.last == 0
        assert Threshold.at_accuracy(*histograms([19 * scale - 1], [scale])).last is None


def test_the_largest_coverage_counts_not_the_first_crossing():
    """Wrong pixels among the surest do not end the search; an empty bin is never the threshold."""
    threshold = Threshold.at_accuracy(*histograms([0, 30, 10, 0, 5], [1, 0, 0, 0, 5]))
    assert threshold.last == 2
    assert threshold.coverage(FilledPair.of(*histograms([0, 1, 1, 7, 1], [0] * 5)))[0] == 0.2


def test_nothing_is_chosen_without_pixels():
    assert Threshold.at_accuracy(*histograms([0, 0], [0, 0])).last is None


@given(counts=counts, percent=st.sampled_from([50, 60, 75, 95]), seed=st.integers(0, 999))
@settings(max_examples=300, deadline=None)
def test_brackets_hold_where_pixels_at_an_edge_belong_in_the_next_bin(counts, percent, seed):
    """The first and last pixels of each bin are at its edges: each may be surer or less sure than some beyond it."""
    fitted, tested = np.split(np.array(counts, np.int64).T, 2)
    threshold = Threshold.at_accuracy(*fitted, percent)
    if threshold.last is None or not tested.any():
        return
    pixels = pixels_of(fitted, tested)
    g = np.random.default_rng(seed)
    one_of_a_kind = {pixel: i for i, pixel in enumerate(pixels)}.values()
    levels = g.integers(1, 9, len(pixels))
    for i in one_of_a_kind:
        levels[i] = g.choice([levels[i], -1, 0, 10, 11])
    found = exact(pixels, levels.tolist(), percent)
    if found is not None:
        assert_held(threshold, tested, found)
