"""Maps at another size, a part of them, and their mirror image.

numba is imported with this module: import it where it is used.
"""

from dataclasses import dataclass, replace

import numpy as np

from reliseg.kernels.cpu.upsample import Lines, column_taps, fill, read_only
from reliseg.stats.rows import Rows
from reliseg.stats.view import source_positions
from reliseg.types import Float32, Logits


@dataclass(frozen=True, eq=False)
class Resized(Rows):
    """Maps brought to `target` (height, width) by bilinear interpolation, with `align_corners` as torch defines it.

    They are an array, native logits for example, or rows. `kernels.reference.projected_logits` defines it.
    """

    maps: Logits | Rows
    target: tuple[int, int]
    align_corners: bool = False
    once: bool = False
    """Whether another size is reached from the maps themselves, and not from what is interpolated."""

    @property
    def shape(self) -> tuple[int, int, int]:
        """Classes, height and width."""
        return (len(self.maps), *self.target)

    def rows(self, rows: slice) -> Float32[np.ndarray, "c n w"]:
        """Interpolate these rows."""
        classes, native, width = self.maps.shape
        first, end, _ = rows.indices(self.target[0])
        if (native, width) == self.target:
            return self._source(first, end).copy() if isinstance(self.maps, np.ndarray) else self._source(first, end)
        upper, down = (a[first:end] for a in source_positions(native, self.target[0], self.align_corners))
        lower = np.where(down > 0, np.minimum(upper + 1, native - 1), upper)
        start = int(upper[0]) if len(upper) else 0
        source = self._source(start, int(lower[-1]) + 1 if len(lower) else 0)
        across = column_taps(width, self.target[1], self.align_corners)
        places = np.arange(classes)
        z = np.empty((classes, (end - first) * self.target[1]), np.float32)
        lines = Lines(places, places, upper - start, lower - start)
        weights = down.astype(np.float32), across.weight.astype(np.float32)
        fill(read_only(source), lines, weights[0], across.left, across.right, weights[1], z)
        return z.reshape(classes, end - first, self.target[1])

    def arrays(self) -> tuple[np.ndarray, ...]:
        """Return what the maps are computed from."""
        return self.maps.arrays() if isinstance(self.maps, Rows) else (self.maps,)

    @property
    def of_probabilities(self) -> bool:
        """Tell if the maps are."""
        return isinstance(self.maps, Rows) and self.maps.of_probabilities

    def magnitude(self) -> float:
        """Return that of the maps: between two values lies no larger one."""
        return self.maps.magnitude() if isinstance(self.maps, Rows) else super().magnitude()

    def brought_to(self, size: tuple[int, int]) -> Rows:
        """Interpolate once more, or the maps themselves."""
        if size == self.target:
            return self
        return replace(self, target=size) if self.once else Resized(self, size, self.align_corners)

    def _source(self, start: int, end: int) -> Float32[np.ndarray, "c n w"]:
        return self.maps.rows(slice(start, end)) if isinstance(self.maps, Rows) else self.maps[:, start:end]


@dataclass(frozen=True, eq=False)
class Cropped(Rows):
    """The upper left part of maps: what lies below and to the right of it was padding."""

    maps: Rows
    part: tuple[int, int]
    align_corners: bool = False

    @property
    def shape(self) -> tuple[int, int, int]:
        """Classes, height and width."""
        return (len(self.maps), *self.part)

    def rows(self, rows: slice) -> Float32[np.ndarray, "c n w"]:
        """Return the beginning of these rows."""
        first, end, _ = rows.indices(self.part[0])
        return np.ascontiguousarray(self.maps.rows(slice(first, end))[:, :, : self.part[1]])

    def arrays(self) -> tuple[np.ndarray, ...]:
        """Return what the maps are computed from."""
        return self.maps.arrays()

    @property
    def of_probabilities(self) -> bool:
        """Tell if the maps are."""
        return self.maps.of_probabilities

    def magnitude(self) -> float:
        """Return that of the maps."""
        return self.maps.magnitude()

    def linear(self) -> Rows:
        """Return the part of what is averaged."""
        return replace(self, maps=self.maps.linear())

    def brought_to(self, size: tuple[int, int]) -> Rows:
        """Interpolate the part."""
        return self if size == self.part else Resized(self, size, self.align_corners)


@dataclass(frozen=True, eq=False)
class Mirrored(Rows):
    """Maps of an image that the network was given from right to left, turned back."""

    maps: Rows

    @property
    def shape(self) -> tuple[int, int, int]:
        """Classes, height and width."""
        return self.maps.shape

    def rows(self, rows: slice) -> Float32[np.ndarray, "c n w"]:
        """Return these rows from right to left."""
        return np.ascontiguousarray(self.maps.rows(rows)[:, :, ::-1])

    def arrays(self) -> tuple[np.ndarray, ...]:
        """Return what the maps are computed from."""
        return self.maps.arrays()

    @property
    def of_probabilities(self) -> bool:
        """Tell if the maps are."""
        return self.maps.of_probabilities

    def magnitude(self) -> float:
        """Return that of the maps."""
        return self.maps.magnitude()

    def linear(self) -> Rows:
        """Return what is averaged, turned back."""
        return Mirrored(self.maps.linear())

    def brought_to(self, size: tuple[int, int]) -> Rows:
        """Return the maps at that size, turned back."""
        return Mirrored(self.maps.brought_to(size))
