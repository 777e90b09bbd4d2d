"""Estimates of accuracy without annotation: by the definition from single pixels, and what they must be."""

from dataclasses import replace

import numpy as np
import pytest
from helpers.worlds import WORLDS, world

from reliseg.metrics.families.estimated_accuracy import (
    EstimatedAccuracy,
    _average_thresholded_confidence,
    _Read,
)
from reliseg.testing.metric import check_metric

REFERENCE = world(31, images=6)


def numbers(of, reference=REFERENCE, **changes):
    state = replace(of.domain(), **changes)
    return {v.metric: v for v in EstimatedAccuracy().compute(state, reference and reference.domain())}


def pixels(of, known=True):
    """The confidence of pixels, and whether each is right."""
    chosen = of.truth < of.classes if known else np.ones(len(of.truth), bool)
    p = of.probabilities[:, chosen]
    return p.max(axis=0), p.argmax(axis=0) == of.truth[chosen]


def test_it_obeys_the_laws_of_metrics():
    check_metric(EstimatedAccuracy())


@pytest.mark.parametrize("name", ["plain", "poor", "good", "projected"])
def test_estimates_are_those_of_single_pixels(name):
    of = WORLDS[name]
    found = numbers(of)
    (source, right), (target, hit) = pixels(REFERENCE), pixels(of)
    threshold = np.sort(source)[round((~right).sum())]  # as many lie below as are wrong
    expected = {
        "confidence": target.mean(),
        "doc": np.clip(right.mean() + target.mean() - source.mean(), 0, 1),
        "atc": (target >= threshold).mean(),
    }
    for way, value in expected.items():
        estimate, error = (found[f"estimated_accuracy_{way}{end}"] for end in ("", "_error"))
        near = 1e-6 if way != "atc" else 2 / len(target) + 1e-9
        assert estimate.value == pytest.approx(value, abs=near), way
        assert estimate.lo - 1e-6 <= value <= estimate.hi + 1e-6, way
        assert error.value == pytest.approx(abs(estimate.value - hit.mean()), abs=1e-12), way
        assert error.lo <= error.value <= error.hi
        assert estimate.definition == f"estimated-accuracy/known-pixels/{way}"


def test_the_threshold_finds_the_accuracy_of_the_reference_itself():
    found = numbers(REFERENCE)
    assert found["estimated_accuracy_atc_error"].value == pytest.approx(0, abs=1e-12)
    assert found["estimated_accuracy_doc_error"].value == pytest.approx(0, abs=1e-12)


def test_the_bracket_of_a_threshold_reaches_three_bins_up_and_two_down():
    source = _Read(True, np.array([6]), np.array([10]), 5, 0.0)
    target = _Read(True, np.arange(10), np.full(10, 2), 0, 0.0)
    assert _average_thresholded_confidence(source, target) == ((12 + 0.5 * 2) / 20, 8 / 20, 18 / 20)
    assert _average_thresholded_confidence(replace(source, right=0), target) == (0, 0, 6 / 20)


def test_a_domain_without_annotation_is_estimated_over_all_its_pixels():
    of = WORLDS["plain"]
    found = numbers(replace(of, truth=np.full_like(of.truth, 255)), annotated=False)
    target, (source, right) = pixels(of, known=False)[0], pixels(REFERENCE)
    threshold = np.sort(source)[round((~right).sum())]
    assert found["estimated_accuracy_confidence"].value == pytest.approx(target.mean(), abs=1e-6)
    assert found["estimated_accuracy_atc"].value == pytest.approx((target >= threshold).mean(), abs=2 / len(target))
    assert found["estimated_accuracy_doc"].definition == "estimated-accuracy/all-pixels/doc"
    assert found["estimated_accuracy_doc_error"].why == "the domain is not annotated"


def test_what_needs_the_reference_is_left_out_or_says_why():
    assert list(numbers(WORLDS["plain"], None)) == [
        "estimated_accuracy_confidence",
        "estimated_accuracy_confidence_error",
    ]
    state = replace(REFERENCE.domain(), annotated=False)
    found = {v.metric: v.why for v in EstimatedAccuracy().compute(WORLDS["plain"].domain(), state)}
    assert found["estimated_accuracy_atc"] == "the reference is not annotated"
    assert found["estimated_accuracy_confidence"] == ""


def test_without_annotation_there_are_estimates_without_each_image_too():
    of = world(41, images=5, pixels=900)
    found = {r.metric: r for r in EstimatedAccuracy().replicates(of.domain(annotated=False), REFERENCE.domain())}
    assert list(found) == [f"estimated_accuracy_{way}" for way in ("confidence", "doc", "atc")]
    for unit in range(5):
        values = numbers(of.only(of.image != unit), annotated=False)
        for name, number in found.items():
            near = 1e-9 if not name.endswith("atc") else 0.02  # bins are wide there
            assert number.lefts[0][unit] == pytest.approx(values[name].value, abs=near), name
    assert [len(left) for left in found["estimated_accuracy_atc"].lefts] == [5, 6]
