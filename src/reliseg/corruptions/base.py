"""The interface of corruptions."""

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import ClassVar, Literal, TypeAlias

import numpy as np

from reliseg.registry import Registry
from reliseg.types import Float32, Image, UInt64

Family: TypeAlias = Literal["noise", "blur", "weather", "digital"]
Key: TypeAlias = UInt64[np.ndarray, "4"]
"""Four words below 2**32 that random words are made from; all severities of a kind on an image share them."""
Metres: TypeAlias = Float32[np.ndarray, "H W"]
"""How far from the camera is what each pixel shows; infinite where nothing is."""
SEVERITIES = (1, 2, 3, 4, 5)


@dataclass(frozen=True)
class Corruption(ABC):
    """What is done to an 8-bit RGB image: the same bytes on any machine, whatever was corrupted before."""

    family: ClassVar[Family]
    published: ClassVar[bool] = True
    """Whether it is one of the fifteen of Hendrycks and Dietterich (ICLR 2019)."""
    version: ClassVar[int] = 1
    """Raised when its bytes change: results of other bytes are counted again."""

    @abstractmethod
    def __call__(self, image: Image, severity: int, key: Key) -> Image:
        """Return the corrupted image, of the same size; `severity` is 1 to 5."""

    def problem(self, size: tuple[int, int]) -> str:
        """Return why images of this height and width cannot be corrupted so, or ""."""
        return ""

    def library(self) -> str:
        """Return the library that its bytes depend on, with its version; "" where there is none."""
        return ""


@dataclass(frozen=True)
class DepthCorruption(Corruption):
    """One that depends on how far everything is, too: an object for each image."""

    metres: Metres = field(default_factory=lambda: np.empty((0, 0), np.float32), repr=False, compare=False)
    """Of the image that it is called with."""


CORRUPTIONS: Registry[Corruption] = Registry(
    "reliseg.corruptions", "kinds", "Corruption", "corruption", trial=lambda kind: kind()
)
