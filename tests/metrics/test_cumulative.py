"""The cumulative sum of confidence minus correctness: its brackets."""

from itertools import pairwise, product

import numpy as np
import pytest
from helpers.metric_values import UNITS, known_pixels
from helpers.worlds import WORLDS, of_pixels
from hypothesis import given, settings
from hypothesis import strategies as st

from reliseg.metrics import cumulative
from reliseg.metrics.cumulative import CumulativePath
from reliseg.stats.built_in_scores import msp_edges
from reliseg.stats.rounding import ROUNDING


@given(
    intervals=st.lists(st.tuples(st.integers(-4, 4), st.integers(0, 3)), min_size=1, max_size=4),
    final=st.integers(-4, 4),
)
@settings(max_examples=60, deadline=None)
def test_bracket_of_adaptive_error_is_the_range_over_all_paths(intervals, final):
    """A path starts at 0, is somewhere in each interval, and ends at `final`; the extremes are at whole numbers."""
    low = np.array([a for a, _ in intervals], float)
    high = low + [width for _, width in intervals]
    places = product(*(range(a, a + width + 1) for a, width in intervals))
    lengths = [sum(abs(b - a) for a, b in pairwise((0, *path, final))) for path in places]
    ends = np.array([0.0, *low, final]), np.array([0.0, *high, final])
    assert cumulative.movement(*ends) == (min(lengths), max(lengths))


@pytest.mark.parametrize("each", WORLDS.values(), ids=WORLDS)
def test_the_path_ends_at_the_sum_of_confidence_minus_correctness(each):
    msp, right, _, _ = known_pixels(each)
    path = CumulativePath.of(each.domain())
    assert path.pixels == len(msp)
    assert path.end[-1] == pytest.approx((msp - right).sum(), abs=UNITS * len(msp))
    np.testing.assert_array_equal(path.start, [0, *path.end[:-1]])
    _, counts = np.unique(each.tied("msp")[each.known], return_counts=True)
    np.testing.assert_array_equal(path.counts, counts)  # least confident first


@pytest.mark.parametrize("each", WORLDS.values(), ids=WORLDS)
def test_the_path_is_that_of_all_fine_bins_one_by_one(each):
    domain = each.domain()
    found, whole = CumulativePath.of(domain), CumulativePath.with_ties(domain, np.arange(len(msp_edges()) - 1))
    for name, line in vars(whole).items():
        np.testing.assert_array_equal(getattr(found, name), line, err_msg=name)


def test_the_path_of_known_pixels():
    """Two pixels of confidence 0.6, the second wrong; one of 0.9 that is right."""
    low, high = np.log(0.6 / 0.4), np.log(0.9 / 0.1)
    path = CumulativePath.of(of_pixels([[low, low, high], [0.0] * 3], [0, 1, 0]).domain())
    assert path.counts.tolist() == [2, 1]
    assert path.end == pytest.approx([0.2, 0.1], abs=1e-6)
    assert path.up == pytest.approx([0.6, 0], abs=1e-3)  # the wrong pixel first, by the bin's upper edge
    assert path.down == pytest.approx([0.4, 0.1], abs=1e-3)
    read, lowest, highest = path.after(np.array([0, 1, 2, 3]))
    assert read == pytest.approx([0, 0.2, 0.2, 0.1], abs=1e-6)  # inside a tie, at its end
    assert lowest == pytest.approx([0, -0.4, 0.2, 0.1], abs=1e-3)
    assert highest == pytest.approx([0, 0.6, 0.2, 0.1], abs=1e-3)
    value, lo, hi = path.largest()
    assert value == pytest.approx(0.2 / 3)
    assert lo == pytest.approx(value - ROUNDING, abs=1e-12)
    assert hi == pytest.approx(0.6 / 3, abs=1e-3)
    value, lo, hi = path.movement(np.array([0, 2, 3]))
    assert (value, lo, hi) == pytest.approx((0.3 / 3, value - ROUNDING, value + ROUNDING))


def test_runs_of_bins_that_count_as_one_are_one_step_of_the_path():
    each = of_pixels([[3.0, 2.0, 1.0], [0.0] * 3], [0, 0, 1])
    bins = each.domain().pixels.ranks["msp"].counts.shape[1]
    apart, together = CumulativePath.of(each.domain()), CumulativePath.with_ties(each.domain(), np.array([0]))
    assert len(apart.counts) == 3
    assert together.counts.tolist() == [3]
    assert together.end == pytest.approx(apart.end[-1:])
    unchanged = CumulativePath.with_ties(each.domain(), np.arange(bins))
    for field in ("counts", "start", "end", "up", "down", "blur", "tied"):
        np.testing.assert_array_equal(getattr(unchanged, field), getattr(apart, field))
