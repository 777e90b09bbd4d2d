"""Units and bins of the fused kernel against their definitions."""

import numpy as np
import pytest

from reliseg.kernels.cpu import binning
from reliseg.stats.bins import MANTISSA, SET_BINS, reliability_bin, set_bin
from reliseg.stats.built_in_scores import BUILT_IN_SCORES


def applied(function, values, *arguments):
    return np.array([function(v, *arguments) for v in np.asarray(values, np.float32)])


def test_units_round_to_nearest():
    g = np.random.default_rng(1)
    x = np.concatenate([g.uniform(-2, 2, 2000), g.uniform(-1e6, 1e6, 2000), 10 ** g.uniform(-9, 0, 2000)])
    x = x.astype(np.float32)
    assert (applied(binning.units, x) == np.rint(x.astype(np.float64) * 2**24)).all()
    p = np.concatenate([g.uniform(0, 1, 2000), 10 ** g.uniform(-9, 0, 2000), 1 - 2.0**-24 * np.arange(40)])
    p = p.astype(np.float32)
    assert (applied(binning.unit, p) == np.rint(p.astype(np.float64) * 2**24)).all()


def test_reliability_bins_at_the_edges():
    """Each edge as float32 rounds it, and its neighbours, as the float64 rule places the true quotients."""
    for k in range(1, 16):
        edge = np.float32(k / 15)
        below, above = np.nextafter(edge, np.float32(0)), np.nextafter(edge, np.float32(2))
        want = [k - 1, k - 1, min(k, 14)]
        assert [binning.reliability_bin(p) for p in (below, edge, above)] == want
        assert reliability_bin(np.array([k / 15]))[0] == k - 1
    assert binning.reliability_bin(np.float32(1e-30)) == 0
    assert 0 <= binning.reliability_bin(np.float32(np.nan)) < 15


@pytest.mark.parametrize("score", ["msp", "neg_entropy"])
def test_octaves_are_the_fine_bins(score):
    bins = BUILT_IN_SCORES[score].bins
    g = np.random.default_rng(2)
    x = np.concatenate([2.0 ** g.uniform(-70, 12, 4000), 2.0 ** np.arange(-70, 12), [0]]).astype(np.float32)
    got = applied(binning.octaves, x, np.int32(bins.low), np.int32(bins.size - 1))
    np.testing.assert_array_equal(got, bins.index(x.astype(np.float64)))
    assert (bins.size - 2) % (1 << MANTISSA) == 0


def test_bins_of_probabilities_that_are_not_the_largest():
    g = np.random.default_rng(3)
    p = np.concatenate([2.0 ** g.uniform(-22, -1, 4000), 2.0 ** -np.arange(1, 23)]).astype(np.float32)
    got, want = applied(binning.set_bin, p), set_bin(p.astype(np.float64))
    assert np.abs(got - want).max() <= 1  # 1 - p is rounded
    assert (got != want).sum() <= 2
    assert got.max() >= SET_BINS
