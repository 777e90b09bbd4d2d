"""Bytes that are looked up."""

import numpy as np
from helpers.corruption_images import picture

from reliseg.corruptions.compiled.lookup import by_channel, by_largest, channel_sums

IMAGE = picture(21, 34)


def test_each_channel_has_its_own_row():
    table = np.random.default_rng(0).integers(0, 256, (3, 256), np.uint8)
    assert np.array_equal(by_channel(IMAGE, table), np.stack([table[c][IMAGE[..., c]] for c in range(3)], 2))


def test_the_largest_byte_of_a_pixel_chooses_the_row():
    table = np.random.default_rng(0).integers(0, 256, (256, 256), np.uint8)
    assert np.array_equal(by_largest(IMAGE, table), table[IMAGE.max(2, keepdims=True), IMAGE])


def test_sums_are_those_of_numpy():
    assert np.array_equal(channel_sums(IMAGE), IMAGE.sum((0, 1), dtype=np.int64))
