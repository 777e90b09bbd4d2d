"""Bytes that are drawn from a table."""

import numpy as np

from reliseg.corruptions.compiled.noise import aliases, noise
from reliseg.corruptions.draws import key_of


def chances_of(table):
    """Return P(out | in) that a table of aliases draws."""
    keep = (table >> 8) / 2**23 / 256
    chances = np.zeros((256, 256))
    for v in range(256):
        chances[v] += keep[v]
        np.add.at(chances[v], table[v] & 255, 1 / 256 - keep[v])
    return chances


def test_a_table_of_aliases_has_the_chances_that_it_was_made_of():
    raw = np.random.default_rng(0).random((256, 256)) ** 9
    raw[7] = np.eye(256)[3]
    chances = raw / raw.sum(1, keepdims=True)
    assert abs(chances_of(aliases(chances)) - chances).max() < 2**-22


def test_bytes_are_drawn_as_often_as_the_table_says():
    chances = np.zeros((256, 256))
    chances[:, 10], chances[:, 200] = 0.25, 0.75
    out = noise(np.zeros((100, 101, 3), np.uint8), aliases(chances), key_of(0, "a", "b"))
    assert set(np.unique(out)) == {10, 200}
    assert abs((out == 10).mean() - 0.25) < 0.01
