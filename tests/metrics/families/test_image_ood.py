"""OOD detection at image and pixel level against scikit-learn and plain definitions."""

import numpy as np
import pytest
from helpers import textbook
from helpers.worlds import SCORES, UNKNOWN, WORLDS, of_pixels, world
from sklearn.metrics import average_precision_score, roc_auc_score

from reliseg.metrics.families.image_ood import ImageOod
from reliseg.metrics.families.local_ood import LocalOod
from reliseg.metrics.families.score_summary import ScoreSummary

EXACT = 1e-12

NAMES = ("auroc", "aupr_in", "aupr_out", "fpr95_in", "fpr95_out")


def definitions(ties):
    """In-domain is positive but in the `_out` ones."""
    other = textbook.reversed_roles(ties)
    return {
        "auroc": textbook.auroc(ties),
        "aupr_in": textbook.average_precision(ties),
        "aupr_out": textbook.average_precision(other),
        "fpr95_in": textbook.fpr95(ties),
        "fpr95_out": textbook.fpr95(other),
    }


def image_means(each, score, *, known_only):
    value = each.confidence(score)
    chosen = each.known if known_only else np.ones(len(value), bool)
    return np.array([value[chosen & (each.image == i)].mean() for i in np.unique(each.image)])


INSIDE = world(21, images=12, pixels=360, spread=4.0)
OUTSIDE = world(22, images=9, pixels=270, spread=3.0)


@pytest.mark.parametrize("score", SCORES)
@pytest.mark.parametrize(("kind", "known_only"), [("ood/known-pixels", True), ("ood/all-pixels", False)])
def test_image_ood_ranks_the_means_of_images(score, kind, known_only):
    values = ImageOod().compute(OUTSIDE.domain(), INSIDE.domain())
    found = {v.metric: v for v in values if v.score == score and v.definition.startswith(kind)}
    inside, outside = (image_means(w, score, known_only=known_only) for w in (INSIDE, OUTSIDE))
    means = np.concatenate([inside, outside])
    is_in = np.arange(len(means)) < len(inside)
    for name, number in definitions(textbook.ranking(means, is_in)).items():
        value = found[f"ood_{name}"]
        assert value.value == pytest.approx(float(number), abs=EXACT), name
        assert (value.lo, value.hi) == (value.value, value.value)
    assert 0.5 < found["ood_auroc"].value <= 1
    assert found["ood_auroc"].value == pytest.approx(roc_auc_score(is_in, means), abs=EXACT)
    assert found["ood_aupr_in"].value == pytest.approx(average_precision_score(is_in, means), abs=EXACT)
    assert found["ood_aupr_out"].value == pytest.approx(average_precision_score(~is_in, -means), abs=EXACT)


def test_image_ood_of_a_domain_that_is_the_reference_itself_is_chance():
    values = {v.metric: v.value for v in ImageOod().compute(INSIDE.domain(), INSIDE.domain()) if v.score == "msp"}
    assert values["ood_auroc"] == 0.5


def test_image_ood_without_reference_says_nothing():
    assert ImageOod().compute(INSIDE.domain(), None) == []


@pytest.mark.parametrize(("domain", "reference"), [(False, True), (True, False), (False, False)])
def test_image_ood_without_annotation_is_over_all_pixels_only(domain, reference):
    values = ImageOod().compute(OUTSIDE.domain(annotated=domain), INSIDE.domain(annotated=reference))
    assert {v.definition.split("/")[1] for v in values} == {"all-pixels"}
    assert len(values) == len(NAMES) * len(SCORES)
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


def local(each, score):
    return {v.metric: v for v in LocalOod().compute(each.domain(), None) if v.score == score}


@pytest.mark.parametrize("key", WORLDS)
@pytest.mark.parametrize("score", SCORES)
def test_local_ood_ranks_unknown_against_known_pixels(key, score):
    each = WORLDS[key]
    chosen = each.truth != 255
    is_in = each.known[chosen]
    found = local(each, score)
    exact = definitions(textbook.ranking(each.surety(score)[chosen], is_in))
    tied = definitions(textbook.ranking(each.tied(score)[chosen], is_in))
    assert list(found) == [f"local_ood_{name}" for name in NAMES]
    for name in NAMES:
        value = found[f"local_ood_{name}"]
        assert value.value == pytest.approx(float(tied[name]), abs=EXACT), name
        assert value.lo - EXACT <= float(exact[name]) <= value.hi + EXACT, name
        assert value.lo <= value.value <= value.hi, name


def test_local_ood_of_sure_known_and_unsure_unknown_pixels_is_perfect():
    gaps = np.array([8.0, 7.0, 6.0, 2.0, 1.0])
    found = local(of_pixels([gaps, np.zeros(5)], [0, 1, 0, UNKNOWN, UNKNOWN]), "msp")
    assert [found[f"local_ood_{name}"].value for name in NAMES] == [1, 1, 1, 0, 0]


@pytest.mark.parametrize(("truth", "side"), [([0, 1, 255], "unknown"), ([UNKNOWN, UNKNOWN, 255], "known")])
def test_local_ood_is_undefined_with_one_side_only(truth, side):
    found = local(of_pixels(np.eye(3), truth), "msp")
    assert len(found) == 5
    for value in found.values():
        assert np.isnan(value.value)
        assert value.why == f"no {side} pixel"


@pytest.mark.parametrize("score", SCORES)
def test_score_summary_is_over_all_pixels_of_images(score):
    found = {
        v.metric: v.value for v in ScoreSummary().compute(INSIDE.domain(annotated=False), None) if v.score == score
    }
    means = image_means(INSIDE, score, known_only=False)
    # per pixel half a unit of 2**-24
    assert found["score_mean"] == pytest.approx(means.mean(), abs=6e-8)
    for p in (5, 50, 95):
        assert found[f"score_p{p}"] == pytest.approx(np.quantile(means, p / 100), abs=6e-8)
