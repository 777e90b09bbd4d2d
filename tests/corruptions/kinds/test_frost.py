"""The corruption `frost`."""

import numpy as np
import pytest
from helpers.corruption_images import flat

from reliseg.corruptions import Corrupted


@pytest.mark.parametrize(("severity", "share"), [(1, 1), (3, 0.7), (5, 0.6)])
def test_the_image_is_dimmed_by_the_published_share(severity, share):
    dark, light = (Corrupted("frost", severity)(flat(40, 40, level), "a/b").astype(int) for level in (0, 40))
    assert abs((light - dark)[dark < 200] - 40 * share).max() <= 1


def test_images_have_different_panes():
    means = {int(Corrupted("frost", 5)(flat(60, 60, 0), f"a/{number}").mean()) // 25 for number in range(20)}
    assert len(means) > 3


def test_ice_is_no_noise():
    ice = Corrupted("frost", 5)(flat(200, 200, 0), "a/b")[..., 1].astype(float)
    assert abs(np.diff(ice, axis=0)).mean() < ice.std()
