"""The corruption `snow`."""

import numpy as np
from helpers.corruption_images import flat

from reliseg.corruptions import Corrupted


def test_flakes_lie_as_they_fall_and_turned_by_180_degrees():
    out = Corrupted("snow", 1)(flat(60, 70, 30), "a/b")
    assert np.array_equal(out, out[::-1, ::-1])
    assert out.min() > 30
    assert out.std() > 5


def test_a_magnified_flake_is_larger():
    small, large = (Corrupted("snow", s)(flat(200, 200, 30), "a/b")[..., 0].astype(float) for s in (2, 4))
    rough = [abs(np.diff(i, axis=1)).mean() / i.std() for i in (small, large)]
    assert rough[1] < rough[0]
