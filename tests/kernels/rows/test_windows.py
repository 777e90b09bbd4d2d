"""The mean of overlapping windows, by rows."""

import numpy as np
from helpers.rows import StoredRows
from hypothesis import given, settings
from hypothesis import strategies as st

from reliseg.kernels.reference_rows import resized, window_mean
from reliseg.kernels.rows.windows import Window, WindowMean


def windows_over(seed, size, crop, overhang):
    """Return windows that cover an image and overlap unevenly; the last ones may reach over its edges."""
    rng = np.random.default_rng(seed)
    found = []
    for top in range(0, size[0], max(1, crop[0] - 2)):
        for left in range(0, size[1], max(1, crop[1] - 1)):
            place = top, left
            if not overhang:
                place = tuple(max(0, min(p, s - c)) for p, s, c in zip(place, size, crop, strict=True))
            shape = crop if overhang else tuple(min(c, s) for c, s in zip(crop, size, strict=True))
            found.append((*place, rng.normal(size=(3, *shape)).astype(np.float32)))
    return found


@settings(max_examples=40, deadline=None)
@given(
    st.tuples(st.integers(3, 30), st.integers(3, 30)),
    st.tuples(st.integers(3, 12), st.integers(3, 12)),
    st.booleans(),
    st.integers(1, 9),
)
def test_windows_are_averaged_where_they_overlap(size, crop, overhang, step):
    found = windows_over(size[0], size, crop, overhang)
    maps = WindowMean(tuple(Window(t, left, StoredRows(m)) for t, left, m in found), size)
    expected = window_mean([(t, left, m.astype(np.float64)) for t, left, m in found], size)
    whole = np.concatenate([maps.rows(slice(y, min(y + step, size[0]))) for y in range(0, size[0], step)], axis=1)
    np.testing.assert_allclose(whole, expected, atol=1e-5)
    np.testing.assert_array_equal(whole, np.asarray(maps))


def test_the_mean_is_brought_to_the_image_after_the_windows_are_averaged():
    found = windows_over(1, (10, 12), (5, 6), overhang=False)
    maps = WindowMean(tuple(Window(t, left, StoredRows(m)) for t, left, m in found), (10, 12), align_corners=True)
    assert maps.brought_to((10, 12)) is maps
    expected = resized(window_mean([(t, left, m.astype(np.float64)) for t, left, m in found], (10, 12)), (23, 31), True)
    np.testing.assert_allclose(np.asarray(maps.brought_to((23, 31))), expected, atol=1e-5)
    assert len(maps.arrays()) == len(found)
    assert maps.magnitude() == max(abs(m).max() for _, _, m in found)
