"""OOD detection at image level against scikit-learn and plain definitions."""

import numpy as np
import pytest
from helpers import textbook
from helpers.metric_values import image_means
from helpers.worlds import SCORES, world
from sklearn.metrics import average_precision_score, roc_auc_score

from reliseg.metrics.families.image_ood import ImageOod

EXACT = 1e-12


INSIDE = world(21, images=12, pixels=360, spread=4.0)
OUTSIDE = world(22, images=9, pixels=270, spread=3.0)


@pytest.mark.parametrize("score", SCORES)
@pytest.mark.parametrize(("kind", "known_only"), [("ood/known-pixels", True), ("ood/all-pixels", False)])
def test_image_ood_ranks_the_means_of_images(score, kind, known_only):
    values = ImageOod().compute(OUTSIDE.domain(), INSIDE.domain())
    numbers = {v.metric: v for v in values if v.score == score and v.definition.startswith(kind)}
    inside, outside = (image_means(w, score, known_only=known_only) for w in (INSIDE, OUTSIDE))
    means = np.concatenate([inside, outside])
    is_in = np.arange(len(means)) < len(inside)
    for name, number in textbook.detection(textbook.ranking(means, is_in)).items():
        value = numbers[f"ood_{name}"]
        assert value.value == pytest.approx(float(number), abs=EXACT), name
        assert (value.lo, value.hi) == (value.value, value.value)
    assert 0.5 < numbers["ood_auroc"].value <= 1
    assert numbers["ood_auroc"].value == pytest.approx(roc_auc_score(is_in, means), abs=EXACT)
    assert numbers["ood_aupr_in"].value == pytest.approx(average_precision_score(is_in, means), abs=EXACT)
    assert numbers["ood_aupr_out"].value == pytest.approx(average_precision_score(~is_in, -means), abs=EXACT)


def test_image_ood_of_a_domain_that_is_the_reference_itself_is_chance():
    values = {v.metric: v.value for v in ImageOod().compute(INSIDE.domain(), INSIDE.domain()) if v.score == "msp"}
    assert values["ood_auroc"] == 0.5


def test_image_ood_without_reference_says_nothing():
    assert ImageOod().compute(INSIDE.domain(), None) == []


@pytest.mark.parametrize(("domain", "reference"), [(False, True), (True, False), (False, False)])
def test_image_ood_without_annotation_is_over_all_pixels_only(domain, reference):
    values = ImageOod().compute(OUTSIDE.domain(annotated=domain), INSIDE.domain(annotated=reference))
    assert {v.definition.split("/")[1] for v in values} == {"all-pixels"}
    assert len(values) == len(textbook.DETECTION) * len(SCORES)
    assert not any(v.why for v in values)


@pytest.mark.parametrize("empty", ["domain", "reference"])
def test_image_ood_is_undefined_where_a_side_has_no_known_pixel(empty):
    hidden = world(23, images=3, scores=SCORES)
    blind = type(hidden)(5, hidden.groups, hidden.logits, np.full_like(hidden.truth, 255), hidden.image).domain()
    pair = (blind, INSIDE.domain()) if empty == "domain" else (INSIDE.domain(), blind)
    for value in ImageOod().compute(*pair):
        if "known-pixels" in value.definition:
            assert np.isnan(value.value)
            assert value.why == f"no image of the {empty} has a counted pixel"
        else:
            assert not value.why
