"""How the arrays of a piece lie in its members: those that are read together in one, one after the other."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np

from reliseg.run.store.sparse_arrays import most_bytes
from reliseg.stats import Layout
from reliseg.stats.consistency import Shapes, shapes_of_pixels, shapes_of_samples
from reliseg.stats.pixels import limb_arrays
from reliseg.stats.samples import LIMB_COLUMNS
from reliseg.types import Int64

PIXELS, CLASSWISE, SAMPLES = "pixels", "classwise", "samples"
"""Members of pieces: sums over pixels, those by class, and the rows of samples. Each score has one more."""
COARSE = "coarse"
"""The array of `SAMPLES` that has most cells: the coarse bins of scores."""

_LIMBS = limb_arrays() | LIMB_COLUMNS
"""Arrays whose last axis is the two limbs of sums. Each limb lies by itself: most upper ones are 0."""


def ranks_of(score: str) -> str:
    """Return the member that holds the fine histogram of a score, and nothing else."""
    return f"ranks.{score}"


@dataclass(frozen=True, eq=False)
class Part:
    """The arrays of a member, by name, in their order. In memory they are one flat array, of which each is a view."""

    shapes: Shapes

    def stored(self, arrays: Mapping[str, np.ndarray]) -> Iterator[np.ndarray]:
        """Yield arrays as they are stored: of sums, the upper limbs and then the lower ones."""
        for name in self.shapes:
            yield from np.moveaxis(arrays[name], -1, 0) if name in _LIMBS else (arrays[name],)

    @cached_property
    def cells(self) -> Int64[np.ndarray, " k"]:
        """How many cells each array has, as they are stored."""
        cells = list[int]()
        for name, shape in self.shapes.items():
            cells += [math.prod(shape[:-1])] * shape[-1] if name in _LIMBS else [math.prod(shape)]
        return np.array(cells, np.int64)

    @cached_property
    def most_bytes(self) -> int:
        """The size that its arrays never exceed as they are stored."""
        return sum(map(most_bytes, self.cells.tolist()))

    def zeros(self) -> Int64[np.ndarray, " c"]:
        """Return arrays of 0."""
        return np.zeros(int(self.cells.sum()), np.int64)

    def arrays(self, flat: Int64[np.ndarray, " c"]) -> dict[str, np.ndarray]:
        """Return the arrays that lie in a flat one."""
        return {name: flat[cells].reshape(shape).transpose(axes) for name, cells, shape, axes in self._places}

    @cached_property
    def _places(self) -> list[tuple[str, slice, tuple[int, ...], tuple[int, ...]]]:
        """Of each array, its cells in the flat one, their shape there, and the order of axes in memory."""
        places, start = [], 0
        for name, shape in self.shapes.items():
            cells = slice(start, start + math.prod(shape))
            start, axes = cells.stop, tuple(range(len(shape)))
            is_limbs = name in _LIMBS
            places.append(
                (name, cells, (shape[-1], *shape[:-1]), (*axes[1:], 0)) if is_limbs else (name, cells, shape, axes)
            )
        return places


@lru_cache(maxsize=64)
def parts_of(layout: Layout, rows: int) -> Mapping[str, Part]:
    """Return the parts of a piece of so many samples, by member."""
    shapes: dict[str, dict[str, tuple[int, ...]]] = {}
    for name, shape in shapes_of_pixels(layout).items():
        shapes.setdefault(_member_of(name), {})[name] = shape
    return {name: Part(of) for name, of in shapes.items()} | {SAMPLES: Part(shapes_of_samples(layout, rows))}


@lru_cache(maxsize=64)
def around_coarse(layout: Layout, rows: int) -> tuple[Part, Part]:
    """Return what lies before and after the coarse bins of scores in the rows of so many samples."""
    shapes = dict(shapes_of_samples(layout, rows))
    names = list(shapes)
    at = names.index(COARSE)
    return Part({name: shapes[name] for name in names[:at]}), Part({name: shapes[name] for name in names[at + 1 :]})


def _member_of(name: str) -> str:
    """Return the member in which an array of `PixelStatistics` lies."""
    if name.startswith("ranks."):
        return name.removesuffix(".counts")
    return CLASSWISE if name.startswith("classwise.") else PIXELS
