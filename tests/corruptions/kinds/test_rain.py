"""The corruption `rain`."""

import pytest
from helpers.corruption_images import flat

from reliseg.corruptions import Corrupted


@pytest.mark.parametrize("level", [20, 235])
def test_air_is_mistier_and_streaks_are_more_at_higher_severities(level):
    seen = [Corrupted("rain", s)(flat(200, 300, level), "a/b").astype(float) for s in (1, 3, 5)]
    contrast = [abs(image - level).mean() for image in seen]
    assert contrast == sorted(contrast)


def test_rain_is_as_dense_whatever_the_size_of_the_image():
    wet = []
    for h in (150, 600):
        out = Corrupted("rain", 3)(flat(h, 2 * h, 20), "a/b")[..., 0]
        wet.append(out.mean() - out.min())
    assert wet[0] == pytest.approx(wet[1], rel=0.1)
    assert wet[0] > 3
