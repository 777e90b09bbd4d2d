"""The image processor beside a model: what is read of it makes the pixels that transformers makes."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers
from helpers.hugging_face import save_processor

from reliseg.errors import ModelError
from reliseg.models.hf.processor import Processor, read_processor
from reliseg.models.resizing import resize_image

IMAGE = np.random.default_rng(0).integers(0, 256, (64, 96, 3), np.uint8)
SEGFORMER = {"image_processor_type": "SegformerImageProcessor"}
PROCESSORS: dict[str, dict[str, Any]] = {
    "defaults": SEGFORMER,
    "given": SEGFORMER
    | {"image_mean": [0.5, 0.4, 0.3], "image_std": [0.2, 0.3, 0.4], "rescale_factor": 0.01}
    | {"size": {"height": 32, "width": 48}, "resample": 3},
    "no normalisation": SEGFORMER | {"do_normalize": False},
    "no scale": SEGFORMER | {"do_rescale": False},
    "blue first": {"image_processor_type": "MobileViTImageProcessor", "do_center_crop": False},
    "vit": {"image_processor_type": "ViTImageProcessor", "size": {"height": 40, "width": 40}},
}


def read(folder: Path, stored: dict[str, Any]) -> Processor:
    save_processor(folder, stored)
    return read_processor("hub", str(folder), None)


def pixels(processor: Processor, image: np.ndarray) -> torch.Tensor:
    return processor.normalisation([image], torch.device("cpu"))


@pytest.mark.parametrize("name", PROCESSORS)
def test_values_are_scaled_as_the_processor_does(tmp_path: Path, name: str) -> None:
    processor = read(tmp_path, PROCESSORS[name])
    own = transformers.AutoImageProcessor.from_pretrained(tmp_path, backend="pil")
    theirs = own(IMAGE, return_tensors="pt", do_resize=False)["pixel_values"]
    torch.testing.assert_close(pixels(processor, IMAGE), theirs, atol=2e-5, rtol=1e-5)


@pytest.mark.parametrize("name", [name for name in PROCESSORS if name != "blue first"])
def test_the_size_is_the_processors(tmp_path: Path, name: str) -> None:
    processor = read(tmp_path, PROCESSORS[name])
    own = transformers.AutoImageProcessor.from_pretrained(tmp_path, backend="pil")
    theirs = own(IMAGE, return_tensors="pt")["pixel_values"]
    assert processor.size == tuple(theirs.shape[2:])
    small = resize_image(IMAGE, processor.size, processor.resample)
    torch.testing.assert_close(pixels(processor, small), theirs, atol=2e-5, rtol=1e-5)


@pytest.mark.parametrize(
    ("kind", "unsupported"),
    [("MobileViTImageProcessor", "do_center_crop"), ("ConvNextImageProcessor", "shortest_edge")],
)
def test_what_it_does_beyond_a_size_is_named(tmp_path: Path, kind: str, unsupported: str) -> None:
    assert read(tmp_path, {"image_processor_type": kind}).unsupported == unsupported


def test_without_a_file_imagenets_numbers_are_used_and_said(tmp_path: Path) -> None:
    processor = read_processor("hub", str(tmp_path), None)
    assert processor.source == "none stored: ImageNet's mean and deviation"
    assert (processor.normalisation.mean, processor.size) == ((0.485, 0.456, 0.406), None)


def test_an_unknown_type_is_read_as_far_as_it_says(tmp_path: Path) -> None:
    stored = {"image_processor_type": "SegformerFeatureExtractor", "image_mean": [0.1] * 3, "image_std": 0.2}
    normalisation = read(tmp_path, stored).normalisation
    assert (normalisation.mean, normalisation.std) == ((0.1,) * 3, (0.2,) * 3)
    assert (normalisation.divisor, normalisation.bgr) == (255, False)


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ('{"image_processor_type": "NoSuchProcessor"}', "model hub: its image processor cannot be used"),
        ("{", "model hub: the image processor of .* cannot be read"),
    ],
)
def test_a_file_that_cannot_be_used_is_one_line(tmp_path: Path, content: str, problem: str) -> None:
    (tmp_path / "preprocessor_config.json").write_text(content)
    with pytest.raises(ModelError, match=problem) as caught:
        read_processor("hub", str(tmp_path), None)
    assert "\n" not in str(caught.value)
