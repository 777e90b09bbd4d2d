"""Every statistic is a commutative monoid to the bit."""

import numpy as np
import pytest
from helpers.kernel_images import assert_same_bytes

from reliseg.stats import Layout
from reliseg.stats.pixels import ClassWise, ConfidentErrors, FineConfidence, Losses, ScoreHistogram, TopLabel, Uncounted

LAYOUT = Layout(3, ("msp",))
STATISTICS = [
    lambda: TopLabel.zero(LAYOUT),
    lambda: ConfidentErrors.zero(LAYOUT),
    lambda: Uncounted.zero(LAYOUT),
    lambda: ClassWise.zero(LAYOUT),
    lambda: Losses.zero(LAYOUT),
    lambda: FineConfidence.zero(LAYOUT),
    lambda: ScoreHistogram.zero_of("msp"),
]


def filled(zero, g):
    """Random counts, and sums far beyond 63 bits, of either sign."""
    found = {}
    for name, array in zero.arrays().items():
        found[name] = g.integers(0, 10**9, array.shape)
        if name in zero.LIMBS:
            high = g.integers(-(2**50), 2**50, array.shape[:-1])
            found[name] = np.stack([high, g.integers(0, 2**32, array.shape[:-1])], axis=-1)
    return type(zero).from_arrays(found)


def value(sums):
    return sums[..., 0].astype(object) * 2**32 + sums[..., 1].astype(object)


@pytest.mark.parametrize("make", STATISTICS)
def test_statistics_add_field_by_field_exactly_and_in_canonical_form(make):
    zero, g = make(), np.random.default_rng(0)
    parts = [filled(zero, g) for _ in range(3)]
    a, b, c = parts
    whole = (a + b) + c
    assert_same_bytes(whole, a + (b + c))
    assert_same_bytes(whole, (c + a) + b)
    assert_same_bytes(whole + zero, whole)
    for name, array in whole.arrays().items():
        assert array.dtype == np.int64
        few = (slice(None),) * (array.ndim - 2) + (slice(0, 50),) if name in zero.LIMBS and array.ndim > 1 else ...
        pieces = [p.arrays()[name][few] for p in parts]
        if name in zero.LIMBS:
            assert (array[..., 1] >= 0).all()
            assert (array[..., 1] < 2**32).all()
            expected = sum((value(p) for p in pieces[1:]), value(pieces[0]))
            assert np.all(value(array[few]) == expected)
        else:
            np.testing.assert_array_equal(array[few], sum(pieces))


@pytest.mark.parametrize("make", STATISTICS)
def test_statistics_equal_only_their_like(make):
    zero = make()
    other = filled(zero, np.random.default_rng(1))
    assert zero == make()
    assert zero != other
    assert zero != "a statistic"
    assert (zero == (Losses.zero(LAYOUT))) == isinstance(zero, Losses)


def test_limb_fields_are_those_that_end_in_two_limbs():
    """A sum that is not carried, or a count that is, would break the laws."""
    named = {
        kind.__name__: kind.LIMBS
        for kind in (TopLabel, Uncounted, ConfidentErrors, ClassWise, Losses, FineConfidence, ScoreHistogram)
    }
    assert named == {
        "TopLabel": {"confidence"},
        "ConfidentErrors": set(),
        "Uncounted": {"confidence"},
        "ClassWise": {"probability", "uncounted"},
        "Losses": {"nll", "brier"},
        "FineConfidence": {"sums"},
        "ScoreHistogram": set(),
    }
