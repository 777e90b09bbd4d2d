"""CompiledTransform rows at full resolution: the reference's, in either precision, for any rows."""

from itertools import pairwise

import numpy as np
import pytest
from helpers.kernel_images import SIZES, image, view_of

from reliseg.kernels import reference
from reliseg.kernels.cpu.upsample import TILE, Upsampled, argmax, join, members

GROUPS = [
    pytest.param([0, 1, 2, 3, 4], id="as they are"),
    pytest.param([5, 0, 3, 1, 2], id="moved"),
    pytest.param([3, 3, 0, 3, 0], id="joined"),
    pytest.param([2, 2, 2, 2, 2], id="one column"),
]


@pytest.mark.parametrize("groups", GROUPS)
@pytest.mark.parametrize("align", [False, True])
@pytest.mark.parametrize(("native", "size"), SIZES)
def test_rows_are_the_references(native, size, align, groups):
    logits, _ = image(3, 5, native, size)
    view = view_of(logits, size, groups=groups, columns=6, align=align)
    source, live = Upsampled.of(view), np.unique(groups)
    for rows in (slice(0, size[0]), slice(size[0] // 3, size[0] // 3 + 2), slice(size[0] - 1, size[0])):
        wanted = reference.projected_logits(view, 6, rows)
        np.testing.assert_allclose(source.to_float64(rows, 6), wanted, rtol=1e-13, atol=1e-13)
        single = source.to_float32(rows)
        assert single.dtype == np.float32
        np.testing.assert_allclose(single, wanted[live], rtol=0, atol=1e-6 * np.abs(logits).max())


def test_logits_far_apart_are_joined_without_overflow():
    z = np.array([[300.0, -16000], [-300, 16000], [299, 15999], [5, 5]], np.float32)
    join(np.array([0, 3, 4]), z)
    np.testing.assert_allclose(z[:2], [[300 + np.log1p(np.exp(-1)), 16000 + np.log1p(np.exp(-1))], [5, 5]], rtol=1e-7)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("pixels", [1, TILE - 1, TILE, TILE + 1, 3 * TILE + 7])
def test_the_argmax_is_the_first_of_equal_columns(dtype, pixels):
    z = np.random.default_rng(0).integers(-2, 3, (7, pixels)).astype(dtype)
    z[3] = -np.inf
    top = np.empty(pixels, np.int32)
    argmax(z, top)
    np.testing.assert_array_equal(top, z.argmax(axis=0))


@pytest.mark.parametrize("groups", [[0], [2, 0, 2, 5, 0, 2], [3, 3, 3], [4, 3, 2, 1, 0]])
def test_members_of_a_column_stand_side_by_side_in_their_order(groups):
    live, starts, order = members(np.array(groups))
    assert live.tolist() == sorted(set(groups))
    found = [order[a:b].tolist() for a, b in pairwise(starts.tolist())]
    assert found == [[i for i, g in enumerate(groups) if g == column] for column in live]
