"""The worlds that metrics are checked on."""

import numpy as np
import pytest

from reliseg.labels import UNKNOWN, VOID
from reliseg.metrics.families.segmentation import Segmentation
from reliseg.stats.bins import RIGHT, WRONG
from reliseg.testing import worlds


def numbers(domain):
    return {(v.metric, v.label): v.value for v in Segmentation().compute(domain, None)}


def test_a_drawn_world_is_as_it_was_asked_for():
    world = worlds.drawn_world(0, classes=4, pixels=300, images=7, void=0.2, unknown=0.1, absent=(2,), step=0.5)
    assert world.labels.absent == {2}
    assert set(np.unique(world.image)) == set(range(7))
    assert set(np.unique(world.truth)) == {0, 1, 3, UNKNOWN, VOID}
    assert (world.truth == VOID).mean() == pytest.approx(0.2, abs=0.06)
    assert (world.logits * 2 == np.round(world.logits * 2)).all()
    assert worlds.drawn_world(0, noise=0.1).domain().pixels.top.confusion.trace() > 250


def test_rows_of_images_add_up_to_the_statistics_of_all_pixels():
    world = worlds.drawn_world(1)
    pixels, row = world.observe()
    np.testing.assert_array_equal(world.table().confusion.sum(axis=0), pixels.top.confusion)
    assert row.ids == ("a",)
    assert len(world.domain().images) == 4


def test_a_world_without_pixels_is_an_empty_domain():
    nothing = worlds.world_of(np.zeros((3, 0)), []).domain(annotated=False)
    assert len(nothing.images) == 0
    assert not nothing.annotated
    assert not nothing.pixels.top.counts.any()


def test_a_world_in_reverse_has_the_same_numbers_under_the_same_names():
    world = worlds.WORLDS["projected"]()
    there, back = numbers(world.domain()), numbers(world.reverse_classes().domain())
    assert there.keys() == back.keys()
    for key, number in there.items():
        assert number == pytest.approx(back[key], nan_ok=True)
    assert world.reverse_classes().labels.classes == world.labels.classes[::-1]


def test_domains_hold_the_cases_that_they_are_called_after():
    domains = {name: domain() for name, domain in worlds.domains().items()}
    counts = {name: d.pixels.ranks["msp"].counts.sum(axis=1) for name, d in domains.items()}
    assert len(domains["no images"].images) == 0
    assert not domains["not annotated"].annotated
    assert counts["all right"][WRONG] == counts["all wrong"][RIGHT] == 0
    assert counts["one pixel"].sum() == 1
    assert set(worlds.WORLDS) < set(domains)


def test_every_number_of_a_full_domain_is_defined():
    assert not np.isnan(list(numbers(worlds.full_domain(3)).values())).any()
    assert worlds.reference_domain().annotated
    assert set(worlds.thresholds()) == set(worlds.SCORES)
    assert all(t.last is not None for t in worlds.thresholds().values())


def test_the_good_prediction_is_right_where_it_is_sure_and_the_bad_one_wrong():
    good, bad = worlds.unequal_domains()
    assert numbers(good)["pixel_accuracy", ""] == pytest.approx(0.8)
    assert numbers(bad)["pixel_accuracy", ""] == pytest.approx(0.2)
    for score in worlds.SCORES:  # the surest bin first
        wrong, right = (np.flatnonzero(good.pixels.ranks[score].counts[role]) for role in (WRONG, RIGHT))
        assert right.max() < wrong.min()
        wrong, right = (np.flatnonzero(bad.pixels.ranks[score].counts[role]) for role in (WRONG, RIGHT))
        assert wrong.max() < right.min()
