"""The corruption `gaussian_noise`."""

import pytest
from helpers.corruption_images import flat

from reliseg.corruptions import Corrupted


@pytest.mark.parametrize(("severity", "spread"), [(1, 0.08), (2, 0.12)])
def test_noise_has_the_published_spread_and_bytes_are_rounded_down(severity, spread):
    out = Corrupted("gaussian_noise", severity)(flat(300, 300, 128), "a/b").astype(float)
    assert out.std() == pytest.approx(255 * spread, rel=0.01)
    assert out.mean() == pytest.approx(127.5, abs=0.3)
