"""What stored statistics must agree in."""

from dataclasses import fields, replace

import numpy as np
import pytest
from helpers.worlds import WORLDS

from reliseg.stats import PixelStatistics, SampleTable
from reliseg.stats.consistency import (
    StoredCounts,
    contradictions,
    contradictions_of_scores,
    shapes_of_pixels,
    shapes_of_samples,
)

every_world = pytest.mark.parametrize("each", WORLDS.values(), ids=WORLDS)


def histograms(pixels: PixelStatistics):
    for score, ranks in pixels.ranks.items():
        places = np.flatnonzero(ranks.counts)
        yield StoredCounts(score, places, ranks.counts.ravel()[places])


@every_world
def test_nothing_contradicts_in_what_was_counted(each):
    pixels, samples = each.observe()[0], each.table()
    assert list(contradictions(pixels, samples)) == []
    assert list(contradictions_of_scores(pixels, samples, histograms(pixels))) == []


def test_shapes_are_those_of_what_was_counted():
    each = WORLDS["plain"]
    pixels, samples = each.observe()[0], each.table()
    assert shapes_of_pixels(each.layout) == {name: array.shape for name, array in pixels.items()}
    expected = {name: column.shape for name, column in samples.arrays().items()}
    assert shapes_of_samples(each.layout, len(samples.ids)) == expected


ALONE = ("ids", "score_sums", "set_others")
"""Columns whose sums no other one holds."""


@pytest.mark.parametrize("name", [f.name for f in fields(SampleTable) if f.name not in ALONE])
def test_a_pixel_more_in_any_row_is_a_contradiction(name):
    each = WORLDS["plain"]
    pixels, samples = each.observe()[0], each.table()
    column = getattr(samples, name).copy()
    column.ravel()[np.append(0, np.flatnonzero(column))[-1]] += 1
    changed = replace(samples, **{name: column})
    found = [*contradictions(pixels, changed), *contradictions_of_scores(pixels, changed, histograms(pixels))]
    assert found


@pytest.mark.parametrize("change", [lambda others: others * 0, lambda others: others + 1], ids=["less", "more"])
def test_other_classes_have_the_labels_among_them_and_are_no_more_than_there_are(change):
    each = WORLDS["plain"]
    samples = each.table()
    changed = replace(samples, set_others=change(samples.set_others))
    assert list(contradictions(each.observe()[0], changed))


def test_histograms_of_other_pixels_are_a_contradiction():
    one, other = WORLDS["plain"], WORLDS["ties"]
    pixels, samples = one.observe()[0], one.table()
    for i, stranger in enumerate(histograms(other.observe()[0])):
        mixed = list(histograms(pixels))
        mixed[i] = stranger
        assert any(stranger.score in problem for problem in contradictions_of_scores(pixels, samples, mixed))
