"""The image processor stored beside a model, as far as a segmentation model needs it: its file is read, no more."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from PIL import Image as Pillow
from transformers.models.auto.image_processing_auto import get_image_processor_config

from reliseg.errors import ModelError, one_line
from reliseg.models.base import IMAGENET_MEAN
from reliseg.models.hf.processor_defaults import (
    CLASS_OF_FAMILY,
    DEFAULTS,
    NEVER_NORMALISES,
    PADS_NOTHING,
    READS_MAX_SIZE,
    class_name,
)
from reliseg.models.hf.target_size import LeastScaled, ShortestEdge, Target, Within
from reliseg.models.inference.resizing import BILINEAR
from reliseg.models.torch.normalisation import Normalisation

_LARGEST = 1 << 16
"""Pixels of a side that images are brought to."""
_SHADES = ("do_grayscale", "rescale_offset")
"""Settings of some classes that change colours in ways that are not known here."""
NONE_STORED = "none stored: ImageNet's mean and deviation"


@dataclass(frozen=True)
class Processor:
    """The normalisation of images and the size that they would be brought to; `source` names where this stands."""

    source: str
    normalisation: Normalisation
    size: Target | None = None
    resample: int = BILINEAR
    unsupported: str | None = None
    """The setting that changes the size in another way than bringing it to `size`, if there is one."""
    reduces_labels: bool = False
    """Ids of masks were reduced by one in training."""


def read_processor(name: str, where: str, revision: str | None, model_type: str = "") -> Processor:
    """Read the processor stored beside a model; ImageNet's mean and deviation if there is none.

    Its class says what its file leaves out. `model_type` says which class it is where the file does not.
    """
    try:
        stored = get_image_processor_config(where, revision=revision)
    except Exception as error:  # broken files raise errors of many libraries
        raise ModelError(f"model {name}: the image processor of {where} cannot be read: {one_line(error)}") from error
    if not isinstance(stored, Mapping):
        raise ModelError(f"model {name}: its image processor cannot be used: its file is no object of JSON")
    if not stored:
        return Processor(NONE_STORED, Normalisation())
    kind = class_name(stored, model_type) or ""
    if kind not in DEFAULTS and not ("image_mean" in stored and "image_std" in stored):
        raise ModelError(
            f"model {name}: its image processor cannot be used: what {kind or 'a file without image_processor_type'} "
            "does is not known, and it states no image_mean and image_std; write both into preprocessor_config.json"
        )
    try:
        return _from_file(stored, kind)
    except (TypeError, ValueError, AttributeError, ArithmeticError) as error:
        raise ModelError(f"model {name}: its image processor cannot be used: {one_line(error)}") from error


def guess_note(processor: Processor, model_type: str) -> str | None:
    """Return a line about a normalisation that nobody stated, where networks of the family mostly have another."""
    usual = DEFAULTS.get(CLASS_OF_FAMILY.get(model_type, ""))
    if processor.source != NONE_STORED or usual is None or (usual.mean == IMAGENET_MEAN and usual.normalises):
        return None
    return (
        "has no preprocessor_config.json, so images are normalised with ImageNet's mean and deviation; most networks "
        f"of the family {model_type} were trained with others: set mean and std"
    )


def _from_file(stored: Mapping[str, Any], kind: str) -> Processor:
    """Build a Processor from a file and what its class does besides; null in a file is false, not left out."""
    defaults = DEFAULTS[kind].values() if kind in DEFAULTS else {}
    if kind in READS_MAX_SIZE and stored.get("max_size"):
        defaults["size"] = defaults["size"] | {"longest_edge": stored["max_size"]}
    values = defaults | dict(stored)
    shade = next((key for key in _SHADES if values.get(key)), None)
    if shade:
        raise ValueError(f"{shade} changes colours, which is not done here")
    normalises = values.get("do_normalize", True) and kind not in NEVER_NORMALISES
    rescales = values.get("do_rescale", True)
    mean = values.get("image_mean") if normalises else None
    std = values.get("image_std") if normalises else None
    if normalises and (mean is None or std is None):
        raise ValueError("do_normalize is true, and image_mean or image_std is null")
    normalisation = Normalisation(
        mean=_per_channel(mean, 0.0),
        std=_per_channel(std, 1.0),
        divisor=1 / (values.get("rescale_factor") or 1 / 255) if rescales else 1.0,
        bgr=bool(values.get("do_flip_channel_order")),
    )
    size, unsupported = _target(values, kind) if values.get("do_resize", True) else (None, None)
    return Processor(
        source=kind or "preprocessor_config.json",
        normalisation=normalisation,
        size=size,
        resample=BILINEAR if values.get("resample") is None else int(Pillow.Resampling(int(values["resample"]))),
        unsupported=unsupported or _what_moves_pixels(values, kind),
        reduces_labels=_reduces_labels(stored),
    )


def _reduces_labels(stored: Mapping[str, Any]) -> bool:
    """Tell if ids were reduced by one. Files may hold the old name of the setting beside the new one, which counts."""
    return bool(stored.get("do_reduce_labels", stored.get("reduce_labels")))


def _what_moves_pixels(values: Mapping[str, Any], kind: str) -> str | None:
    """Return the setting that cuts images or puts them elsewhere, so that the outputs are not of the whole image."""
    moving = ["do_center_crop", "pad_size"] + (["do_pad"] if kind not in PADS_NOTHING else [])
    return next((key for key in moving if values.get(key)), None)


def _target(values: Mapping[str, Any], kind: str) -> tuple[Target | None, str | None]:
    """Return the size that images are brought to, or the setting that says it in a way that is not known here."""
    edges = _edges(values, kind)
    multiple = int(values.get("size_divisor") or 1) if kind in READS_MAX_SIZE else 1
    shortest, longest, height, width = (edges.get(f"{k}") for k in ("shortest_edge", "longest_edge", "height", "width"))
    if shortest and "crop_pct" in values:
        return ((shortest, shortest), None) if shortest >= 384 else (None, "crop_pct")
    if shortest:
        return ShortestEdge(shortest, longest, multiple), None
    if edges.get("max_height") and edges.get("max_width"):
        return Within(edges["max_height"], edges["max_width"], multiple), None
    if height and width and "ensure_multiple_of" in values:
        return _by_multiples(height, width, values), None
    if height and width:
        return (-(-height // multiple) * multiple, -(-width // multiple) * multiple), None
    return None, "longest_edge" if longest else None


def _by_multiples(height: int, width: int, values: Mapping[str, Any]) -> Target:
    target = LeastScaled(height, width, int(values["ensure_multiple_of"]))
    return target if values.get("keep_aspect_ratio") else target((height, width))


def _edges(values: Mapping[str, Any], kind: str) -> dict[str, int]:
    """Return the size with the names of its edges; old files hold a number, and another one for the longest edge."""
    size, longest = values.get("size"), values.get("max_size") if kind in READS_MAX_SIZE else None
    if isinstance(size, int | float):
        squares = DEFAULTS[kind].squares if kind in DEFAULTS else True
        edges = {"height": size, "width": size} if squares else {"shortest_edge": size, "longest_edge": longest}
    elif isinstance(size, list | tuple):
        edges = dict(zip(("height", "width"), size, strict=True))
    else:
        edges = dict(size or {})
    sides = {key: int(edge) for key, edge in edges.items() if edge}
    wrong = next(
        (key for key, side in sides.items() if side < 1 or (side > _LARGEST and not key.startswith("longest"))), None
    )
    if wrong:
        raise ValueError(f"size has {wrong} {sides[wrong]}")
    return sides


def _per_channel(values: Any, default: float) -> tuple[float, ...]:
    if values is None:
        return (default,) * 3
    return tuple(float(v) for v in values) if isinstance(values, list | tuple) else (float(values),) * 3
