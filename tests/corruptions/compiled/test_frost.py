"""Frozen panes."""

import math

import numpy as np
from helpers.corruption_images import picture

from reliseg.corruptions.compiled.frost import ferns, frosted, pane_of
from reliseg.corruptions.draws import key_of

TURNS = np.array([[round(256 * f(math.pi * i / 32)) for f in (math.cos, math.sin)] for i in range(64)], np.int64)


def test_ferns_are_grey_in_the_mean_and_go_on_at_their_other_side():
    ice = ferns(256, 9, TURNS, key_of(0, "a", "b")).astype(int)
    assert abs(ice.mean() - 128) < 4
    assert 10 < ice.std() < 60
    inside, across = abs(np.diff(ice, axis=0)).mean(), abs(ice[0] - ice[-1]).mean()
    assert across < 1.3 * inside


def test_a_pane_is_twice_as_large_and_thick_where_the_drift_is():
    ice, drift = np.full((64, 64), 200, np.uint8), np.zeros((8, 8), np.int32)
    drift[4:, :] = 1000
    pane = pane_of(ice, drift)
    assert pane.shape == (128, 128)
    assert pane[80, 5] > pane[40, 5]
    assert (pane == pane[:, :1]).all()


def test_the_pane_goes_on_for_ever():
    image, pane = picture(20, 20), np.arange(64, dtype=np.uint8).reshape(8, 8)
    table = np.tile(np.arange(256, dtype=np.float32), (3, 1))
    out = frosted(image, pane, 5, 6, np.float32(0.5), table)
    y, x = np.mgrid[:20, :20]
    expected = image * 0.5 + pane[(y + 5) % 8, (x + 6) % 8][..., None]
    assert np.array_equal(out, np.floor(expected.clip(0, 255)).astype(np.uint8))
