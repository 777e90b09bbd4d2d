"""The image processor beside a model: what is read of it makes the pixels that transformers makes."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers
from helpers.hugging_face import save_processor

from reliseg.errors import ModelError
from reliseg.models.hf.processor import Processor, guess_note, read_processor
from reliseg.models.inference.resizing import resize_image, target_size

IMAGE = np.random.default_rng(0).integers(0, 256, (64, 96, 3), np.uint8)
SEGFORMER = {"image_processor_type": "SegformerImageProcessor"}
NUMBERS = {"image_mean": [0.5, 0.4, 0.3], "image_std": [0.2, 0.3, 0.4], "rescale_factor": 0.01}
PROCESSORS: dict[str, dict[str, Any]] = {
    "defaults": SEGFORMER,
    "given": SEGFORMER | NUMBERS | {"size": {"height": 32, "width": 48}, "resample": 3},
    "no normalisation": SEGFORMER | {"do_normalize": False},
    "no scale": SEGFORMER | {"do_rescale": False},
    "null is false": SEGFORMER | {"do_normalize": None, "image_mean": None},
    "an old file": {"feature_extractor_type": "SegformerFeatureExtractor", "size": 40, "reduce_labels": False},
    "a list of numbers": SEGFORMER | {"size": [40, 48]},
    "blue first": {"image_processor_type": "MobileViTImageProcessor", "do_center_crop": False},
    "blue first, normalised in vain": {
        **{"image_processor_type": "MobileViTImageProcessor", "do_center_crop": False},
        **{"do_normalize": True, "image_mean": [0.5] * 3, "size": 50},
    },
    "beit": {"image_processor_type": "BeitImageProcessor"},
    "dpt": {"image_processor_type": "DPTImageProcessor"},
    "dpt keeps the ratio": {
        **{"image_processor_type": "DPTImageProcessor", "size": {"height": 70, "width": 70}},
        **{"keep_aspect_ratio": True, "ensure_multiple_of": 14},
    },
    "dpt in multiples": {"image_processor_type": "DPTImageProcessor", "size": 50, "ensure_multiple_of": 32},
    "mobilenet": {"image_processor_type": "MobileNetV2ImageProcessor", "do_center_crop": False},
    "convnext": {"image_processor_type": "ConvNextImageProcessor"},
    "vit": {"image_processor_type": "ViTImageProcessor", "size": {"height": 40, "width": 40}},
    "eomt": {"image_processor_type": "EomtImageProcessor"},
    "eomt, short side": {
        "image_processor_type": "EomtImageProcessor",
        "size": {"shortest_edge": 64, "longest_edge": None},
    },
    "mask2former": {"image_processor_type": "Mask2FormerImageProcessor"},
    "mask2former, no multiples": {"image_processor_type": "Mask2FormerImageProcessor", "size_divisor": 0},
    "maskformer, an old file": {
        **{"feature_extractor_type": "MaskFormerFeatureExtractor", "size": 70, "max_size": 90},
        **{"size_divisibility": 32, "ignore_index": 255, "do_pad": True},
    },
    "maskformer, the longest edge": {"image_processor_type": "MaskFormerImageProcessor", "max_size": 100},
    "oneformer": {"image_processor_type": "OneFormerImageProcessor"},
}
"""Files, as they are found beside checkpoints."""
ODD = np.random.default_rng(1).integers(0, 256, (75, 100, 3), np.uint8)


def read(folder: Path, stored: dict[str, Any]) -> Processor:
    save_processor(folder, stored)
    return read_processor("hub", str(folder), None)


def pixels(processor: Processor, image: np.ndarray) -> torch.Tensor:
    return processor.normalisation([image], torch.device("cpu"))


def library(folder: Path) -> Any:
    return transformers.AutoImageProcessor.from_pretrained(folder, backend="pil")


@pytest.mark.parametrize("name", PROCESSORS)
def test_values_are_scaled_as_the_processor_does(tmp_path: Path, name: str) -> None:
    processor = read(tmp_path, PROCESSORS[name])
    given = {"task_inputs": ["semantic"]} if name == "oneformer" else {}
    theirs = library(tmp_path)(IMAGE, return_tensors="pt", do_resize=False, **given)["pixel_values"]
    torch.testing.assert_close(pixels(processor, IMAGE), torch.as_tensor(theirs), atol=2e-5, rtol=1e-5)


@pytest.mark.parametrize("image", [IMAGE, ODD, ODD.transpose(1, 0, 2)], ids=["even", "odd", "upright"])
@pytest.mark.parametrize("name", PROCESSORS)
def test_the_size_is_the_processors(tmp_path: Path, name: str, image: np.ndarray) -> None:
    processor = read(tmp_path, PROCESSORS[name])
    given = {"task_inputs": ["semantic"]} if name == "oneformer" else {}
    theirs = torch.as_tensor(library(tmp_path)(image, return_tensors="pt", **given)["pixel_values"])
    assert processor.unsupported is None
    assert processor.size is not None
    size = target_size(processor.size, image.shape[:2])
    assert size == tuple(theirs.shape[2:])
    resized = resize_image(np.ascontiguousarray(image), size, processor.resample)
    torch.testing.assert_close(pixels(processor, resized), theirs, atol=2e-5, rtol=1e-5)


@pytest.mark.parametrize(
    ("stored", "unsupported"),
    [
        ({"image_processor_type": "MobileViTImageProcessor"}, "do_center_crop"),
        ({"image_processor_type": "ConvNextImageProcessor", "size": 224}, "crop_pct"),
        ({"image_processor_type": "DPTImageProcessor", "do_pad": True, "size_divisor": 14}, "do_pad"),
        ({"image_processor_type": "EomtImageProcessor", "do_pad": True}, "do_pad"),
        ({"image_processor_type": "Mask2FormerImageProcessor", "pad_size": {"height": 99, "width": 99}}, "pad_size"),
        (SEGFORMER | {"size": {"longest_edge": 99}}, "longest_edge"),
    ],
)
def test_what_it_does_beyond_a_size_is_named(tmp_path: Path, stored: dict[str, Any], unsupported: str) -> None:
    assert read(tmp_path, stored).unsupported == unsupported


def test_a_file_without_a_class_means_that_of_the_family(tmp_path: Path) -> None:
    save_processor(tmp_path, {"do_resize": True})
    beit = read_processor("hub", str(tmp_path), None, "beit")
    assert (beit.source, beit.normalisation.mean, beit.size) == ("BeitImageProcessor", (0.5,) * 3, (224, 224))


def test_classes_that_cannot_be_made_without_torchvision_are_read(tmp_path: Path) -> None:
    sapiens = read(tmp_path, {"image_processor_type": "Sapiens2ImageProcessor"})
    assert (sapiens.size, sapiens.normalisation.mean) == ((1024, 768), (0.485, 0.456, 0.406))
    tips = read(tmp_path, {"image_processor_type": "Tipsv2DptImageProcessor"})
    assert (tips.size, tips.normalisation.mean, tips.normalisation.std) == ((448, 448), (0.0,) * 3, (1.0,) * 3)


def test_a_processor_inside_the_file_of_all_processors_is_read(tmp_path: Path) -> None:
    content = {"image_processor": SEGFORMER | {"size": {"height": 40, "width": 48}}}
    (tmp_path / "processor_config.json").write_text(json.dumps(content))
    assert read_processor("hub", str(tmp_path), None).size == (40, 48)


def test_without_a_file_imagenets_numbers_are_used_and_said(tmp_path: Path) -> None:
    processor = read_processor("hub", str(tmp_path), None)
    assert processor.source == "none stored: ImageNet's mean and deviation"
    assert (processor.normalisation.mean, processor.size) == ((0.485, 0.456, 0.406), None)


def test_a_normalisation_that_nobody_stated_is_said_where_the_family_mostly_has_another(tmp_path: Path) -> None:
    guessed = read_processor("hub", str(tmp_path), None, "mobilevit")
    assert "most networks of the family mobilevit were trained with others" in str(guess_note(guessed, "mobilevit"))
    assert guess_note(guessed, "segformer") is None
    stated = read(tmp_path, {"image_processor_type": "MobileViTImageProcessor"})
    assert guess_note(stated, "mobilevit") is None


def test_an_unknown_type_is_read_as_far_as_it_says(tmp_path: Path) -> None:
    stored = {"image_processor_type": "SomeoneElsesProcessor", "image_mean": [0.1] * 3, "image_std": 0.2}
    normalisation = read(tmp_path, stored).normalisation
    assert (normalisation.mean, normalisation.std) == ((0.1,) * 3, (0.2,) * 3)
    assert (normalisation.divisor, normalisation.bgr) == (255, False)


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ('{"image_processor_type": "NoSuchProcessor"}', "model hub: its image processor cannot be used"),
        ('{"image_processor_type": "BeitImageProcessor", "image_mean": "half"}', "its image processor cannot be used"),
        ('{"image_processor_type": "BeitImageProcessor", "size": [1, 2, 3]}', "its image processor cannot be used"),
        ('{"image_processor_type": "BeitImageProcessor", "image_mean": null}', "image_mean or image_std is null"),
        ("{", "model hub: the image processor of .* cannot be read"),
    ],
)
def test_a_file_that_cannot_be_used_is_one_line(tmp_path: Path, content: str, problem: str) -> None:
    (tmp_path / "preprocessor_config.json").write_text(content)
    with pytest.raises(ModelError, match=problem) as caught:
        read_processor("hub", str(tmp_path), None)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("[1, 2]", "its file is no object of JSON"),
        ('{"image_processor_type": "SegformerImageProcessor", "size": -5}', "size has height -5"),
        (
            '{"image_processor_type": "SegformerImageProcessor", "size": {"height": 8, "width": 1e9}}',
            "width 1000000000",
        ),
        ('{"image_processor_type": "SegformerImageProcessor", "resample": 99}', "99 is not a valid Resampling"),
        ('{"image_processor_type": "SegformerImageProcessor", "do_grayscale": true}', "do_grayscale changes colours"),
        ('{"image_processor_type": "Own", "image_mean": 0, "image_std": 1, "rescale_offset": true}', "rescale_offset"),
    ],
)
def test_settings_that_cannot_be_and_colours_that_are_not_known_are_refused(
    tmp_path: Path, content: str, reason: str
) -> None:
    (tmp_path / "preprocessor_config.json").write_text(content)
    with pytest.raises(ModelError, match=f"its image processor cannot be used: .*{reason}"):
        read_processor("hub", str(tmp_path), None)


def test_a_longest_edge_without_end_is_read(tmp_path: Path) -> None:
    size = {"shortest_edge": 8, "longest_edge": 999999999999}
    save_processor(tmp_path, {"image_processor_type": "Mask2FormerImageProcessor", "size": size})
    assert target_size(read_processor("hub", str(tmp_path), None).size, (64, 96)) == (32, 32)
