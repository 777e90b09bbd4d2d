"""What the image processors of transformers do where their file leaves a setting out, by the name of their class.

Files name a class and state what differs from it. Some classes cannot be imported without torchvision, and none is
needed to know what they do.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from PIL import Image as Pillow

from reliseg.models.base import IMAGENET_MEAN, IMAGENET_STD

HALF = (0.5, 0.5, 0.5)
_CLIP_MEAN = (0.48145466, 0.4578275, 0.40821073)
_CLIP_STD = (0.26862954, 0.26130258, 0.27577711)
_BILINEAR = int(Pillow.Resampling.BILINEAR)
_BICUBIC = int(Pillow.Resampling.BICUBIC)


@dataclass(frozen=True)
class Defaults:
    """The settings of one class of processors; `settings` are those of its own beyond what all have."""

    size: Mapping[str, int]
    mean: tuple[float, ...] = IMAGENET_MEAN
    std: tuple[float, ...] = IMAGENET_STD
    resample: int = _BILINEAR
    normalises: bool = True
    squares: bool = True
    """A size of one number is height and width; otherwise it is that of the shortest edge."""
    settings: Mapping[str, Any] = field(default_factory=dict)

    def values(self) -> dict[str, Any]:
        """Return all settings under their names in the files."""
        return {
            **{"do_resize": True, "size": dict(self.size), "resample": self.resample},
            **{"do_rescale": True, "rescale_factor": 1 / 255},
            **{"do_normalize": self.normalises, "image_mean": self.mean, "image_std": self.std},
            **self.settings,
        }


def _square(edge: int) -> dict[str, int]:
    return {"height": edge, "width": edge}


_EDGES = {"shortest_edge": 800, "longest_edge": 1333}
_CROPS = {"do_center_crop": True}
DEFAULTS: Mapping[str, Defaults] = {
    "BeitImageProcessor": Defaults(_square(224), HALF, HALF, _BICUBIC),
    "BitImageProcessor": Defaults(
        {"shortest_edge": 224}, _CLIP_MEAN, _CLIP_STD, _BICUBIC, squares=False, settings=_CROPS
    ),
    "ConvNextImageProcessor": Defaults(
        {"shortest_edge": 384}, HALF, HALF, _BICUBIC, squares=False, settings={"crop_pct": 224 / 256}
    ),
    "DPTImageProcessor": Defaults(
        _square(384), HALF, HALF, _BICUBIC, settings={"keep_aspect_ratio": False, "ensure_multiple_of": 1}
    ),
    "EomtImageProcessor": Defaults({"shortest_edge": 640, "longest_edge": 640}, squares=False),
    "Mask2FormerImageProcessor": Defaults(_EDGES, squares=False, settings={"size_divisor": 32}),
    "MaskFormerImageProcessor": Defaults(_EDGES, squares=False, settings={"size_divisor": 32}),
    "MobileNetV2ImageProcessor": Defaults({"shortest_edge": 256}, HALF, HALF, squares=False, settings=_CROPS),
    "MobileViTImageProcessor": Defaults(
        *({"shortest_edge": 224}, HALF, HALF, _BICUBIC),
        normalises=False,
        squares=False,
        settings={"do_flip_channel_order": True, "do_center_crop": True},
    ),
    "OneFormerImageProcessor": Defaults(_EDGES, squares=False),
    "Sapiens2ImageProcessor": Defaults({"height": 1024, "width": 768}),
    "SegformerImageProcessor": Defaults(_square(512)),
    "Tipsv2DptImageProcessor": Defaults(_square(448), normalises=False),
    "ViTImageProcessor": Defaults(_square(224), HALF, HALF),
}
NEVER_NORMALISES = frozenset({"MobileViTImageProcessor"})
"""Classes that do not look at `do_normalize`, `image_mean` and `image_std`."""
PADS_NOTHING = frozenset({"Mask2FormerImageProcessor", "MaskFormerImageProcessor", "OneFormerImageProcessor"})
"""Classes whose `do_pad` brings images of one batch to one size: a single image stays what it is."""
READS_MAX_SIZE = frozenset({"Mask2FormerImageProcessor", "MaskFormerImageProcessor"})
"""Classes that read `max_size` and `size_divisor`, names of older files."""
CLASS_OF_FAMILY: Mapping[str, str] = {
    "beit": "BeitImageProcessor",
    "data2vec-vision": "BeitImageProcessor",
    "dpt": "DPTImageProcessor",
    "eomt": "EomtImageProcessor",
    "eomt_dinov3": "EomtImageProcessor",
    "mask2former": "Mask2FormerImageProcessor",
    "maskformer": "MaskFormerImageProcessor",
    "mobilenet_v2": "MobileNetV2ImageProcessor",
    "mobilevit": "MobileViTImageProcessor",
    "mobilevitv2": "MobileViTImageProcessor",
    "oneformer": "OneFormerImageProcessor",
    "sapiens2": "Sapiens2ImageProcessor",
    "segformer": "SegformerImageProcessor",
    "tipsv2_dpt": "Tipsv2DptImageProcessor",
    "upernet": "SegformerImageProcessor",
}
"""The class where a file names none, by `model_type`."""


def class_name(stored: Mapping[str, Any], model_type: str) -> str | None:
    """Return the class that a file means: by its new name or its old one, with any backend; None if nobody says."""
    given = stored.get("image_processor_type")
    if not given and stored.get("feature_extractor_type"):
        given = str(stored["feature_extractor_type"]).replace("FeatureExtractor", "ImageProcessor")
    return str(given).removesuffix("Fast").removesuffix("Pil") if given else CLASS_OF_FAMILY.get(model_type)
