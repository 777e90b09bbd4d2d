"""Pictures of single images: colors of ids, of confidence and of errors."""

import numpy as np
import pytest
from PIL import Image as Pillow

from reliseg.labels import UNKNOWN, VOID, label_space
from reliseg.report.pictures import Case, palette_colors, sheet, tiles, write_png

LABELS = label_space("camvid")
TRUTH = np.array([[0, 1, 2], [3, UNKNOWN, VOID]], np.uint8)
GUESS = np.array([[0, 2, 2], [4, 1, 1]], np.uint8)
SURE = np.array([[0.0, 1.0, 1.0], [0.5, 0.9, 0.9]])
CASE = Case("fog", np.full((2, 3, 3), 7, np.uint8), TRUTH, GUESS, SURE)
CYAN, RED = (0, 215, 215), (200, 40, 40)


def test_ids_have_the_colors_of_the_palette():
    colors = palette_colors(TRUTH, LABELS)
    assert [tuple(c) for c in colors[0]] == [LABELS.palette[i] for i in (0, 1, 2)]
    assert tuple(colors[1, 1]) == CYAN
    assert tuple(colors[1, 2]) == (0, 0, 0)


def test_the_tiles_are_input_truth_prediction_confidence_and_errors():
    image, truth, prediction, confidence, errors = tiles(CASE, LABELS)
    assert image is CASE.image
    np.testing.assert_array_equal(truth, palette_colors(TRUTH, LABELS))
    np.testing.assert_array_equal(prediction, palette_colors(GUESS, LABELS))
    assert tuple(confidence[0, 0]) == (68, 1, 84)
    assert tuple(confidence[0, 1]) == (253, 231, 37)
    brightness = confidence.sum(axis=2)
    assert brightness[0, 0] < brightness[1, 0] < brightness[0, 1]
    pale = errors[0, 0]
    np.testing.assert_array_equal(errors[0, 2], pale)
    assert tuple(errors[0, 1]) == RED  # wrong, and certain
    assert errors[1, 0, 1] > RED[1]  # wrong with half the confidence: less deep
    assert tuple(errors[1, 1]) == CYAN
    assert max(errors[1, 2]) < 30


def test_a_sheet_has_a_row_of_five_tiles_for_each_case():
    image = np.full((40, 60, 3), 99, np.uint8)
    ids = np.zeros((40, 60), np.uint8)
    case = Case("fog", image, ids, ids, np.ones((40, 60)))
    one, two = sheet([case], LABELS), sheet([case, case], LABELS)
    assert one.shape[1] == two.shape[1] == 5 * 64 - 4
    row = two.shape[0] - one.shape[0]
    assert row == 40 + 18 + 4
    for top in (18, 18 + row):
        np.testing.assert_array_equal(two[top : top + 40, :60], image)


def test_a_picture_is_written_into_a_folder_that_may_not_be_there_yet(tmp_path):
    pixels = np.arange(18, dtype=np.uint8).reshape(2, 3, 3)
    write_png(tmp_path / "a" / "b.png", pixels)
    with Pillow.open(tmp_path / "a" / "b.png") as picture:
        np.testing.assert_array_equal(np.asarray(picture), pixels)


@pytest.mark.parametrize("value", [0.0, 0.25, 0.5, 0.75, 1.0])
def test_the_anchors_of_the_scale_are_exact(value):
    case = Case("x", CASE.image[:1, :1], TRUTH[:1, :1], GUESS[:1, :1], np.full((1, 1), value))
    anchors = {0.0: (68, 1, 84), 0.25: (59, 82, 139), 0.5: (33, 145, 140), 0.75: (94, 201, 98), 1.0: (253, 231, 37)}
    assert tuple(tiles(case, LABELS)[3][0, 0]) == anchors[value]
