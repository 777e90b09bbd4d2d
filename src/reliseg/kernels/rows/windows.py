"""The mean of overlapping windows, a few rows at a time.

numba is imported with this module: import it where it is used.
"""

from dataclasses import dataclass

import numpy as np

from reliseg.kernels.rows.resized import Resized
from reliseg.stats.rows import Rows
from reliseg.types import Float32


@dataclass(frozen=True, eq=False)
class Window:
    """Maps of a part of the image that begins at row `top` and column `left`."""

    top: int
    left: int
    maps: Rows


@dataclass(frozen=True, eq=False)
class WindowMean(Rows):
    """The mean, at each pixel, of the windows that cover it; together they cover all.

    `kernels.reference_rows.window_mean` defines it.
    """

    windows: tuple[Window, ...]
    part: tuple[int, int]
    """Height and width of what they cover."""
    align_corners: bool = False
    """How the mean is brought to another size."""

    @property
    def shape(self) -> tuple[int, int, int]:
        """Classes, height and width."""
        return (len(self.windows[0].maps), *self.part)

    def rows(self, rows: slice) -> Float32[np.ndarray, "c n w"]:
        """Add up the windows, in their order, and divide by their number."""
        first, end, _ = rows.indices(self.part[0])
        total = np.zeros((self.shape[0], end - first, self.part[1]), np.float32)
        number = np.zeros((end - first, self.part[1]), np.float32)
        for window in self.windows:
            _, height, width = window.maps.shape
            start, stop = max(first, window.top), min(end, window.top + height)
            if start < stop:
                part = window.maps.rows(slice(start - window.top, stop - window.top))
                right = min(window.left + width, self.part[1])
                place = slice(start - first, stop - first), slice(window.left, right)
                total[:, *place] += part[:, :, : right - window.left]
                number[place] += 1
        total /= number
        return total

    def arrays(self) -> tuple[np.ndarray, ...]:
        """Return what the windows are computed from."""
        return tuple(array for window in self.windows for array in window.maps.arrays())

    def magnitude(self) -> float:
        """Return the largest of the windows': a mean is not larger."""
        return max(window.maps.magnitude() for window in self.windows)

    def brought_to(self, size: tuple[int, int]) -> Rows:
        """Interpolate the mean."""
        return self if size == self.part else Resized(self, size, self.align_corners)
