"""Means over images or scenes, and without each unit, against means that are computed again."""

import numpy as np
import pytest
from helpers.worlds import world

from reliseg.metrics.mean_of_means import MeanOfMeans
from reliseg.metrics.units import UnitImage, Units

DRAWN = world(3, images=12, scores=("msp",))
LOSSES = np.array([0.1, np.nan, 0.3, 0.2, 0.9, 0.0, 0.4, 0.5, np.nan, 0.6, 0.7, 0.8])


def units_of(scenes: list[str]) -> Units:
    images = [UnitImage(f"d/{scene}/{i}", f"d/{scene}", "") for i, scene in enumerate(scenes)]
    return Units.of_table(DRAWN.table(), images, DRAWN.layout)


def mean(losses, scenes, drawn):
    there = ~np.isnan(losses)
    if drawn == "images":
        return losses[there].mean()
    return np.mean([losses[there & (scenes == scene)].mean() for scene in np.unique(scenes[there])])


@pytest.mark.parametrize("drawn", ["images", "scenes"])
@pytest.mark.parametrize("count", [2, 9])
def test_it_is_the_mean_and_the_mean_without_each_unit(drawn, count):
    scenes = np.array([f"s{i % count}" for i in range(12)])
    units = units_of(scenes.tolist())
    assert units.kind == ("scenes" if count == 9 else "images")
    found = MeanOfMeans.of(LOSSES, units, drawn)
    assert found.value == pytest.approx(mean(LOSSES, scenes, drawn))
    expected = [mean(np.where(units.of_image == unit, np.nan, LOSSES), scenes, drawn) for unit in range(len(units))]
    assert found.without_each(units) == pytest.approx(expected)


def test_an_image_moves_it_by_no_more_than_its_largest_weight():
    units = units_of([f"s{i // 4}" for i in range(12)])
    for drawn in ("images", "scenes"):
        value, weight = (getattr(MeanOfMeans.of(LOSSES, units, drawn), name) for name in ("value", "largest_weight"))
        moved = [MeanOfMeans.of(np.where(np.arange(12) == i, 1.0, LOSSES), units, drawn).value for i in range(12)]
        there = ~np.isnan(LOSSES)
        assert (np.abs(np.array(moved) - value)[there] <= weight * (1 - LOSSES)[there] + 1e-12).all()


def test_without_any_loss_there_is_none():
    units = units_of([f"s{i}" for i in range(12)])
    assert np.isnan(MeanOfMeans.of(np.full(12, np.nan), units, "images").value)
