"""The table of what processors do by default: what the classes of transformers do, where they can be imported."""

import ast
import warnings
from pathlib import Path
from typing import Any

import pytest
import transformers
from transformers import image_utils
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


def stated_in_source(family: str, name: str) -> dict[str, Any]:
    """Return the settings of a class as its source states them, without importing it."""
    source = Path(transformers.__file__).parent / "models" / family / f"image_processing_{family}.py"
    [own] = [n for n in ast.parse(source.read_text()).body if isinstance(n, ast.ClassDef) and n.name == name]
    values = {ast.unparse(n.targets[0]): ast.unparse(n.value) for n in own.body if isinstance(n, ast.Assign)}
    return {key: eval(value, vars(image_utils)) for key, value in values.items() if key != "valid_kwargs"}


@pytest.mark.parametrize("name", sorted(TORCHVISION_ONLY))
def test_classes_that_need_torchvision_are_compared_with_their_sources(name: str) -> None:
    own = stated_in_source({"Sapiens2ImageProcessor": "sapiens2", "Tipsv2DptImageProcessor": "tipsv2_dpt"}[name], name)
    expected = DEFAULTS[name].values()
    assert set(expected) - set(own) <= {"rescale_factor", "image_mean", "image_std"}
    for key in set(expected) & set(own):
        assert comparable(own[key]) == comparable(expected[key]), key
    assert not own.get("do_center_crop")
    assert not own.get("do_pad")


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
