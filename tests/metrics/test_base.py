"""What metrics read: a few numbers of each image."""

from dataclasses import replace

import numpy as np
import pytest
from helpers import textbook
from helpers.metric_values import image_means
from helpers.worlds import SCORES, WORLDS, world

from reliseg.metrics import METRICS, ImageSummary, compute_values
from reliseg.metrics.base import undefined_values


def test_summaries_of_shards_together_are_the_summary_of_all():
    each = world(50, images=6, pixels=120)
    union, whole = ImageSummary.allocate(6, len(SCORES)), ImageSummary.of(each.table())
    for i in range(6):
        union.rows[i] = ImageSummary.of(each.observe(np.flatnonzero(each.image == i), f"{i}")[1]).rows[0]
    assert len(union) == len(whole) == 6
    for field in ("known", "miou", "ece", "scores"):
        np.testing.assert_array_equal(getattr(union, field), getattr(whole, field))
    nothing = ImageSummary.allocate(0, len(SCORES))
    assert len(nothing) == 0
    assert nothing.scores.shape == (0, len(SCORES), 2)


@pytest.mark.parametrize("key", ["plain", "poor", "two classes"])
def test_the_numbers_of_an_image_are_those_of_its_pixels(key):
    each = WORLDS[key]
    summary = ImageSummary.of(each.table())
    msp = each.confidence("msp")
    for i, number in enumerate(np.unique(each.image)):
        known = each.known & (each.image == number)
        assert summary.known[i] == known.sum()
        assert summary.ece[i] == pytest.approx(textbook.ece(msp[known], each.right[known]), abs=6e-8)
    for s, score in enumerate(each.scores):
        for kind, known_only in enumerate((True, False)):
            expected = image_means(each, score, known_only=known_only)
            np.testing.assert_allclose(summary.scores[:, s, kind], expected, atol=6e-8)


def test_an_image_without_known_pixels_has_no_numbers_of_them():
    each = world(11, images=3, scores=("msp",))
    hidden = type(each)(each.classes, each.groups, each.logits, np.full_like(each.truth, 255), each.image, each.scores)
    summary = ImageSummary.of(hidden.table())
    assert (summary.known == 0).all()
    assert np.isnan([summary.miou, summary.ece, summary.scores[:, 0, 0]]).all()
    assert np.isfinite(summary.scores[:, 0, 1]).all()


def test_undefined_values_all_say_why():
    names = METRICS.get("likelihood")().quantities()
    values = undefined_values(names, "no image", score="margin")
    assert [(v.metric, v.definition) for v in values] == [(n, q.definition) for n, q in names.items()]
    assert {(v.why, v.score) for v in values} == {("no image", "margin")}
    assert np.isnan([v.value for v in values]).all()


@pytest.mark.parametrize("name", METRICS.names())
def test_numbers_of_scores_that_a_model_does_not_have_are_undefined(name):
    state = WORLDS["plain"].domain()
    without = replace(state, undefined_scores={"max_logit": "no logits", "neg_energy": "no logits"})
    before, after = (compute_values(METRICS.get(name)(), s, WORLDS["poor"].domain()) for s in (state, without))
    assert [(v.metric, v.score, v.label, v.definition) for v in before] == [
        (v.metric, v.score, v.label, v.definition) for v in after
    ]
    for old, new in zip(before, after, strict=True):
        if old.score in without.undefined_scores:
            assert (np.isnan(new.value), np.isnan(new.lo), np.isnan(new.hi), new.why) == (True, True, True, "no logits")
        else:
            assert repr(old) == repr(new)


def test_numbers_of_images_come_together_from_tables_of_other_images_and_other_scores():
    each = world(50, images=6, pixels=120)
    whole = ImageSummary.of(each.table())
    images, scores = whole.rows.shape[0], len(SCORES)
    together = ImageSummary.allocate(images, scores)
    places = list(range(images))[::-1]
    turned = ImageSummary(whole.rows[places])
    together.put(places[:2], ImageSummary(turned.rows[:2]))
    together.put(places[2:], ImageSummary(turned.rows[2:]))
    for score in range(scores):
        together.put_score(places, score, turned, score)
    np.testing.assert_array_equal(together.rows, whole.rows)
    np.testing.assert_array_equal(together.scores, whole.scores)
    alone = ImageSummary.allocate(images, 1)
    alone.put_score(places, 0, turned, scores - 1)
    np.testing.assert_array_equal(alone.scores[:, 0], whole.scores[:, scores - 1])
    assert np.isnan(alone.known).all()
