"""Bins: closed on the right side, ordered as confidence is, and of the sizes that are said."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reliseg.stats import bins
from reliseg.stats.bins import COARSE_BINS, COARSE_SHIFT, SET_BINS, MarginBins, SignedBins, TailBins, set_bin, set_edges
from reliseg.stats.built_in_scores import BUILT_IN_SCORES, OPEN_SCORE

EVERY = {**{name: score.bins for name, score in BUILT_IN_SCORES.items()}, "any other": OPEN_SCORE}
every = pytest.mark.parametrize("kind", EVERY.values(), ids=EVERY)


def positive(low=-80, high=20):
    """Floats of all magnitudes, with exact powers of two and their neighbours."""
    power = st.integers(low, high).map(lambda e: math.ldexp(1.0, e))
    near = st.builds(lambda x, k: x * (1 + k * 2.0**-24), power, st.integers(-3, 3))
    return st.one_of(st.just(0.0), near, st.floats(math.ldexp(1.0, low), math.ldexp(1.0, high)))


@pytest.mark.parametrize("k", range(16))
def test_reliability_bins_are_right_closed_the_first_on_both_sides(k):
    edge = k / 15
    around = np.array([np.nextafter(edge, 0), edge, np.nextafter(edge, 1)])
    expected = [max(k - 1, 0), max(k - 1, 0), min(k, 14)]
    assert bins.reliability_bin(around).tolist() == expected


@given(st.floats(0, 1))
def test_reliability_bin_is_the_one_whose_edges_hold_the_probability(p):
    assert bins.reliability_bin(np.array([p])).tolist() == [bin_by_edges(p)]


def bin_by_edges(p):
    return next(b for b in range(15) if p <= (b + 1) / 15)


def coordinates(kind):
    if isinstance(kind, TailBins):
        return positive()
    if isinstance(kind, MarginBins):
        return st.one_of(st.floats(0, 1), positive(high=0).filter(lambda x: x <= 1))
    return st.one_of(positive(), positive().map(lambda x: -x))


@pytest.mark.slow
@every
@given(data=st.data())
def test_a_surer_pixel_never_has_a_later_bin(kind, data):
    """Tail coordinates fall with confidence, the others rise with it."""
    a, b = sorted(data.draw(st.tuples(coordinates(kind), coordinates(kind))))
    first, second = kind.index(np.array([a, b])).tolist()
    assert 0 <= first < kind.size
    assert 0 <= second < kind.size
    assert first <= second if isinstance(kind, TailBins) else first >= second


@given(
    a=st.tuples(positive(high=-1), st.booleans()),
    b=st.tuples(positive(high=-1), st.booleans()),
)
def test_margin_bins_are_ordered_at_both_ends_where_a_margin_alone_would_round(a, b):
    """`small` is 1 - margin of sure pixels, margin of unsure ones; the exact order is known either way."""
    kind = BUILT_IN_SCORES["margin"].bins

    def one(small, sure):
        small = min(small, 0.5)
        tail, margin = (small, 1 - small) if sure else (1 - small, small)
        place = (0, small) if sure else (1, -small)
        return place, int(kind.index_of(np.array([tail]), np.array([margin]))[0])

    (place_a, bin_a), (place_b, bin_b) = one(*a), one(*b)
    assert 0 <= bin_a < kind.size
    if place_a <= place_b and not (a[0] == b[0] == 0.5):
        assert bin_a <= bin_b


@given(st.floats(0, 1))
def test_margin_index_agrees_with_the_index_of_both_ends(margin):
    kind = BUILT_IN_SCORES["margin"].bins
    assert kind.index(np.array([margin])) == kind.index_of(np.array([1 - margin]), np.array([margin]))


@every
def test_coarse_bins_suffice(kind):
    assert kind.coarse_size <= COARSE_BINS
    assert (kind.size - 1) >> COARSE_SHIFT == kind.coarse_size - 1


@pytest.mark.parametrize("kind", [k for k in EVERY.values() if isinstance(k, TailBins)])
def test_tail_bins_cover_what_they_say(kind):
    low, high = 2.0**kind.low, 2.0**kind.high
    below_high = high * (1 - 2.0**-24)
    ends = np.array([0.0, low / 2, low * (1 - 2.0**-24), low, low * (1 + 2.0**-12), below_high, high, high * 1000])
    last = kind.size - 1
    assert kind.index(ends).tolist() == [0, 0, 0, 1, 2, last - 1, last, last]
    assert (kind.high - kind.low) * 4096 + 2 == kind.size


@pytest.mark.parametrize("kind", [BUILT_IN_SCORES["margin"].bins])
def test_margin_bins_cover_what_they_say(kind):
    sure = np.array([0.0, 2.0**kind.low / 2, 2.0**kind.low, 0.5 - 2.0**-25])
    first = kind.index_of(sure, 1 - sure)
    assert first.tolist() == [0, 0, 1, (-1 - kind.low) * 4096]
    unsure = np.array([0.5, 0.5 - 2.0**-26, 2.0**kind.high, 2.0**kind.high * (1 - 2.0**-24), 0.0])
    second = kind.index_of(1 - unsure, unsure)
    half, last = (-1 - kind.low) * 4096 + 1, kind.size - 1
    assert second.tolist() == [half, half, last - 1, last, last]


@pytest.mark.parametrize("kind", [BUILT_IN_SCORES["max_logit"].bins, OPEN_SCORE])
def test_signed_bins_cover_what_they_say(kind):
    assert isinstance(kind, SignedBins)
    low, high = 2.0**kind.low, 2.0**kind.high
    middle = (kind.size - 1) // 2
    scores = np.array([high * 4, high, low, low * 0.99, 0.0, -0.0, -low * 0.99, -low, -high, -high * 4])
    expected = [0, 0, middle - 1, middle, middle, middle, middle, middle + 1, kind.size - 1, kind.size - 1]
    assert kind.index(scores).tolist() == expected


@given(positive(low=-64, high=7), st.integers(1, 4095))
def test_neighbouring_bins_differ_by_one_part_in_4096(x, k):
    """Within an octave, bin k begins at (1 + k/4096) times its start."""
    kind = BUILT_IN_SCORES["msp"].bins
    octave = math.ldexp(1.0, math.frexp(x)[1] - 1) if x else 1.0
    start = int(kind.index(np.array([octave]))[0])
    edge = octave * (1 + k / 4096)
    before = edge * (1 - 2.0**-23)
    if octave >= 2.0**kind.low:
        assert kind.index(np.array([edge, before])).tolist() == [start + k, start + k - 1]


@every
@given(data=st.data())
def test_edges_hold_the_coordinates_of_their_bins(kind, data):
    """Of float32: no coordinate is rounded across an edge."""
    edges = kind.edges()
    assert len(edges) == kind.size - 1
    rises = isinstance(kind, TailBins)
    assert (np.diff(edges) >= 0).all() if rises else (np.diff(edges) <= 0).all()
    value = float(np.float32(data.draw(coordinates(kind))))
    (index,) = kind.index(np.array([value])).tolist()
    before, after = (edges[index - 1] if index else None), (edges[index] if index < kind.size - 1 else None)
    low, high = (before, after) if rises else (after, before)
    assert low is None or low <= value
    assert high is None or value <= high


@given(p=st.floats(1e-9, 0.5))
def test_bins_of_sets_hold_the_probabilities_between_their_edges(p):
    edges, bin_ = set_edges(), int(set_bin(np.array([p]))[0])
    slack = 1e-6 * p  # odds are rounded to float32
    assert bin_ >= SET_BINS or edges[bin_ + 1] - slack <= p <= edges[bin_] + slack
    assert bin_ < SET_BINS or p <= edges[-1] + slack


def test_edges_of_sets_are_fine_where_thresholds_are():
    edges = set_edges()
    assert edges[0] == 0.5
    assert edges[-1] == pytest.approx(2.0**-20, rel=1e-5)
    assert (edges[1:] / edges[:-1]).min() > 0.94  # a step of at most 6 %
    assert set_bin(np.array([0.0, 1e-30])).min() >= SET_BINS
