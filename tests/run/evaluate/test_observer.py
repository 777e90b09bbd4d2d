"""Scores that the kernels do not know are counted by their function, beside those that they know."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from helpers.worlds import WORLDS, World

from reliseg.data import DecodedSample, Sample
from reliseg.labels import Projection
from reliseg.prediction import Prediction
from reliseg.run.evaluate import observer
from reliseg.run.evaluate.device_kernels import Kernels
from reliseg.run.evaluate.observer import Observer
from reliseg.scores import SCORES
from reliseg.scores.base import Score
from reliseg.stats import Layout
from reliseg.stats.pixels import PixelStatistics


class Own(Score):
    """The top-label confidence as anyone would write it."""

    def __call__(self, logits):
        e = np.exp(logits - logits.max(axis=0))
        return (e / e.sum(axis=0)).max(axis=0)


@pytest.fixture(autouse=True)
def _own_score(monkeypatch):
    get = lambda name: Own if name == "own" else SCORES.get(name)  # noqa: E731
    monkeypatch.setattr(observer, "SCORES", SimpleNamespace(get=get))


def sample_of(world: World, name: str) -> tuple[DecodedSample, Prediction]:
    size = (1, world.logits.shape[1])
    loaded = DecodedSample(Sample(name, "s", "a.png", None), size, None, world.truth[None], "", "")
    projection = Projection.of(world.labels, world.labels, world.groups)
    return loaded, Prediction(world.logits[:, None], size, projection=projection)


def observer_of(world: World, *scores: str) -> Observer:
    return Observer(Layout(world.classes, scores), Kernels(lambda text: None))


@pytest.mark.parametrize("name", ["plain", "ties", "poor"])
def test_an_open_score_has_the_sums_of_its_built_in_twin_and_keeps_the_order_of_scores(name):
    world = WORLDS[name]
    counter = observer_of(world, "own", "msp", "margin")
    row = counter.observe(*sample_of(world, "s/1"))
    pixels = counter.take()
    assert list(pixels.ranks) == ["own", "msp", "margin"]
    own, msp, margin = row.score_sums[0]
    np.testing.assert_allclose(own @ [1.0, 2.0**24], msp @ [1.0, 2.0**24], atol=len(world.truth))  # rounded each
    assert not np.array_equal(msp, margin)
    np.testing.assert_array_equal(pixels.ranks["own"].counts.sum(axis=1), pixels.ranks["msp"].counts.sum(axis=1))
    assert row.coarse[0, 0].sum() == row.coarse[0, 1].sum() == len(world.truth)
    alone = observer_of(world, "msp", "margin")
    other = alone.observe(*sample_of(world, "s/1"))
    np.testing.assert_array_equal(other.score_sums[0], row.score_sums[0, 1:])
    assert alone.take().ranks["margin"] == pixels.ranks["margin"]


def test_two_samples_add_up_and_taking_starts_anew():
    world = WORLDS["plain"]
    counter = observer_of(world, "msp", "own")
    counter.observe(*sample_of(world, "s/1"))
    once = counter.take()
    counter.observe(*sample_of(world, "s/1"))
    counter.observe(*sample_of(world, "s/2"))
    assert counter.take() == once + once
    assert counter.take() == PixelStatistics.zero(Layout(world.classes, ("msp", "own")))


def test_without_annotation_every_pixel_is_void():
    world = WORLDS["plain"]
    loaded, prediction = sample_of(world, "s/1")
    bare = DecodedSample(loaded.sample, loaded.size, None, None, "", "")
    row = observer_of(world, "msp").observe(bare, prediction)
    assert row.pixels.tolist() == [[0, 0, 0, len(world.truth)]]


def test_a_score_that_came_with_the_prediction_is_counted_as_it_came():
    world = WORLDS["plain"]
    loaded, prediction = sample_of(world, "s/1")
    values = np.linspace(-3, 0, world.logits.shape[1], dtype=np.float32)
    given = replace(prediction, score_maps={"neg_mutual_information": lambda rows: values[None][rows]})
    counter = observer_of(world, "msp", "neg_mutual_information")
    row = counter.observe(loaded, given)
    pixels = counter.take()
    known = world.truth < 254
    total = row.score_sums[0, 1][:2].sum(axis=0) @ [2.0**32, 1.0] / 2**24
    assert total == pytest.approx(values[known].sum(dtype=np.float64), abs=1e-5)
    counts = pixels.ranks["neg_mutual_information"].counts
    assert counts.sum() == len(world.truth)
    np.testing.assert_array_equal(counts.sum(axis=1), pixels.ranks["msp"].counts.sum(axis=1))


def test_a_score_that_a_model_does_not_give_is_0_everywhere():
    world = WORLDS["plain"]
    counter = observer_of(world, "msp", "rba")
    row = counter.observe(*sample_of(world, "s/1"))
    assert not row.score_sums[0, 1].any()
    assert (counter.take().ranks["rba"].counts.sum(axis=0) > 0).sum() == 1
