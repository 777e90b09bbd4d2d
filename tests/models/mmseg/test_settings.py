"""What configurations of mmsegmentation 1.x and 0.x say of inference."""

import re
from typing import Any

import pytest

from reliseg.errors import ModelError
from reliseg.models.mmseg.settings import Settings, read_settings
from reliseg.models.options import FitWithin, Pad, Slide

MEAN, STD = [123.675, 116.28, 103.53], [58.395, 57.12, 57.375]
PREPROCESSOR = {"type": "SegDataPreProcessor", "mean": MEAN, "std": STD, "bgr_to_rgb": True, "size": [512, 512]}
LOAD, PACK = {"type": "LoadImageFromFile"}, {"type": "PackSegInputs"}


def new(*steps: dict[str, Any], **model: Any) -> dict[str, Any]:
    """Return a configuration of 1.x whose tests run these steps."""
    pipeline = [LOAD, *steps, {"type": "LoadAnnotations"}, PACK]
    return {
        "model": {"type": "EncoderDecoder", "data_preprocessor": PREPROCESSOR, "test_cfg": {"mode": "whole"}} | model,
        "test_dataloader": {"dataset": {"type": "CityscapesDataset", "pipeline": pipeline}},
        "test_pipeline": pipeline,
    }


def old(*steps: dict[str, Any], **augmentation: Any) -> dict[str, Any]:
    """Return a configuration of 0.x whose tests run these steps."""
    wrapped = {"type": "MultiScaleFlipAug", "img_scale": (2049, 1025), "flip": False, "transforms": list(steps)}
    pipeline = [LOAD, wrapped | augmentation]
    return {
        "model": {
            "type": "EncoderDecoder",
            "test_cfg": {"mode": "slide", "crop_size": (769, 769), "stride": (513, 513)},
        },
        "data": {"test": {"type": "CityscapesDataset", "pipeline": pipeline}},
    }


NORMALISE = {"type": "Normalize", "mean": MEAN, "std": STD, "to_rgb": True}
OLD_STEPS = ({"type": "Resize", "keep_ratio": True}, {"type": "RandomFlip"}, NORMALISE)
OLD_END = ({"type": "ImageToTensor", "keys": ["img"]}, {"type": "Collect", "keys": ["img"]})


def settings(content: dict[str, Any]) -> Settings:
    return read_settings("net", content)


def test_a_configuration_of_1_x_says_size_mean_and_windows():
    windows = {"mode": "slide", "crop_size": [1024, 1024], "stride": [768, 512]}
    found = settings(new({"type": "Resize", "scale": [2048, 1024], "keep_ratio": True}, test_cfg=windows))
    assert found == Settings(
        mean=tuple(MEAN),
        std=tuple(STD),
        bgr=False,
        resize=FitWithin(long=2048, short=1024),
        slide=Slide(crop=(1024, 1024), stride=(768, 512)),
    )


def test_a_configuration_of_0_x_says_the_same_in_its_pipeline():
    found = settings(old(*OLD_STEPS, *OLD_END))
    assert (found.mean, found.std, found.bgr) == (tuple(MEAN), tuple(STD), False)
    assert found.resize == FitWithin(long=2049, short=1025)
    assert found.slide == Slide(crop=(769, 769), stride=(513, 513))
    assert (found.problems, found.remarks) == ((), ())


def test_a_scale_is_width_and_height_where_the_ratio_is_not_kept():
    """Resize of 1.x does not keep it unless it is told to, that of 0.x does."""
    assert settings(new({"type": "Resize", "scale": (640, 480)})).resize == (480, 640)
    assert settings(new({"type": "Resize", "scale": 512, "keep_ratio": False})).resize == (512, 512)
    assert settings(old({"type": "Resize"}, NORMALISE)).resize == FitWithin(long=2049, short=1025)
    assert settings(old({"type": "Resize", "keep_ratio": False}, NORMALISE)).resize == (1025, 2049)


def test_images_keep_their_size_where_no_step_resizes():
    assert settings(new()).resize is None


def test_images_stay_bgr_where_nothing_turns_their_channels():
    assert settings(new(data_preprocessor=PREPROCESSOR | {"bgr_to_rgb": False})).bgr
    assert settings(old({"type": "Resize"}, NORMALISE | {"to_rgb": False})).bgr
    assert settings({"model": {"type": "EncoderDecoder"}}) == Settings()


def test_padding_in_tests_is_that_of_test_cfg_and_the_size_of_training_is_none():
    assert settings(new()).pad is None
    padded = settings(new(data_preprocessor=PREPROCESSOR | {"test_cfg": {"size_divisor": 32}}))
    assert (padded.pad, padded.problems) == (Pad(to_multiple=32), ())
    after = old({"type": "Resize"}, NORMALISE, {"type": "Pad", "size_divisor": 16})
    after["model"]["test_cfg"] = {"mode": "whole"}
    assert settings(after).pad == Pad(to_multiple=16)


@pytest.mark.parametrize(
    ("content", "option", "problem"),
    [
        (new(data_preprocessor=PREPROCESSOR | {"test_cfg": {"size": [640, 640]}}), "pad", "pads images to [640, 640]"),
        (
            new(data_preprocessor=PREPROCESSOR | {"test_cfg": {"size_divisor": 32}, "pad_val": 114}),
            "pad",
            "pads images with 114",
        ),
        (new({"type": "Pad", "size_divisor": 32}), "pad", "pads images before they are normalised"),
        (old({"type": "Pad", "size_divisor": 32}, NORMALISE), "pad", "pads images before they are normalised"),
        (
            old(NORMALISE, {"type": "Pad", "size": (512, 512)}),
            "pad",
            "pads images to a size, or with another number than 0",
        ),
        (
            old(NORMALISE, {"type": "Pad", "size_divisor": 32}),
            "pad",
            "pads images before windows are cut out of them",
        ),
        (new({"type": "ResizeShortestEdge", "scale": 640}), "resize", "resizes images by ResizeShortestEdge"),
        (new({"type": "Resize", "scale_factor": 0.5}), "resize", "resizes images by scale_factor"),
        (
            new({"type": "Resize", "scale": (64, 64), "interpolation": "bicubic"}),
            "resize",
            "resizes images by bicubic of cv2",
        ),
        (old(*OLD_STEPS, img_scale=[(512, 512), (1024, 1024)]), "resize", "averages several scales"),
        (old(*OLD_STEPS, img_ratios=[0.5]), "resize", "resizes images by the ratios [0.5]"),
        (old(*OLD_STEPS, img_ratios=0.5), "resize", "resizes images by the ratios [0.5]"),
        (
            new({"type": "Resize", "scale": (64, 64)}, {"type": "Resize", "scale": (32, 32)}),
            "resize",
            "resizes images 2 times",
        ),
        (new(test_cfg={"mode": "slide", "crop_size": (8, 8), "stride": (0, 8)}), "slide", "has windows that cannot be"),
        (new(test_cfg={"mode": "slide_flip"}), "slide", "has the test mode 'slide_flip'"),
        (new(test_cfg={"mode": "slide", "crop_size": 512, "stride": 340}), "slide", "has windows that cannot be"),
        (
            new(test_cfg={"mode": "slide", "crop_size": (512, 512), "stride": (600, 600)}),
            "slide",
            "has windows that cannot be (stride [600, 600] leaves gaps",
        ),
    ],
)
def test_what_cannot_be_done_here_is_a_problem_of_its_option(content, option, problem):
    found = settings(content)
    assert found.problem_of(option).startswith(problem)
    assert getattr(found, option) is None


def test_pillow_is_named_where_a_configuration_resizes_with_it():
    step = {"type": "Resize", "scale": (64, 32), "keep_ratio": True, "backend": "pillow"}
    assert settings(new(step)).interpolation == "pillow"
    assert settings(new()).interpolation == "opencv"


def test_flips_of_0_x_are_not_applied_and_that_is_said():
    [remark] = settings(old(*OLD_STEPS, flip=True)).remarks
    assert remark == "its test pipeline averages flips or scales, which is not done unless tta says so"


def test_what_tests_run_counts_where_test_pipeline_says_otherwise():
    content = new({"type": "Resize", "scale": (64, 32), "keep_ratio": True})
    content["test_pipeline"] = [LOAD, {"type": "Resize", "scale": (128, 64), "keep_ratio": True}, PACK]
    found = settings(content)
    assert found.resize == FitWithin(long=64, short=32)
    assert found.remarks == (
        "its test_pipeline resizes otherwise than the one of its test data, test_dataloader.dataset.pipeline, which is "
        "what counts",
    )
    del content["test_dataloader"]
    assert settings(content).resize == FitWithin(long=128, short=64)


def test_the_pipeline_of_a_wrapped_data_set_is_found():
    content = new({"type": "Resize", "scale": (64, 32), "keep_ratio": True})
    inner = content["test_dataloader"]["dataset"]
    content["test_dataloader"]["dataset"] = {"type": "ConcatDataset", "datasets": [inner, inner]}
    del content["test_pipeline"]
    assert settings(content).resize == FitWithin(long=64, short=32)


def test_a_step_that_may_change_pixels_is_refused():
    with pytest.raises(ModelError, match=r"^model net: the test pipeline has a CLAHE, which is not done here; if it"):
        settings(new({"type": "CLAHE"}))


def test_the_class_of_a_step_may_stand_in_the_place_of_its_name():
    class Resize:
        pass

    assert settings(new({"type": Resize, "scale": (64, 32), "keep_ratio": True})).resize == FitWithin(long=64, short=32)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (new({"type": "Normalize", "mean": MEAN, "std": STD}), "normalises images 2 times"),
        (new({"type": "RandomFlip", "prob": 1.0}), "mirrors images"),
        (new({"type": "LoadImageFromFile", "color_type": "grayscale"}), "loads images with color_type 'grayscale'"),
        (new({"type": "LoadSingleRSImageFromFile"}), "loads images by LoadSingleRSImageFromFile"),
        (new({"type": "Resize", "scale": 0.5}), "cannot be read"),
        (new({"type": "Resize", "scale": (-1, 512)}), "-1 is no number of pixels"),
        (new("Resize"), "cannot be read"),  # type: ignore[arg-type]
        (new(data_preprocessor={"mean": MEAN}), "needs both or none"),
        (new(data_preprocessor=PREPROCESSOR | {"test_cfg": {"size_divisor": None}}), "None is no number of pixels"),
    ],
)
def test_images_that_would_be_shown_otherwise_than_the_configuration_says_are_refused(
    content: dict[str, Any], reason: str
) -> None:
    with pytest.raises(ModelError, match=re.escape(reason)) as caught:
        settings(content)
    assert "\n" not in str(caught.value)


def test_the_pipeline_that_counts_is_named_where_a_step_is_refused():
    with pytest.raises(ModelError, match=re.escape("args: {test_dataloader.dataset.pipeline: [..]}")):
        settings(new({"type": "RandomCrop"}))
    with pytest.raises(ModelError, match=re.escape("args: {data.test.pipeline: [..]}")):
        settings(old({"type": "RandomCrop"}))


def test_a_side_of_any_length_is_infinity_in_configurations():
    found = settings(new({"type": "Resize", "scale": (float("inf"), 512), "keep_ratio": True}))
    assert found.resize == FitWithin(long=1 << 30, short=512)
