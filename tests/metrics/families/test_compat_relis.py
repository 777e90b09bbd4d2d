"""The study's numbers against its published algorithms, written down anew in plain NumPy, and their formulas."""

import math
from itertools import pairwise

import numpy as np
import pytest
from helpers.worlds import of_pixels, world

from reliseg.config.schema import parse_settings
from reliseg.metrics import METRICS
from reliseg.metrics.families.calibration_error import BinnedCalibrationError
from reliseg.metrics.families.compat_relis import CompatRelis, float32_ties
from reliseg.metrics.families.misclassification import Misclassification
from reliseg.stats.built_in_scores import fine_bins

PIXELS = 6000
UNITS = 6e-8
FINITE = 300 / PIXELS
"""The script's areas are sums over pixels, the formula's integrals: PRR, in percent, differs by less than this."""
BIG = {
    "void and unknown": world(1, pixels=PIXELS),
    "no void": world(2, pixels=PIXELS, void=0, unknown=0),
    "much void": world(3, pixels=PIXELS, void=0.4),
    "ties": world(4, pixels=PIXELS, step=1.0),
    "poor": world(5, pixels=PIXELS, noise=30.0),
    "good": world(6, pixels=PIXELS, noise=0.5, spread=4.0),
    "projected": world(7, pixels=PIXELS, classes=4, groups=(0, 1, 2, 3, 0, 4, 4)),
    "beyond float32": world(8, pixels=PIXELS, spread=14.0, noise=9.0),
}
every_world = pytest.mark.parametrize("each", BIG.values(), ids=BIG)


def measured(each):
    return {(v.metric, v.score): v for v in CompatRelis().compute(each.domain(), None)}


def float32_softmax(each):
    """Probabilities as the study has them: exponentials over their sum, in float32."""
    z = each.z.astype(np.float32)
    p = np.exp(z - z.max(axis=0))
    return p / p.sum(axis=0, dtype=np.float32)


def binned_error(msp, right, edges):
    """Sum of |accuracy - confidence| over bins (lower, upper], weighted by their share of all pixels."""
    total = 0.0
    for lower, upper in pairwise(edges):
        inside = (msp > lower) & (msp <= upper)
        if inside.any():
            total += abs(right[inside].mean() - msp[inside].mean()) * inside.mean()
    return total


def interpolated_edges(msp):
    n = len(msp)
    return np.interp(np.linspace(0, n, 16), np.arange(n), np.sort(msp))


def kolmogorov_smirnov(msp, right):
    order = np.argsort(msp, kind="stable")
    return np.abs(np.cumsum(msp[order]) - np.cumsum(right[order])).max() / len(msp)


def rejection_ratio(confidence, wrong):
    """The published sums: x is a fraction of pixels, errors one over 100, and the oracle's line ends at e/100."""
    n = len(wrong)
    errors = np.cumsum(wrong[np.argsort(-confidence, kind="stable")]) / n
    x, i = np.arange(1, n + 1) / n, np.arange(n)
    e = errors[-1]
    end = e / 100 * n
    oracle = np.where(i < int(end), e * (1 - i / end), 0)
    curves = (errors[::-1], e * (1 - i / n), oracle)
    uncertain, random, best = (1 - np.trapezoid(curve / 100, x) for curve in curves)
    return 100 * (uncertain - random) / (best - random)


def of_known(each):
    msp = float32_softmax(each).max(axis=0).astype(np.float64)
    return msp[each.known], each.right[each.known].astype(float)


@every_world
def test_ece_is_that_of_the_study_and_the_right_one(each):
    msp, right = of_known(each)
    value = measured(each)["relis_ece", "msp"]
    ours = next(v for v in BinnedCalibrationError().compute(each.domain(), None) if v.metric == "ece")
    assert (value.value, value.lo, value.hi) == (ours.value, ours.lo, ours.hi)
    assert value.value == pytest.approx(binned_error(msp, right, np.linspace(0, 1, 16)), abs=2e-6)


@every_world
def test_adaptive_ece_is_that_of_the_study(each):
    msp, right = of_known(each)
    value = measured(each)["relis_ada_ece", "msp"]
    exact = binned_error(msp, right, interpolated_edges(msp))
    assert value.lo - 1e-6 <= exact <= value.hi + 1e-6
    assert value.value == pytest.approx(exact, abs=3 / PIXELS)
    assert value.hi - value.lo < (60 / PIXELS if len(np.unique(msp)) > 0.9 * len(msp) else 0.03)


@every_world
def test_ks_is_that_of_the_study(each):
    msp, right = of_known(each)
    value = measured(each)["relis_ks", "msp"]
    exact = kolmogorov_smirnov(msp, right)
    assert value.lo - 1e-6 <= exact <= value.hi + 1e-6
    assert value.value == pytest.approx(exact, abs=0.01)


@every_world
@pytest.mark.parametrize("score", ["msp", "neg_entropy"])
def test_prr_is_that_of_the_study(each, score):
    """Unknown and void pixels are wrong, whatever is predicted there."""
    confidence = float32_softmax(each).max(axis=0) if score == "msp" else each.confidence(score)
    wrong = ~(each.right & each.known)
    value = measured(each)["relis_prr", score]
    exact = rejection_ratio(confidence, wrong)
    assert value.lo - FINITE <= exact <= value.hi + FINITE
    assert value.lo <= value.value <= value.hi
    tied = len(np.unique(confidence)) < 0.9 * PIXELS
    assert tied or abs(value.value - exact) < 0.2


def test_prr_without_void_is_the_right_one_with_the_oracle_gone():
    each = BIG["no void"]
    e = 1 - each.right.mean()
    ours = {v.score: v for v in Misclassification().compute(each.domain(), None) if v.metric == "prr"}
    for score in ("msp", "neg_entropy"):
        value, factor = measured(each)["relis_prr", score], (1 - e) / (1 - e / 100)
        assert value.value == pytest.approx(ours[score].value * factor, abs=1e-3)
        assert value.value < 0.95 * ours[score].value


def test_void_pixels_change_prr_and_nothing_else():
    few, many = (world(6, pixels=PIXELS, noise=0.5, spread=4.0, void=v, unknown=0) for v in (0, 0.1))
    kept = many.known
    assert (few.truth[kept] == many.truth[kept]).all()
    values, other = measured(few.only(kept)), measured(many)
    assert all(values[name, "msp"] == other[name, "msp"] for name in ("relis_ece", "relis_ada_ece", "relis_ks"))
    assert other["relis_prr", "msp"].value < values["relis_prr", "msp"].value - 10


def test_confidences_that_float32_does_not_tell_apart_are_one_tie():
    """Margins from 18 to 30 give probability 1 in float32; those pixels are half wrong, the surest of them right."""
    margins = np.concatenate([np.linspace(30, 24, 50), np.linspace(22, 18, 50), np.linspace(1, 2, 100)])
    truth = [0] * 50 + [1] * 50 + [0] * 90 + [1] * 10
    values = measured(of_pixels([margins, np.zeros(200)], truth))
    msp = np.where(margins > 17, 1.0, 1 / (1 + np.exp(-margins)))
    right = np.array(truth) == 0
    assert values["relis_ada_ece", "msp"].value == pytest.approx(
        binned_error(msp, right, interpolated_edges(msp)), abs=0.02
    )
    prr = values["relis_prr", "msp"]
    orders = [rejection_ratio(msp + 1e-9 * sign * right, ~right) for sign in (1, -1)]
    assert prr.hi - prr.lo > 40
    assert prr.hi == pytest.approx(max(orders), abs=3)
    assert prr.lo == pytest.approx(min(orders), abs=3)


def test_runs_of_bins_are_of_one_float32_and_hold_all_bins():
    ties = float32_ties()
    assert ties[0] == 0
    assert (np.diff(ties) > 0).all()
    odds = 2.0 ** np.array([-60, -25, -24.5, -22.9, -22.1, -11.5, -3, 2])
    run = np.searchsorted(ties, fine_bins("msp").index(odds), side="right")
    assert len(set(run[:3])) == 1  # below 2**-24 the sum of exponentials is 1
    assert len(set(run[2:])) == len(odds) - 2


@pytest.mark.parametrize(
    ("truth", "value", "why"),
    [([0, 0, 0], math.nan, "no wrong pixel"), ([1, 1, 255], 0.0, ""), ([255] * 3, 0.0, "")],
)
def test_prr_at_the_ends(truth, value, why):
    number = measured(of_pixels([[3.0, 2.0, 1.0], [0.0] * 3], truth))["relis_prr", "msp"]
    assert number.why == why
    assert number.value == pytest.approx(value, nan_ok=True)


def test_it_is_measured_only_where_it_is_named():
    usual = parse_settings({}).metrics
    assert usual == [name for name in METRICS.names() if METRICS.get(name).by_default]
    assert "compat_relis" not in usual
    assert parse_settings({"metrics": None}).metrics == usual
    assert parse_settings({"metrics": ["compat-relis"]}).metrics == ["compat_relis"]
    assert parse_settings({"metrics": ["all", "compat_relis", "drop"]}).metrics == [*usual, "compat_relis"]
    names = [set(METRICS.get(f)().quantities()) for f in usual]
    assert not set(CompatRelis().quantities()) & set.union(*names)
