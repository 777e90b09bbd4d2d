"""The fused kernel's elementary functions, to their last bits, and its order of pixels."""

import numpy as np
import pytest

from reliseg.stats import _numeric, _plan
from reliseg.stats.bins import FINE, MANTISSA, reliability_bin
from reliseg.stats.view import source_positions


def applied(function, values, *arguments):
    return np.array([function(v, *arguments) for v in np.asarray(values, np.float32)])


def test_exp():
    x = np.concatenate([np.linspace(-87, 0, 20001), -np.logspace(-9, 0, 2001)]).astype(np.float32)
    want = np.exp(x.astype(np.float64))
    assert (np.abs(applied(_numeric.exp, x) / want - 1) <= (2 + np.abs(x) / 6) * 1e-7).all()
    assert applied(_numeric.exp, [0.0, -0.0]).tolist() == [1, 1]
    assert (applied(_numeric.exp, [-88, -1e4, -1e30, -np.inf]) <= 2.0**-125).all()


def test_exp_has_no_bias():
    """Its mean error is what sums over millions of pixels keep."""
    x = -np.random.default_rng(0).uniform(0, 5, 20000).astype(np.float32)
    assert abs((applied(_numeric.exp, x) / np.exp(x.astype(np.float64)) - 1).mean()) < 1e-7


def test_log():
    u = np.concatenate([np.linspace(1.001, 260, 20001), 1 + np.logspace(-6.9, 0, 2001)]).astype(np.float32)
    want = np.log(u.astype(np.float64))
    assert np.abs(applied(_numeric.log, u) / want - 1).max() <= 1e-7
    assert _numeric.log(np.float32(1)) == 0


def test_units_round_to_nearest():
    g = np.random.default_rng(1)
    x = np.concatenate([g.uniform(-2, 2, 2000), g.uniform(-1e6, 1e6, 2000), 10 ** g.uniform(-9, 0, 2000)])
    x = x.astype(np.float32)
    assert (applied(_numeric.units, x) == np.rint(x.astype(np.float64) * 2**24)).all()
    p = np.concatenate([g.uniform(0, 1, 2000), 10 ** g.uniform(-9, 0, 2000), 1 - 2.0**-24 * np.arange(40)])
    p = p.astype(np.float32)
    assert (applied(_numeric.unit, p) == np.rint(p.astype(np.float64) * 2**24)).all()


def test_reliability_bins_at_the_edges():
    """Each edge as float32 rounds it, and its neighbours, as the float64 rule places the true quotients."""
    for k in range(1, 16):
        edge = np.float32(k / 15)
        below, above = np.nextafter(edge, np.float32(0)), np.nextafter(edge, np.float32(2))
        want = [k - 1, k - 1, min(k, 14)]
        assert [_numeric.reliability(p) for p in (below, edge, above)] == want
        assert reliability_bin(np.array([k / 15]))[0] == k - 1
    assert _numeric.reliability(np.float32(1e-30)) == 0
    assert 0 <= _numeric.reliability(np.float32(np.nan)) < 15


@pytest.mark.parametrize("score", ["msp", "neg_entropy"])
def test_octaves_are_the_fine_bins(score):
    bins = FINE[score]
    g = np.random.default_rng(2)
    x = np.concatenate([2.0 ** g.uniform(-70, 12, 4000), 2.0 ** np.arange(-70, 12), [0]]).astype(np.float32)
    got = applied(_numeric.octaves, x, np.int32(bins.low), np.int32(bins.size - 1))
    np.testing.assert_array_equal(got, bins.index(x.astype(np.float64)))
    assert (bins.size - 2) % (1 << MANTISSA) == 0


@pytest.mark.parametrize("align", [False, True])
@pytest.mark.parametrize("native", [1, 2, 5, 64, 65, 200, 800])
@pytest.mark.parametrize("size", [1, 3, 64, 200, 256, 333, 800])
def test_each_pixel_stands_in_one_place_with_its_own_position(native, size, align):
    plan = _plan.columns(native, size, align)
    filled = np.flatnonzero(plan.pixel < size)
    np.testing.assert_array_equal(np.sort(plan.pixel[filled]), np.arange(size))
    assert len(plan.pixel) == _plan.PIXELS * (plan.stretches * plan.quads + plan.spare)
    place = np.arange(len(plan.pixel))
    block, within = np.divmod(place, _plan.PIXELS)
    cell = block // max(plan.quads, 1) * _plan.CELLS + within % _plan.CELLS
    cell[len(place) - len(plan.cell) :] = plan.cell
    assert (np.diff(plan.cell.reshape(-1, _plan.PIXELS)[plan.run], axis=1) == 1).all()
    lower, weight = source_positions(native, size, align)
    line = np.random.default_rng(3).standard_normal(native)
    want = line[lower] + (line[np.minimum(lower + 1, native - 1)] - line[lower]) * weight
    closed = np.append(line, line[0])
    got = closed[cell[filled]] + (closed[cell[filled] + 1] - closed[cell[filled]]) * plan.weight[filled]
    np.testing.assert_allclose(got, want[plan.pixel[filled]], atol=2e-6)  # weights are float32


def test_native_logits_of_the_size_of_the_image_are_read_in_runs():
    assert _plan.columns(2048, 2048, False).run.tolist() == [True] * 7 + [False]
    assert _plan.columns(1024, 2048, False).run.sum() >= 6
