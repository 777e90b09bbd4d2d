"""The order of the pixels of a row."""

import numpy as np
import pytest

from reliseg.kernels.cpu import row_blocks
from reliseg.stats.view import source_positions


@pytest.mark.parametrize("align", [False, True])
@pytest.mark.parametrize("native", [1, 2, 5, 64, 65, 200, 800])
@pytest.mark.parametrize("size", [1, 3, 64, 200, 256, 333, 800])
def test_each_pixel_stands_in_one_place_with_its_own_position(native, size, align):
    plan = row_blocks.divide_row(native, size, align)
    filled = np.flatnonzero(plan.pixel < plan.rows * size)
    np.testing.assert_array_equal(np.sort(plan.pixel[filled]), np.arange(plan.rows * size))
    assert len(plan.pixel) == row_blocks.PIXELS * (plan.stretches * plan.quads + plan.spare)
    place = np.arange(len(plan.pixel))
    block, within = np.divmod(place, row_blocks.PIXELS)
    cell = block // max(plan.quads, 1) * row_blocks.CELLS + within % row_blocks.CELLS
    cell[len(place) - len(plan.cell) :] = plan.cell
    assert (np.diff(plan.cell.reshape(-1, row_blocks.PIXELS)[plan.run], axis=1) == 1).all()
    lower, weight = source_positions(native, size, align)
    rows = np.random.default_rng(3).standard_normal((plan.rows, native))
    want = rows[:, lower] + (rows[:, np.minimum(lower + 1, native - 1)] - rows[:, lower]) * weight
    line = np.append(rows, rows[:, :1], axis=1)[:, : plan.step].ravel()  # each is followed by its first column
    line = np.append(line, rows[-1, 0])
    got = line[cell[filled]] + (line[cell[filled] + 1] - line[cell[filled]]) * plan.weight[filled]
    np.testing.assert_allclose(got, want.ravel()[plan.pixel[filled]], atol=2e-6)  # weights are float32


def test_native_logits_of_the_size_of_the_image_are_read_in_runs():
    assert row_blocks.divide_row(2048, 2048, False).run.tolist() == [True] * 7 + [False]
    assert row_blocks.divide_row(1024, 2048, False).run.sum() >= 6


@pytest.mark.parametrize(("native", "size"), [(16, 64), (8, 64), (90, 720), (16, 16), (100, 100), (2, 5)])
def test_short_rows_share_lines_that_are_nearly_full(native, size):
    for blocks in row_blocks.divide_row(native, size, False), row_blocks.consecutive_blocks(size):
        assert blocks.rows * size >= 0.85 * len(blocks.weight)


def test_a_row_that_fills_its_blocks_is_a_line():
    assert row_blocks.divide_row(60, 480, False).rows == 1
    assert row_blocks.divide_row(512, 2048, False).rows == 1
    assert row_blocks.consecutive_blocks(2048).rows == 1
