"""The table of what processors do by default: what the classes of transformers do, where they can be imported."""

import importlib
import warnings
from typing import Any

import pytest
import transformers
from transformers.models.auto.modeling_auto import (
    MODEL_FOR_SEMANTIC_SEGMENTATION_MAPPING_NAMES,
    MODEL_FOR_UNIVERSAL_SEGMENTATION_MAPPING_NAMES,
)

from reliseg.models.hf.processor_defaults import CLASS_OF_FAMILY, DEFAULTS, NEVER_NORMALISES, class_name

TORCHVISION_ONLY = {"Sapiens2ImageProcessor", "Tipsv2DptImageProcessor"}
LEFT_OUT = {"detr", "videomt"}


def processor_class(name: str) -> Any:
    """Return the class with Pillow's backend, which needs no torchvision."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return getattr(transformers, f"{name}Pil")


def comparable(value: Any) -> Any:
    return tuple(value) if isinstance(value, list | tuple) else value


@pytest.mark.parametrize("name", sorted(set(DEFAULTS) - TORCHVISION_ONLY))
def test_the_table_says_what_the_class_does(name: str) -> None:
    own = processor_class(name)
    for key, value in DEFAULTS[name].values().items():
        assert comparable(getattr(own, key)) == comparable(value) or (key == "do_normalize" and not value), key
    assert bool(own.do_normalize) == DEFAULTS[name].normalises or name in NEVER_NORMALISES
    assert own.default_to_square == DEFAULTS[name].squares
    for key in ("do_center_crop", "do_flip_channel_order", "keep_aspect_ratio", "do_pad", "size_divisor"):
        assert (getattr(own, key, None) or None) == (DEFAULTS[name].values().get(key) or None), key


@pytest.mark.parametrize("name", sorted(TORCHVISION_ONLY))
def test_classes_that_need_torchvision_are_compared_with_their_sources(name: str) -> None:
    """Their modules import without torchvision; only making one fails."""
    family = {"Sapiens2ImageProcessor": "sapiens2", "Tipsv2DptImageProcessor": "tipsv2_dpt"}[name]
    try:
        own = getattr(importlib.import_module(f"transformers.models.{family}.image_processing_{family}"), name)
    except (ImportError, NameError) as error:
        pytest.skip(f"needs torchvision: {error}")
    for key, value in DEFAULTS[name].values().items():
        stated = getattr(own, key, None)
        assert stated is None or comparable(stated) == comparable(value), key


def test_every_family_of_still_images_has_a_class() -> None:
    families = {
        *MODEL_FOR_SEMANTIC_SEGMENTATION_MAPPING_NAMES,
        *MODEL_FOR_UNIVERSAL_SEGMENTATION_MAPPING_NAMES,
    }
    assert set(CLASS_OF_FAMILY) == families - LEFT_OUT
    assert set(CLASS_OF_FAMILY.values()) <= set(DEFAULTS)


@pytest.mark.parametrize("name", sorted(CLASS_OF_FAMILY))
def test_the_class_of_a_family_is_that_of_transformers(name: str) -> None:
    from transformers.models.auto.image_processing_auto import IMAGE_PROCESSOR_MAPPING_NAMES

    assert IMAGE_PROCESSOR_MAPPING_NAMES[name]["torchvision"] == CLASS_OF_FAMILY[name]


@pytest.mark.parametrize(
    ("stored", "expected"),
    [
        ({"image_processor_type": "BeitImageProcessorFast"}, "BeitImageProcessor"),
        ({"image_processor_type": "BeitImageProcessorPil"}, "BeitImageProcessor"),
        ({"feature_extractor_type": "MaskFormerFeatureExtractor"}, "MaskFormerImageProcessor"),
        (
            {"image_processor_type": "BeitImageProcessor", "feature_extractor_type": "DPTFeatureExtractor"},
            "BeitImageProcessor",
        ),
        ({}, "SegformerImageProcessor"),
    ],
)
def test_a_class_has_several_names(stored: dict[str, str], expected: str) -> None:
    assert class_name(stored, "upernet") == expected


def test_nobody_may_say_which_class() -> None:
    assert class_name({}, "") is None
