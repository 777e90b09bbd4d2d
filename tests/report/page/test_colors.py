from itertools import combinations

import numpy as np

from reliseg.report.page import colors
from reliseg.report.page.colors import distinct_colors


def apart(found):
    """The least distance of two colors, to those readers to whom they are nearest."""
    seen = colors._as_seen(np.array(found))
    return min(colors._distances(seen[i : i + 1], seen[k : k + 1])[0, 0] for i, k in combinations(range(len(found)), 2))


def test_colors_are_the_same_each_time_and_the_first_do_not_depend_on_how_many_there_are():
    assert distinct_colors(11) == distinct_colors(19)[:11]
    assert len(set(distinct_colors(60))) == 60


def test_colors_are_apart_to_readers_without_one_kind_of_cones_too():
    voc = [(128, 0, 0), (0, 128, 0), (128, 128, 0), (0, 0, 128), (128, 0, 128), (0, 128, 128), (128, 128, 128)]
    assert apart(distinct_colors(7)) > 2 * apart(voc)
    assert apart(distinct_colors(19)) > 0.06  # 0.02 is just noticeable


def test_more_classes_than_colors_begin_anew():
    assert len(distinct_colors(250)) == 250


def test_grey_is_as_far_from_red_for_all_readers_as_its_lightness_says():
    white = colors._as_seen(np.array([(255, 255, 255)]))[0]
    np.testing.assert_allclose(white[:, 0], 1, atol=2e-3)
    np.testing.assert_allclose(white[:, 1:], 0, atol=5e-3)
