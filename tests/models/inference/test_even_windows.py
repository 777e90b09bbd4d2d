"""Windows along the longer side: where they begin, and that what several cover is averaged."""

import numpy as np
import pytest
from transformers import EomtImageProcessorPil
from transformers.image_utils import SizeDict

from reliseg.errors import ModelError
from reliseg.kernels.rows.masks import MaskRows, NetworkInput
from reliseg.models.inference.composing import compose
from reliseg.models.inference.modes import EvenWindows, Inference, window_places
from reliseg.prediction import Prediction
from reliseg.types import Image

EDGE = 8


@pytest.mark.parametrize("length", [8, 9, 15, 16, 17, 23, 24, 25, 40])
def test_windows_begin_where_transformers_begins_them(length: int) -> None:
    own = EomtImageProcessorPil()
    _, offsets = own._split_image(np.zeros((3, EDGE, length), np.uint8), SizeDict(shortest_edge=EDGE), 0)
    expected = [(start, end) for _, start, end in offsets]
    lying = list(window_places((EDGE, length), EvenWindows(EDGE)))
    assert [(columns.start, columns.stop) for _, columns in lying] == expected
    assert all(rows == slice(0, EDGE) for rows, _ in lying)
    upright = [rows for rows, _ in window_places((length, EDGE), EvenWindows(EDGE))]
    assert [(rows.start, rows.stop) for rows in upright] == expected


def ask(image: Image, number: int) -> Prediction:
    """Return class maps of two queries, of which the first is the red of the window."""
    assert image.shape == (EDGE, EDGE, 3)
    red = image[:, :, 0].astype(np.float32)
    size = (EDGE, EDGE)
    classes = np.array([[50, 0, 0], [0, 50, 0]])
    rows = MaskRows.of(classes, np.stack([red, 0 * red]), "window", NetworkInput(size, size))
    return Prediction(rows, size, feature=np.float32([red.mean()]))


def test_what_several_windows_cover_is_their_mean() -> None:
    image = np.zeros((EDGE, 12, 3), np.uint8)
    image[:, :, 0] = np.arange(12)
    for turned in (image, image.transpose(1, 0, 2)):
        prediction = compose(np.ascontiguousarray(turned), Inference(slide=EvenWindows(EDGE)), ask)
        assert prediction.size == turned.shape[:2]
        maps = np.exp(np.asarray(prediction.logits, np.float64))
        red = 1 / (1 + np.exp(-turned[:, :, 0].astype(float)))
        np.testing.assert_allclose(maps[0], red, atol=1e-6)
        np.testing.assert_allclose(maps[1], 0.5, atol=1e-6)
        np.testing.assert_allclose(prediction.feature, [(3.5 + 7.5) / 2])


def test_an_image_of_another_shorter_side_is_refused() -> None:
    with pytest.raises(ModelError, match="takes windows with a side of 8 pixels, and is given an image of height 9"):
        list(window_places((9, 12), EvenWindows(EDGE)))
