"""From inputs to checked predictions: sizes, options that override, and errors that name the sample."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import pytest

from reliseg.errors import ModelError, SampleError
from reliseg.labels import LabelSpace
from reliseg.models import Input
from reliseg.models.image_predictor import GRAY, ImagePredictor
from reliseg.models.inference.modes import Inference
from reliseg.models.inference.resizing import Resizing
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
    made = [Prediction.of_probabilities(half([source(1).image])[0].logits, (2, 2))]
    with pytest.raises(SampleError, match="gives a Prediction of probabilities; say so, values: probabilities"):
        predictor(lambda _: made)([source(1)])
    [same] = replace(predictor(lambda _: made), values="probabilities")([source(1)])
    np.testing.assert_array_equal(same.logits, prediction.logits)
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
    assert str(caught.value) == f"day/1: {text} (image: height 4, width 6)"


def planes(shape: Callable[[int, int], tuple[int, int]]) -> Run:
    """Logits whose height and width come from those of the image."""
    return lambda images: [
        Prediction(np.full((2, *shape(*image.shape[:2])), 3, np.float32), size=(1, 1)) for image in images
    ]


def blank(height: int, width: int) -> Input:
    return Input("day/1", (height, width), np.zeros((height, width, 3), np.uint8))


def test_swapped_logits_name_the_image_and_its_size() -> None:
    with pytest.raises(
        SampleError, match=r"day/1: model net gives logits of 2 x 12 x 8 .*swapped.* \(image: height 64, width 96"
    ):
        predictor(planes(lambda h, w: (w // 8, h // 8)))([blank(64, 96)])


def test_a_network_with_one_size_for_all_images_may_take_them_upright() -> None:
    scales = predictor(planes(lambda h, w: (8, 16)))
    scales([blank(64, 128)])
    assert scales.notes() == []
    scales([blank(128, 64)])
    [note] = scales.notes()
    assert note.startswith(
        "gives logits of height 8, width 16 for an image of height 128, width 64, which has other proportions"
    )


def test_padded_logits_are_noted_once() -> None:
    pads = predictor(planes(lambda h, w: (w // 8, w // 8)))
    for size in ((192, 256), (96, 256)):
        pads([blank(*size)])
    [note] = pads.notes()
    assert "crop its logits to the image's part (height 24, width 32)" in note
    pads.forget_notes()
    assert pads.notes() == []


def test_proportions_are_those_of_the_resized_image() -> None:
    resized = replace(predictor(planes(lambda h, w: (h // 8, w // 8))), inference=Inference(Resizing((64, 64))))
    [prediction] = resized([blank(64, 128)])
    assert (prediction.logits.shape, prediction.size, resized.notes()) == ((2, 8, 8), (64, 128), [])


def multiples_only(images: Sequence[Image]) -> list[Prediction]:
    height, width = images[0].shape[:2]
    if height % 32 or width % 32:
        raise RuntimeError("The size of tensor a (45) must match the size of tensor b (46)")
    return planes(lambda h, w: (h // 8, w // 8))(images)


def test_where_the_size_is_the_cause_resize_is_the_way_out() -> None:
    with pytest.raises(SampleError) as caught:
        predictor(multiples_only)([blank(90, 121)])
    assert str(caught.value) == (
        "day/1: model net raised RuntimeError seen; at height 96, width 128 it works, so set resize: "
        "[height, width], for example [96, 128] (image: height 90, width 121)"
    )


def test_a_network_for_one_size_only_names_that_size() -> None:
    def one_size(images: Sequence[Image]) -> list[Prediction]:
        assert images[0].shape[:2] == (64, 128)
        return planes(lambda h, w: (h, w))(images)

    picky = predictor(one_size)
    picky([blank(64, 128)])
    with pytest.raises(SampleError, match=r"; at height 64, width 128 it works, so set resize"):
        picky([blank(96, 128)])


def test_memory_is_not_asked_for_twice() -> None:
    calls = []

    def hungry(images: Sequence[Image]) -> list[Prediction]:
        calls.append(images[0].shape)
        raise RuntimeError("CUDA out of memory")

    with pytest.raises(SampleError, match="RuntimeError seen"):
        predictor(hungry)([blank(90, 121)])
    assert len(calls) == 1


def test_what_a_model_prints_goes_to_the_error_stream(capsys: pytest.CaptureFixture[str]) -> None:
    def loud(images: Sequence[Image]) -> list[Prediction]:
        print("loud")
        return by_brightness(images)

    predictor(loud)([source(1)])
    assert capsys.readouterr() == ("", "loud\n")


def test_a_number_of_classes_that_changes_between_images_is_named() -> None:
    def changing(images: Sequence[Image]) -> list[Prediction]:
        return [Prediction(np.zeros((images[0][0, 0, 0], 1, 1), np.float32), size=(1, 1))]

    changes = predictor(changing)
    changes([source(2)])
    with pytest.raises(
        SampleError, match=r"^day/3: model net gives 3 classes, and 2 for other images \(image: height 4"
    ):
        changes([source(3)])


def test_the_gray_image_of_the_trial_is_called_so() -> None:
    gray = Input(GRAY, (4, 6), np.full((4, 6, 3), 128, np.uint8))
    with pytest.raises(SampleError, match=r"gives 3 classes, label space two .* \(gray image: height 4, width 6\)$"):
        predictor(lambda images: [Prediction(np.zeros((3, 1, 1), np.float32), size=(1, 1))])([gray])
