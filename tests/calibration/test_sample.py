"""The pixels of a calibration sample come in blocks, each once, whatever the parts they lie in."""

from itertools import pairwise

import numpy as np
import pytest
from helpers.calibration_samples import random_part, sample_of

from reliseg.calibration import CalibrationSample


def test_the_sample_is_read_in_blocks_that_hold_every_pixel_once():
    parts = [random_part(i, pixels=n) for i, n in enumerate((5, 0, 7, 3))]
    sample = sample_of(*parts)
    blocks = list(sample.blocks(4))
    assert len(sample) == 15
    assert [len(labels) for _, labels in blocks] == [4, 4, 4, 3]
    np.testing.assert_array_equal(np.concatenate([z for z, _ in blocks]), np.concatenate([z for z, _ in parts]))
    np.testing.assert_array_equal(np.concatenate([y for _, y in blocks]), np.concatenate([y for _, y in parts]))


def test_how_pixels_are_divided_into_parts_changes_no_bit_of_a_block():
    z, labels = random_part(3, pixels=40)
    whole = list(CalibrationSample([(z, labels)]).blocks(16))
    cuts = ((0, 40), (0, 7, 7, 23, 40), tuple(range(41)))
    for cut in cuts:
        parts = [(z[a:b], labels[a:b]) for a, b in pairwise(cut)]
        blocks = list(CalibrationSample(parts).blocks(16))
        assert len(blocks) == len(whole) == 3
        for one, other in zip(whole, blocks, strict=True):
            np.testing.assert_array_equal(one[0], other[0])
            np.testing.assert_array_equal(one[1], other[1])


def test_each_pixel_has_the_group_of_its_image_and_of_its_logits():
    parts = [random_part(i, pixels=n) for i, n in enumerate((5, 0, 7, 3))]
    sample = sample_of(*parts)
    blocks = list(sample.blocks_with_groups(lambda z, images: 10 * images + z.argmax(axis=1), 4))
    assert [len(groups) for _, _, groups in blocks] == [4, 4, 4, 3]
    images = np.repeat(np.arange(4), [5, 0, 7, 3])
    expected = 10 * images + np.concatenate([z.argmax(axis=1) for z, _ in parts])
    np.testing.assert_array_equal(np.concatenate([groups for _, _, groups in blocks]), expected)


def test_without_a_rule_all_pixels_are_one_group():
    [(_, labels, groups)] = sample_of(random_part(0, pixels=5), random_part(1, pixels=6)).blocks_with_groups()
    assert groups.tolist() == [0] * len(labels) == [0] * 11


@pytest.mark.parametrize("empty_column", [False, True])
def test_a_sample_is_constant_where_no_pixel_prefers_a_class(empty_column):
    z, labels = random_part(0, pixels=40, empty_column=empty_column)
    flat = np.where(np.isfinite(z), np.arange(40, dtype=np.float32)[:, None], z)
    assert sample_of((flat, labels)).is_constant()
    assert CalibrationSample([]).is_constant()
    flat[39, 0] += 1
    assert not sample_of((flat, labels)).is_constant()
