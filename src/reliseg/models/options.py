"""How images are predicted: their size, windows, mirror images, passes with dropout. Sections of a configuration."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Annotated, Any, ClassVar, Literal, TypeAlias

from pydantic import Field, Strict

from reliseg.kernels.reference_masks import Order

Interpolation: TypeAlias = Literal["opencv", "pillow", "torch"]
"""The library whose bilinear interpolation brings images to another size."""
MaskOrder: TypeAlias = Order
"""What the masks of mask classification are brought to before the sigmoid."""
Pixels: TypeAlias = Annotated[int, Strict(), Field(gt=0)]
_KEYS: Mapping[str, Any] = MappingProxyType({"extra": "forbid", "allow_inf_nan": False})


@dataclass(frozen=True)
class FitWithin:
    """Images are resized, keeping their ratio, to the largest size with sides of at most these lengths, in pixels."""

    __pydantic_config__: ClassVar = _KEYS
    long: Pixels
    short: Pixels

    def __post_init__(self) -> None:
        if self.short > self.long:
            raise ValueError(f"short is {self.short}, and long {self.long}; the longer side comes under long")


@dataclass(frozen=True)
class Pad:
    """Normalised images are padded with zeros, below and to the right, to multiples of a number of pixels."""

    __pydantic_config__: ClassVar = _KEYS
    to_multiple: Pixels


@dataclass(frozen=True)
class Slide:
    """Overlapping windows of size `crop` (height, width), one every `stride` pixels; the last are moved inside.

    Their logits or probabilities are averaged. The pooled feature is the mean of the windows', or that of the whole
    image, which takes a pass of its own.
    """

    __pydantic_config__: ClassVar = _KEYS
    crop: tuple[Pixels, Pixels]
    stride: tuple[Pixels, Pixels]
    average: Literal["logits", "probabilities"] = "logits"
    feature: Literal["windows", "image"] = "windows"

    def __post_init__(self) -> None:
        if any(s > c for s, c in zip(self.stride, self.crop, strict=True)):
            raise ValueError(f"stride {list(self.stride)} leaves gaps between windows of {list(self.crop)}")


@dataclass(frozen=True)
class Augmented:
    """Test-time augmentation: the probabilities of an image at several scales, and of its mirror images, averaged."""

    __pydantic_config__: ClassVar = _KEYS
    flip: Annotated[bool, Strict()] = False
    scales: Annotated[tuple[Annotated[float, Strict(), Field(gt=0, le=16)], ...], Field(min_length=1)] = (1.0,)

    def __post_init__(self) -> None:
        if len(set(self.scales)) < len(self.scales):
            raise ValueError(f"scales {list(self.scales)} names one scale twice; name each once")
        if not self.flip and self.scales == (1.0,):
            raise ValueError("nothing is averaged; set flip: true, or several scales, or leave out tta")
