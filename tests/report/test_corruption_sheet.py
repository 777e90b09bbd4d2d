"""Contact sheets of corruptions."""

import numpy as np
from helpers.corruption_images import flat

from reliseg.corruptions import Corrupted
from reliseg.report.corruption_sheet import corruption_sheet


def test_a_sheet_has_a_row_for_each_kind_and_a_column_for_each_severity_and_the_clean_image():
    corruptions = [Corrupted(kind, severity) for kind in ("brightness", "contrast") for severity in (1, 5)]
    sheet = corruption_sheet(flat(20, 30, 100), "a", corruptions)
    assert sheet.shape == (2 * (20 + 18), 3 * 34 - 4, 3)
    tiles = [[sheet[r * 38 + 18 : r * 38 + 38, c * 34 : c * 34 + 30] for c in range(3)] for r in range(2)]
    assert [[int(np.median(tile)) for tile in row] for row in tiles] == [[100, 125, 227], [100, 100, 100]]


def test_a_large_image_is_shown_small_and_a_single_pixel_as_it_is():
    kinds = [Corrupted("brightness", 1), Corrupted("brightness", 2)]
    assert corruption_sheet(flat(1000, 600, 100), "a", kinds).shape == (400 + 18, 3 * 244 - 4, 3)
    assert corruption_sheet(flat(1, 1, 100), "a", kinds).shape == (19, 11, 3)
