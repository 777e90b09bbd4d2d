"""Calibration errors against definitions in plain loops, scikit-learn and torchmetrics."""

import math
import warnings
from itertools import pairwise, product

import numpy as np
import pytest
import torch
from helpers import textbook
from helpers.worlds import WORLDS, of_pixels, world
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import log_loss
from torchmetrics.classification import MulticlassCalibrationError

from reliseg.metrics import METRICS, cumulative
from reliseg.metrics.families.calibration_error import BinnedCalibrationError
from reliseg.metrics.families.class_reliability import ClassReliability
from reliseg.metrics.families.class_wise_error import ClassWiseError
from reliseg.metrics.families.cumulative_error import CumulativeError
from reliseg.metrics.families.likelihood import Likelihood

UNITS = 6e-8
"""Each pixel's value is rounded to units of 2**-24, which moves a mean by at most 3e-8, and MCE's too; twice that."""
ODDS = 2.0**-24 + UNITS
"""Fine bins are of float32 odds: a pixel's confidence may lie this far beyond an edge of its bin."""

every_world = pytest.mark.parametrize("each", WORLDS.values(), ids=WORLDS)


def measured(metric, each):
    return {(v.metric, v.label): v for v in metric.compute(each.domain(), None)}


def known_pixels(each):
    known = each.known
    return each.confidence("msp")[known], each.right[known], each.truth[known].astype(int), each.guess[known]


@every_world
def test_ece_and_mce_are_their_definitions(each):
    msp, right, _, _ = known_pixels(each)
    found = measured(BinnedCalibrationError(), each)
    assert found["ece", ""].value == pytest.approx(textbook.ece(msp, right), abs=UNITS)
    assert found["mce", ""].value == pytest.approx(textbook.mce(msp, right), abs=UNITS)
    assert found["mce_floor", ""].value == pytest.approx(textbook.mce(msp, right, 0.001), abs=UNITS)


def test_the_floor_of_mce_takes_bins_of_exactly_one_per_mille_and_no_smaller():
    """1000 pixels of msp near 0.98 that are right, and one or none of msp 0.6 that is wrong."""
    sure, unsure = math.log(0.98 / 0.02), math.log(0.6 / 0.4)
    for pixels, bins_counted in ((999, 2), (1000, 1)):
        gaps = [sure] * pixels + [unsure]
        found = measured(BinnedCalibrationError(), of_pixels([gaps, [0.0] * len(gaps)], [0] * pixels + [1]))
        assert found["mce", ""].value == pytest.approx(0.6, abs=1e-6)
        assert found["mce_floor", ""].value == pytest.approx(0.6 if bins_counted == 2 else 0.02, abs=1e-6)


@pytest.mark.parametrize(("norm", "name"), [("l1", "ece"), ("max", "mce")])
@pytest.mark.parametrize("key", ["plain", "good", "poor", "two classes"])
def test_torchmetrics_agrees_away_from_edges(norm, name, key):
    each = WORLDS[key]
    p = torch.from_numpy(each.probabilities[:-1, each.known].T.copy())
    truth = torch.from_numpy(each.truth[each.known].astype(np.int64))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torchmetrics' own deprecations
        theirs = MulticlassCalibrationError(each.classes, n_bins=15, norm=norm)(p, truth)
    # torchmetrics takes means in float32
    assert measured(BinnedCalibrationError(), each)[name, ""].value == pytest.approx(float(theirs), abs=1e-6)


@every_world
def test_class_wise_error_is_the_mean_of_binary_errors_of_present_classes(each):
    _, _, truth, _ = known_pixels(each)
    p = each.probabilities[:, each.known]
    found = measured(ClassWiseError(), each)
    by_class = {c: textbook.ece(p[c], truth == c) for c in range(each.classes) if c not in each.absent}
    assert found["classwise_ece", ""].value == pytest.approx(sum(by_class.values()) / len(by_class), abs=UNITS)
    assert [label for _, label in found] == ["", *(f"class-{c}" for c in by_class)]
    for c, error in by_class.items():
        assert found["classwise_ece", f"class-{c}"].value == pytest.approx(error, abs=UNITS)


@every_world
def test_reliability_by_class_is_its_definition(each):
    msp, right, truth, guess = known_pixels(each)
    found = measured(ClassReliability(), each)
    for c in range(each.classes):
        names = [("class_ece", truth == c), ("predicted_class_ece", guess == c)]
        if c in each.absent:
            assert not any((name, f"class-{c}") in found for name, _ in names)
            continue
        for name, chosen in names:
            value = found[name, f"class-{c}"]
            if chosen.any():
                assert value.value == pytest.approx(textbook.ece(msp[chosen], right[chosen]), abs=UNITS)
            else:
                assert np.isnan(value.value)
                assert value.why
        for name, level in (("confident_error90", 0.90), ("confident_error99", 0.99)):
            value = found[name, f"class-{c}"]
            if (truth == c).any():
                missed = ((truth == c) & ~right & (msp > level)).sum()
                assert value.value == missed / (truth == c).sum()
            else:
                assert value.why == "the class does not occur"


@every_world
def test_likelihood_is_its_definition(each):
    _, _, truth, _ = known_pixels(each)
    p = each.probabilities[:, each.known]
    found = measured(Likelihood(), each)
    brier = sum((p[c, i] - (truth[i] == c)) ** 2 for i in range(len(truth)) for c in range(len(p))) / len(truth)
    assert found["brier", ""].value == pytest.approx(brier, abs=UNITS)
    nll = found["nll", ""]
    if 2 not in each.groups and 2 in truth:
        assert np.isnan(nll.value)
        assert "class-2" in nll.why
    else:
        columns = list(range(each.classes + 1))
        assert nll.value == pytest.approx(log_loss(truth, p.T, labels=columns), abs=UNITS)


def test_an_unreachable_class_without_pixels_leaves_nll_defined():
    each = WORLDS["unreachable"]
    kept = each.only(each.truth != 2)
    assert not np.isnan(measured(Likelihood(), kept)["nll", ""].value)


@pytest.mark.parametrize(("truth", "nll", "brier"), [(0, math.log(2), 0.5), (1, math.log(2), 0.5)])
def test_likelihood_of_one_undecided_pixel(truth, nll, brier):
    found = measured(Likelihood(), of_pixels([[0.0], [0.0]], [truth]))
    assert found["nll", ""].value == pytest.approx(nll, abs=UNITS)
    assert found["brier", ""].value == pytest.approx(brier, abs=UNITS)


@every_world
def test_cumulative_errors_are_their_definitions_with_fine_bins_as_ties(each):
    msp, right, _, _ = known_pixels(each)
    key = each.tied("msp")[each.known]
    found = measured(CumulativeError(), each)
    adaptive, used = textbook.adaptive_ece(key, msp, right)
    assert found["ada_ece", ""].value == pytest.approx(adaptive, abs=UNITS)
    assert found["ada_ece_bins", ""].value == used
    assert found["ks", ""].value == pytest.approx(textbook.kolmogorov_smirnov(key, msp, right), abs=UNITS)


@given(
    levels=st.lists(st.tuples(st.integers(1, 12), st.integers(0, 12)), min_size=1, max_size=20),
)
@settings(max_examples=60, deadline=None)
def test_adaptive_error_of_ties_whose_accuracy_jumps(levels):
    """Each level of confidence has so many right and wrong pixels: ties across boundaries matter to the sum."""
    gaps = np.concatenate([[0.2 * (i + 1)] * (right + wrong) for i, (right, wrong) in enumerate(levels)])
    truth = np.concatenate([[0] * right + [1] * wrong for right, wrong in levels]).astype(int)
    each = of_pixels([gaps, np.zeros(len(gaps))], truth, scores=("msp",))
    msp, right, _, _ = known_pixels(each)
    found = measured(CumulativeError(), each)
    adaptive, used = textbook.adaptive_ece(gaps, msp, right)
    assert found["ada_ece", ""].value == pytest.approx(adaptive, abs=UNITS)
    assert found["ada_ece_bins", ""].value == used
    assert found["ks", ""].value == pytest.approx(textbook.kolmogorov_smirnov(gaps, msp, right), abs=UNITS)
    assert_brackets_hold(each)


@every_world
def test_cumulative_brackets_hold_the_exact_value_of_sorted_pixels(each):
    assert_brackets_hold(each)


@given(
    seed=st.integers(0, 9999),
    pixels=st.integers(1, 60),
    spread=st.sampled_from([0.0, 1e-4, 2e-3, 0.05, 4.0]),
    step=st.sampled_from([0.0, 0.001]),
)
@settings(max_examples=60, deadline=None)
def test_cumulative_brackets_hold_where_many_pixels_share_a_bin(seed, pixels, spread, step):
    """Little spread puts distinct confidences into one fine bin."""
    each = world(seed, classes=2, images=1, pixels=pixels, spread=spread, step=step, void=0, unknown=0, scores=("msp",))
    assert_brackets_hold(each)


def assert_brackets_hold(each):
    msp, right, _, _ = known_pixels(each)
    key = each.surety("msp")[each.known]
    found = measured(CumulativeError(), each)
    adaptive, used = textbook.adaptive_ece(key, msp, right)
    exact = {"ada_ece": adaptive, "ada_ece_bins": used, "ks": textbook.kolmogorov_smirnov(key, msp, right)}
    # each of the 14 boundaries of adaptive ECE is read twice
    slack = {"ada_ece": 28 * ODDS, "ada_ece_bins": 0, "ks": ODDS}
    for name, number in exact.items():
        value = found[name, ""]
        assert value.lo - slack[name] <= number <= value.hi + slack[name], name
        assert value.lo <= value.value <= value.hi, name


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
    assert cumulative._movement(*ends, np.min) == min(lengths)
    assert cumulative._movement(*ends, np.max) == max(lengths)


@pytest.mark.parametrize("name", ["ada_ece", "ks"])
def test_cumulative_brackets_are_narrow_where_bins_are(name):
    """A boundary falls into a bin of one or two pixels of 320."""
    value = measured(CumulativeError(), WORLDS["plain"])[name, ""]
    assert value.hi - value.lo < 0.02


def test_one_tie_of_all_pixels_is_one_adaptive_bin():
    """All confidences are equal: 'ada_ece' and 'ks' are |accuracy - confidence|."""
    found = measured(CumulativeError(), of_pixels([[1.0] * 40, [0.0] * 40], [0] * 10 + [1] * 30))
    gap = abs(0.25 - 1 / (1 + math.exp(-1)))
    assert found["ada_ece_bins", ""].value == 1
    assert found["ada_ece", ""].value == pytest.approx(gap, abs=UNITS)
    assert found["ks", ""].value == pytest.approx(gap, abs=UNITS)


def test_a_tie_across_a_boundary_goes_to_the_bin_of_its_first_pixel():
    """15 distinct confidences would fill 15 bins; a tie of the third to sixth leaves bins 4 to 6 empty."""
    gaps = np.linspace(0.5, 5, 15)
    gaps[2:6] = gaps[2]
    each = of_pixels([gaps, np.zeros(15)], [0] * 15)
    assert measured(CumulativeError(), each)["ada_ece_bins", ""].value == 12


@pytest.mark.parametrize("pixels", [1, 2, 14, 15, 16, 29, 31])
def test_adaptive_bins_of_few_pixels(pixels):
    gaps = np.linspace(0.5, 5, pixels)
    each = of_pixels([gaps, np.zeros(pixels)], [i % 2 for i in range(pixels)])
    msp, right, _, _ = known_pixels(each)
    found = measured(CumulativeError(), each)
    adaptive, used = textbook.adaptive_ece(msp, msp, right)
    assert used == min(pixels, 15)
    assert found["ada_ece_bins", ""].value == used
    assert found["ada_ece", ""].value == pytest.approx(adaptive, abs=UNITS)


@given(seed=st.integers(0, 999))
@settings(max_examples=8, deadline=None)
def test_permuting_classes_permutes_values_of_classes_and_leaves_the_others(seed):
    each = world(seed, pixels=150, classes=4, scores=("msp",), images=3)
    order = np.random.default_rng(seed).permutation(4)  # class c becomes order[c]
    truth = np.append(order, np.zeros(252))[np.where(each.known, each.truth, 0)]
    moved = type(each)(
        4,
        (0, 1, 2, 3),
        each.logits[np.argsort(order)],
        np.where(each.known, truth, each.truth).astype(np.uint8),
        each.image,
        each.scores,
    )
    renamed = {f"class-{c}": f"class-{order[c]}" for c in range(4)} | {"": ""}
    before, after = each.domain(), moved.domain()
    for name in METRICS.names():
        metric = METRICS.get(name)()
        old = {(v.metric, renamed[v.label]): v.value for v in metric.compute(before, None)}
        new = {(v.metric, v.label): v.value for v in metric.compute(after, None)}
        # sums over classes run in another order; a value may be rounded to another unit
        assert new == pytest.approx(old, abs=UNITS, nan_ok=True), name


@pytest.mark.parametrize("gap", [20.0, 40.0, 100.0])
def test_confidences_of_exactly_one_are_in_the_last_bin(gap):
    """Half of them wrong: every calibration error of the top label is 1/2 (to the tail, exp(-gap))."""
    each = of_pixels([[gap] * 10, [0.0] * 10], [0, 1] * 5)
    found = measured(BinnedCalibrationError(), each) | measured(CumulativeError(), each)
    assert [found[n, ""].value for n in ("ece", "mce", "ada_ece", "ks")] == pytest.approx([0.5] * 4, abs=UNITS)
    classes = measured(ClassReliability(), each)
    assert classes["confident_error99", "class-1"].value == 1
    assert classes["class_ece", "class-1"].value == pytest.approx(1, abs=UNITS)
