"""From inputs to checked predictions: sizes, options that override, and errors that name the sample."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import pytest

from reliseg.errors import ModelError, SampleError
from reliseg.labels import LabelSpace
from reliseg.models import Input
from reliseg.models.image_predictor import ImagePredictor
from reliseg.prediction import Prediction
from reliseg.types import Image

SPACE = LabelSpace("two", ("a", "b"), ((0, 0, 0),) * 2)
Run = Callable[[Sequence[Image]], list[Prediction]]


def by_brightness(images: Sequence[Image]) -> list[Prediction]:
    """One pixel of logits for each image: its first value and its negative. The size is wrong on purpose."""
    values = [np.float32(image[0, 0, 0]) for image in images]
    return [Prediction(np.array([[[v]], [[-v]]], np.float32), size=(1, 1), align_corners=True) for v in values]


def predictor(run: Run = by_brightness, align_corners: bool | None = None) -> ImagePredictor:
    return ImagePredictor("net", SPACE, run, lambda error: f"{type(error).__name__} seen", align_corners)


def source(value: int) -> Input:
    return Input(f"day/{value}", (4, 6), np.full((4, 6, 3), value, np.uint8))


def test_predictions_have_the_order_and_the_size_of_the_inputs() -> None:
    predictions = predictor()([source(7), source(9)])
    assert [float(p.logits[0, 0, 0]) for p in predictions] == [7, 9]
    assert {p.size for p in predictions} == {(4, 6)}


@pytest.mark.parametrize(("option", "result"), [(None, True), (True, True), (False, False)])
def test_align_corners_of_the_options_overrides(option: bool | None, result: bool) -> None:
    [prediction] = predictor(align_corners=option)([source(1)])
    assert prediction.align_corners is result


def test_an_input_without_an_image_is_named() -> None:
    with pytest.raises(SampleError, match=r"^day/9: model net needs an image, and none was given$"):
        predictor()([Input("day/9", (4, 6))])


def test_an_output_of_other_classes_is_named() -> None:
    def three(images: Sequence[Image]) -> list[Prediction]:
        return [Prediction(np.zeros((3, 1, 1), np.float32), size=(1, 1)) for _ in images]

    with pytest.raises(SampleError, match=r"^day/1: model net gives 3 classes, label space two has 2"):
        predictor(three)([source(1)])


def test_probabilities_become_logits_of_the_images_size() -> None:
    def half(images: Sequence[Image]) -> list[Prediction]:
        return [Prediction(np.array([[[1, 0]], [[0, 1]]], np.float32), size=(1, 1)) for _ in images]

    with pytest.raises(SampleError, match=r"^day/1: model net gives probabilities, not logits"):
        predictor(half)([source(1)])
    with pytest.raises(SampleError, match=r"^day/1: model net gives probabilities, not logits"):
        replace(predictor(half), values="logits")([source(1)])
    [prediction] = replace(predictor(half), values="probabilities")([source(1)])
    assert prediction.logits.shape == (2, 4, 6)
    share = np.clip((np.arange(6) + 0.5) / 3 - 0.5, 0, 1)
    np.testing.assert_allclose(np.exp(prediction.logits), np.stack([1 - share, share])[:, None].repeat(4, 1), atol=1e-6)
    with pytest.raises(SampleError, match=r"^day/1: model net gives -1 as a probability, of class 1 in row 0,"):
        replace(predictor(), values="probabilities")([source(1)])


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (ValueError("seven"), "model net raised ValueError seen"),
        (SystemExit(3), "model net raised SystemExit seen"),
        (ModelError("gives nothing"), "model net gives nothing"),
    ],
)
def test_what_a_model_raises_names_the_sample(error: BaseException, text: str) -> None:
    def fail(images: Sequence[Image]) -> list[Prediction]:
        raise error

    with pytest.raises(SampleError) as caught:
        predictor(fail)([source(1)])
    assert str(caught.value) == f"day/1: {text}"
