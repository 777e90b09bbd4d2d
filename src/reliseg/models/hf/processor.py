"""The image processors of Hugging Face, as far as a segmentation model needs them."""

from dataclasses import dataclass
from typing import Any

from transformers import AutoImageProcessor
from transformers.models.auto.image_processing_auto import get_image_processor_config

from reliseg.errors import ModelError, one_line
from reliseg.models.resizing import BILINEAR
from reliseg.models.torch.normalisation import Normalisation

_KEYS = (
    *("do_rescale", "rescale_factor", "do_normalize", "image_mean", "image_std", "do_flip_channel_order"),
    *("do_resize", "size", "resample", "do_center_crop", "keep_aspect_ratio", "do_pad"),
)


@dataclass(frozen=True)
class Processor:
    """The normalisation of images and the size that they would be brought to; `source` names where this stands."""

    source: str
    normalisation: Normalisation
    size: tuple[int, int] | None = None
    resample: int = BILINEAR
    unsupported: str | None = None
    """The setting that changes the size in another way than bringing it to `size`, if there is one."""
    reduces_labels: bool = False
    """Ids of masks were reduced by one in training."""


def read_processor(name: str, where: str, revision: str | None) -> Processor:
    """Read the processor stored beside a model; ImageNet's mean and deviation if there is none."""
    try:
        stored = get_image_processor_config(where, revision=revision)
    except Exception as error:  # broken files raise errors of many libraries
        raise ModelError(f"model {name}: the image processor of {where} cannot be read: {one_line(error)}") from error
    if not stored:
        return Processor("none stored: ImageNet's mean and deviation", Normalisation())
    try:
        processor = AutoImageProcessor.from_pretrained(where, revision=revision, backend="pil", trust_remote_code=False)
        values = {key: getattr(processor, key, None) for key in _KEYS}
        return _from_values(values, type(processor).__name__, reduces_labels=_reduces_labels(stored))
    except Exception as error:
        if "image_mean" in stored and "image_std" in stored:
            source = str(stored.get("image_processor_type", "preprocessor_config.json"))
            return _from_values(stored, source, reduces_labels=_reduces_labels(stored))
        raise ModelError(f"model {name}: its image processor cannot be used: {one_line(error)}") from error


def _reduces_labels(stored: dict[str, Any]) -> bool:
    """Tell if ids were reduced by one. Files may hold the old name of the setting beside the new one, which counts."""
    return bool(stored.get("do_reduce_labels", stored.get("reduce_labels")))


def _from_values(values: dict[str, Any], source: str, *, reduces_labels: bool) -> Processor:
    """Build a Processor from the values of transformers' one; what a file leaves out is as in most processors."""
    normalises = values.get("do_normalize", True)
    rescales = values.get("do_rescale", True)
    mean = values.get("image_mean") if normalises else None
    std = values.get("image_std") if normalises else None
    normalisation = Normalisation(
        mean=_per_channel(mean, 0.0),
        std=_per_channel(std, 1.0),
        divisor=1 / (values.get("rescale_factor") or 1 / 255) if rescales else 1.0,
        bgr=bool(values.get("do_flip_channel_order")),
    )
    size = values.get("size") if values.get("do_resize", True) else None
    edges = {"height": size, "width": size} if isinstance(size, int) else dict(size or {})
    height, width = edges.get("height"), edges.get("width")
    resample = values.get("resample")
    others = [key for key in ("do_center_crop", "keep_aspect_ratio", "do_pad") if values.get(key)]
    others += [key for key in ("shortest_edge", "longest_edge") if edges.get(key)]
    return Processor(
        source=source,
        normalisation=normalisation,
        size=(int(height), int(width)) if height and width else None,
        resample=BILINEAR if resample is None else int(resample),
        unsupported=others[0] if others else None,
        reduces_labels=reduces_labels,
    )


def _per_channel(values: Any, default: float) -> tuple[float, ...]:
    if values is None:
        return (default,) * 3
    return tuple(float(v) for v in values) if isinstance(values, list | tuple) else (float(values),) * 3
