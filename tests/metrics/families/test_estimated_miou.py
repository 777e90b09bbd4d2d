"""Estimates of mIoU without annotation: by the definition from single pixels, and what they must be."""

from dataclasses import replace

import numpy as np
import pytest
from helpers.worlds import WORLDS, of_pixels, world

from reliseg.metrics.families.estimated_miou import EstimatedMiou
from reliseg.metrics.families.segmentation import Segmentation
from reliseg.testing.metric import check_metric


def numbers(of, **changes):
    return {v.metric: v for v in EstimatedMiou().compute(replace(of.domain(), **changes), None)}


def estimate(of, chosen):
    """Class by class, over these pixels."""
    p, guess = of.probabilities[:, chosen], of.guess[chosen]
    found = []
    for c in (c for c in range(of.classes) if c not in of.absent):
        if c not in of.groups:
            found.append(0.0)
        elif (guess == c).any():
            own = p[c, guess == c].sum()
            found.append(own / ((guess == c).sum() + p[c].sum() - own))
    return np.mean(found)


def test_it_obeys_the_laws_of_metrics():
    check_metric(EstimatedMiou())


@pytest.mark.parametrize("name", WORLDS)
def test_the_estimate_is_that_of_single_pixels(name):
    of = WORLDS[name]
    found = numbers(of)
    assert found["estimated_miou"].value == pytest.approx(estimate(of, of.known), abs=1e-6)
    assert found["estimated_miou"].definition == "estimated-miou/known-pixels"
    miou = next(v.value for v in Segmentation().compute(of.domain(), None) if v.metric == "miou")
    assert found["estimated_miou_error"].value == abs(found["estimated_miou"].value - miou)


def test_a_domain_without_annotation_is_estimated_over_all_its_pixels():
    of = WORLDS["projected"]
    found = numbers(replace(of, truth=np.full_like(of.truth, 255)), annotated=False)
    every = np.ones(len(of.truth), bool)
    assert found["estimated_miou"].value == pytest.approx(estimate(of, every), abs=1e-6)
    assert found["estimated_miou"].definition == "estimated-miou/all-pixels"
    assert found["estimated_miou_error"].why == "the domain is not annotated"
    mixed = numbers(of, annotated=False)  # a pool of which some are annotated: all pixels count as well
    assert mixed["estimated_miou"].value == pytest.approx(found["estimated_miou"].value, abs=1e-9)


def test_what_is_sure_and_right_has_the_iou_that_it_says():
    z = 1e4 * np.eye(3)[[0, 0, 1, 1, 2]].T
    found = numbers(of_pixels(z, [0, 0, 1, 1, 2]))
    assert (found["estimated_miou"].value, found["estimated_miou_error"].value) == (1, 0)
    found = numbers(of_pixels(z, [1, 1, 0, 0, 2]))  # sure and wrong: it cannot know
    assert found["estimated_miou_error"].value == pytest.approx(2 / 3)


@pytest.mark.parametrize("annotated", [True, False])
def test_replicates_are_estimates_without_each_image(annotated):
    of = world(40, images=5, pixels=600)
    units = of.domain().units
    found = {r.metric: r for r in EstimatedMiou().replicates(of.domain(annotated=annotated), None)}
    assert list(found) == ["estimated_miou", "estimated_miou_error"][: 1 + annotated]
    for unit in range(len(units)):
        left = of.only(of.image != unit)
        values = numbers(left, annotated=annotated)
        for name, number in found.items():
            assert number.lefts[0][unit] == pytest.approx(values[name].value, abs=1e-9), name
