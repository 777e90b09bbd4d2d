"""How the arrays of a piece lie in its members: those that are read together in one, one after the other."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np

from reliseg.run.store.sparse_arrays import most_bytes
from reliseg.stats import Layout
from reliseg.stats.consistency import Shapes, shapes_of_pixels, shapes_of_samples
from reliseg.types import Int64

PIXELS, CLASSWISE, SAMPLES = "pixels", "classwise", "samples"
"""Members of pieces: sums over pixels, those by class, and the rows of samples. Each score has one more."""


def ranks_of(score: str) -> str:
    """Return the member that holds the fine histogram of a score, and nothing else."""
    return f"ranks.{score}"


@dataclass(frozen=True, eq=False)
class Part:
    """The arrays of a member, by name, in their order. In memory they are one flat array, of which each is a view."""

    shapes: Shapes

    @cached_property
    def cells(self) -> Int64[np.ndarray, " k"]:
        """How many cells each array has."""
        return np.array([math.prod(shape) for shape in self.shapes.values()], np.int64)

    @cached_property
    def most_bytes(self) -> int:
        """The size that its arrays never exceed as they are stored."""
        return sum(map(most_bytes, self.cells.tolist()))

    def zeros(self) -> Int64[np.ndarray, " c"]:
        """Return arrays of 0."""
        return np.zeros(int(self.cells.sum()), np.int64)

    def arrays(self, flat: Int64[np.ndarray, " c"]) -> dict[str, np.ndarray]:
        """Return the arrays that lie in a flat one."""
        ends = np.cumsum(self.cells).tolist()
        named = zip(self.shapes.items(), [0, *ends], ends, strict=False)
        return {name: flat[start:end].reshape(shape) for (name, shape), start, end in named}


@lru_cache(maxsize=64)
def parts_of(layout: Layout, rows: int) -> Mapping[str, Part]:
    """Return the parts of a piece of so many samples, by member."""
    shapes: dict[str, dict[str, tuple[int, ...]]] = {}
    for name, shape in shapes_of_pixels(layout).items():
        shapes.setdefault(_member_of(name), {})[name] = shape
    return {name: Part(of) for name, of in shapes.items()} | {SAMPLES: Part(shapes_of_samples(layout, rows))}


def _member_of(name: str) -> str:
    """Return the member in which an array of `PixelStatistics` lies."""
    if name.startswith("ranks."):
        return name.removesuffix(".counts")
    return CLASSWISE if name.startswith("classwise.") else PIXELS
