"""The corruption `defocus_blur`."""

import pytest
from helpers.corruption_images import flat

from reliseg.corruptions import Corrupted


@pytest.mark.parametrize(("severity", "radius"), [(1, 3), (3, 6), (5, 10)])
def test_a_dot_becomes_a_disk(severity, radius):
    image = flat(51, 51, 0)
    image[15:36, 25] = 255  # a line, as a dot would be too faint
    row = Corrupted("defocus_blur", severity)(image, "a/b")[25, :, 0]
    assert (row[25 - radius : 26 + radius] > 0).all()
    assert not row[: 25 - radius - 2].any()


@pytest.mark.parametrize(("severity", "level"), [(1, 200), (3, 200), (4, 202), (5, 202)])
def test_the_published_disk_brightens_at_the_highest_severities(severity, level):
    assert Corrupted("defocus_blur", severity)(flat(40, 40, 200), "a/b").mean() == pytest.approx(level, abs=1)
