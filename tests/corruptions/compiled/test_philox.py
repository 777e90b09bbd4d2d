"""Random words."""

import numpy as np

from reliseg.corruptions.compiled.philox import words


def test_the_known_answers_of_philox_4x32_10():
    out = np.empty(4, np.uint32)
    words(np.zeros(4, np.uint64), 0, out)
    assert [f"{word:08x}" for word in out] == ["6627e8d5", "e169c58d", "bc57ac4c", "9b00dbd8"]


def test_a_row_is_the_same_however_long_it_is_asked_for():
    key, short, long = np.arange(4, dtype=np.uint64), np.empty(8, np.uint32), np.empty(400, np.uint32)
    words(key, 3, short)
    words(key, 3, long)
    assert np.array_equal(short.reshape(4, 2), long.reshape(4, 100)[:, :2])


def test_bits_are_as_often_0_as_1():
    out = np.empty(1 << 16, np.uint32)
    words(np.arange(4, dtype=np.uint64), 1, out)
    ones = np.unpackbits(out.view(np.uint8)).reshape(-1, 8).mean(0)
    assert np.allclose(ones, 0.5, atol=0.005)
