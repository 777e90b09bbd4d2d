"""Pixels of single images by confidence, against the pixels themselves."""

import numpy as np
from helpers.worlds import world

from reliseg.metrics.image_pixels import ImagePixels, acceptable_bins
from reliseg.stats.bins import COARSE_SHIFT
from reliseg.stats.built_in_scores import BUILT_IN_SCORES

DRAWN = world(3, images=5, scores=("msp",))


def test_accepted_pixels_are_those_that_are_sure_enough():
    pixels = ImagePixels.of(DRAWN.domain().units)
    z = np.sort(DRAWN.z, axis=0)
    odds = np.exp(z[:-1] - z[-1]).sum(axis=0)
    coarse = BUILT_IN_SCORES["msp"].bins.index(odds) >> COARSE_SHIFT
    for bins in (0, 200, 230, 250, 280, acceptable_bins()):
        there = DRAWN.known & (coarse < bins)
        for counts, which in zip(pixels.accepted(bins), (~DRAWN.right, DRAWN.right), strict=True):
            assert counts.tolist() == np.bincount(DRAWN.image[there & which], minlength=5).tolist()


def test_what_is_kept_is_the_share_of_all_known_pixels():
    pixels = ImagePixels.of(DRAWN.domain().units)
    wrong, _ = pixels.accepted(240)
    known = np.bincount(DRAWN.image[DRAWN.known], minlength=5)
    assert pixels.counted.tolist() == known.tolist()
    assert pixels.kept(240).tolist() == (wrong / known).tolist()
    lost = pixels.lost()
    assert lost.shape == (5, acceptable_bins())
    assert lost[:, :240].sum(axis=1).tolist() == wrong.tolist()


def test_an_image_without_known_pixels_keeps_nothing():
    none = ImagePixels(np.array([3]), np.array([[0], [2]]), np.array([[0], [2]]))
    assert np.isnan(none.kept(4)[0])
    assert none.kept(4)[1] == 0.5
