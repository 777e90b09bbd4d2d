"""Numbers without each unit: those of the images that remain, computed anew by the definition."""

import math
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from helpers.worlds import WORLDS, world

from reliseg.metrics import METRICS, DomainState
from reliseg.testing.worlds import thresholds

ALL = [name for name in METRICS.names() if METRICS.get(name)().by_default]
BINNED = ("misclassification", "local_ood", "cumulative_error", "transfer", "estimated_accuracy")
"""Families that read scores by coarse bin: their replicates are near what fine bins give; all others' are equal."""
WIDE = ("max_logit", "neg_energy")
"""Scores with the widest coarse bins."""
REFERENCE = world(31, images=6)


THRESHOLDS = cache(thresholds)


def state(of, chosen=None) -> DomainState:
    part = of if chosen is None else of.only(chosen)
    return replace(part.domain(), thresholds=THRESHOLDS())


@cache
def states(name):
    """All images of a world, and all but each: as all families are asked of the same ones."""
    whole = {"reference": REFERENCE, "wide": world(60, pixels=6000, noise=4.0), **WORLDS}[name]
    return state(whole), [state(whole, whole.image != i) for i in np.unique(whole.image)]


def values(metric, domain, reference):
    return {(v.metric, v.label, v.score, v.definition): v.value for v in metric.compute(domain, reference)}


def found_of(metric, domain, reference):
    """By number: its centre and its replicates, for each definition that the value has."""
    found = {}
    for r in metric.replicates(domain, reference):
        for key in values(metric, domain, reference):
            if key[:3] == (r.metric, r.label, r.score) and r.definition in ("", key[3]):
                found[key] = r
    return found


@pytest.mark.slow
@pytest.mark.parametrize("family", [name for name in ALL if name not in BINNED])
@pytest.mark.parametrize("name", ["plain", "ties", "poor", "good", "projected", "unreachable", "absent"])
def test_replicates_are_the_numbers_of_the_images_that_remain(family, name):
    for r, centre, lefts in compared(family, name):
        step = 0.35 if "fpr95" in r.metric else 1e-9  # it is interpolated, where the number jumps from image to image
        assert r.centre == pytest.approx(centre, abs=step), r
        for found, expected in zip(r.lefts, lefts, strict=True):
            assert found == pytest.approx(expected, abs=step, nan_ok=True), r


@pytest.mark.slow
@pytest.mark.parametrize("family", BINNED)
def test_replicates_of_coarse_bins_are_near_those_of_fine_ones_and_move_as_they_do(family):
    """Where bins are widest they lie further off; a threshold inside such a bin moves with what few pixels it holds."""
    for r, centre, lefts in compared(family, "wide"):
        unit = 100 if r.metric == "prr" else 1
        away = 0.06 if r.score in WIDE else 0.02
        assert r.centre == pytest.approx(centre, abs=unit * away), r
        if r.metric == "transfer_risk95" and r.score in WIDE:
            continue
        moves, expected = r.lefts[0] - r.centre, lefts[0] - centre
        assert moves == pytest.approx(expected, abs=unit * 0.004 + 0.25 * np.abs(expected).max()), r


def compared(family, name):
    """Yield each number's replicates, and by the definition what it is with all images and without each."""
    metric = METRICS.get(family)()
    (domain, parts), (reference, smaller) = states(name), states("reference")
    everything = values(metric, domain, reference)
    without = [values(metric, part, reference) for part in parts]
    without_of_reference = [values(metric, domain, part) for part in smaller]
    found = found_of(metric, domain, reference)
    assert found
    for key, r in found.items():
        if not math.isnan(everything[key]):
            lefts = [[v[key] for v in without], [v[key] for v in without_of_reference]]
            yield r, everything[key], [np.array(left) for left in lefts[: len(r.lefts)]]


def test_which_numbers_have_replicates():
    domain, reference = state(WORLDS["plain"]), state(REFERENCE)
    without = set()
    for family in ALL:
        metric = METRICS.get(family)()
        found = found_of(metric, domain, reference)
        without |= {key[0] for key, v in values(metric, domain, reference).items() if key not in found and v == v}
    assert without == {"ada_ece_bins", "score_p5", "score_p50", "score_p95"}


def test_a_class_of_few_images_makes_its_numbers_doubtful():
    of = world(50, images=12, pixels=1200)
    rare = (of.truth == 0) & (of.image > 2)
    domain = replace(of, truth=np.where(rare, 1, of.truth).astype(np.uint8)).domain()
    found = {(r.metric, r.label): r.doubt for r in METRICS.get("segmentation")().replicates(domain, None)}
    assert found["iou", "class-0"] == "class-0 stands in 3 of 12 images"
    assert found["iou", "class-1"] == ""
    assert found["miou", ""] == "class-0 stands in 3 of 12 images"
    assert found["pixel_accuracy", ""] == ""
    by_class = METRICS.get("class_reliability")().replicates(domain, None)
    found = {(r.metric, r.label): r.doubt for r in by_class}
    assert found["class_ece", "class-0"] == found["confident_error90", "class-0"] == "class-0 stands in 3 of 12 images"
    assert found["predicted_class_ece", "class-0"] == ""


def test_a_class_that_is_predicted_in_few_images_makes_what_is_predicted_as_it_doubtful():
    of = world(50, images=12, pixels=1200)
    kept = np.flatnonzero((of.image < 4) | (of.guess != 0))
    found = METRICS.get("class_reliability")().replicates(of.only(kept).domain(), None)
    doubts = {r.doubt for r in found if (r.metric, r.label) == ("predicted_class_ece", "class-0")}
    assert doubts == {"class-0 is predicted in 4 of 12 images"}


def test_the_studys_errors_move_as_those_they_are_like():
    domain = state(WORLDS["plain"])
    found = {r.metric: r for r in METRICS.get("compat_relis")().replicates(domain, None)}
    assert sorted(found) == ["relis_ada_ece", "relis_ece", "relis_ks"]
    ece = next(METRICS.get("calibration_error")().replicates(domain, None))
    np.testing.assert_array_equal(found["relis_ece"].lefts[0], ece.lefts[0])


def test_domains_without_units_have_no_replicates():
    domain = replace(state(WORLDS["plain"]), units=None)
    for family in ALL:
        assert not list(METRICS.get(family)().replicates(domain, replace(state(REFERENCE), units=None)))
