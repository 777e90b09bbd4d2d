"""Sets of classes of each image, against the probabilities of its pixels."""

import numpy as np
import pytest
from helpers.worlds import World, world

from reliseg.metrics.set_counts import SetCounts, lost_by_bins_left_out
from reliseg.stats import SampleTable
from reliseg.stats.bins import SET_BINS, set_edges

DRAWN = world(3, images=5, scores=("msp",))


class Counted(World):
    """A world whose sets are counted."""

    @property
    def layout(self):
        return super().layout.with_extras(("sets",))


TABLE: SampleTable = Counted(**vars(DRAWN)).table()


def in_sets(left_out: int) -> np.ndarray:
    """Whether each class is in the set of each pixel."""
    if not left_out:
        return np.ones((DRAWN.classes, len(DRAWN.truth)), bool)
    probable = DRAWN.probabilities[:-1] > set_edges()[SET_BINS + 1 - left_out]
    return probable | (np.arange(DRAWN.classes)[:, None] == DRAWN.guess)


@pytest.mark.parametrize("left_out", [0, 1, 100, 200, 260, 300, 320, 321])
def test_sets_hold_the_predicted_class_and_those_that_are_probable_enough(left_out):
    counts, sets = SetCounts.of(TABLE, left_out), in_sets(left_out)
    lost = lost_by_bins_left_out(TABLE)[:, :left_out].sum(axis=1)
    for image in range(5):
        for label in range(DRAWN.classes):
            there = (DRAWN.image == image) & (DRAWN.truth == label)
            assert counts.known[image, label] == there.sum()
            assert counts.missed[image, label] == (~sets[label, there]).sum()
            beside = sets[:, there] & (np.arange(DRAWN.classes)[:, None] != DRAWN.guess[there])
            assert counts.others[image, label] == beside.sum()
    assert counts.missed.sum(axis=1).tolist() == lost.tolist()


def test_tables_are_joined_and_images_put_in_order():
    counts = SetCounts.of(TABLE, 200)
    twice = SetCounts.joined([counts, counts]).at(np.array([7, 0]))
    assert twice.missed.tolist() == counts.missed[[2, 0]].tolist()
    assert twice.near.tolist() == counts.near[[2, 0]].tolist()
