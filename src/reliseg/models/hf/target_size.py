"""The size that an image processor of transformers brings an image to, where it depends on the image."""

import math
from dataclasses import dataclass
from typing import TypeAlias

from reliseg.models.options import FitWithin

Size: TypeAlias = tuple[int, int]


@dataclass(frozen=True)
class ShortestEdge:
    """The shortest edge becomes `shortest`, unless the other one would exceed `longest`; the ratio is kept.

    Then both edges are made multiples of `multiple`, upwards: the image is stretched a little.
    """

    shortest: int
    longest: int | None = None
    multiple: int = 1

    def __call__(self, size: Size) -> Size:
        """Return the (height, width) of an image of this size."""
        short, long = min(size), max(size)
        edge: float = self.shortest
        if self.longest is not None and long / short * self.shortest > self.longest:
            edge = self.longest * short / long
        target = (round(edge), int(edge * long / short)) if round(edge) != short else (short, long)
        height, width = target if size[0] <= size[1] else target[::-1]
        return _upwards(height, self.multiple), _upwards(width, self.multiple)


@dataclass(frozen=True)
class Within:
    """The image is made as large as fits into `height` and `width`; the ratio is kept."""

    height: int
    width: int
    multiple: int = 1

    def __call__(self, size: Size) -> Size:
        """Return the (height, width) of an image of this size."""
        scale = min(self.height / size[0], self.width / size[1])
        return _upwards(int(size[0] * scale), self.multiple), _upwards(int(size[1] * scale), self.multiple)


@dataclass(frozen=True)
class LeastScaled:
    """Height or width becomes that given, whichever needs less scaling; the ratio is kept but for rounding.

    Both edges are the nearest multiples of `multiple`.
    """

    height: int
    width: int
    multiple: int = 1

    def __call__(self, size: Size) -> Size:
        """Return the (height, width) of an image of this size."""
        by_height, by_width = self.height / size[0], self.width / size[1]
        scale = by_width if abs(1 - by_width) < abs(1 - by_height) else by_height
        height, width = (round(scale * edge / self.multiple) * self.multiple for edge in size)
        return height, width


Target: TypeAlias = Size | FitWithin | ShortestEdge | Within | LeastScaled


def _upwards(edge: int, multiple: int) -> int:
    return math.ceil(edge / multiple) * multiple
