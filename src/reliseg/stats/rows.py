"""Maps at the size of an image that are computed some rows at a time: of windows, of masks, of several predictions."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from reliseg.types import Float32

ScoreRows: TypeAlias = Callable[[slice], Float32[np.ndarray, "n w"]]
"""Some rows of an image -> the confidence of each of their pixels, higher where the model is surer."""
_BLOCK = 1 << 21
"""Values that are computed at a time."""


class Rows(ABC):
    """A map for each class at full resolution, of which only the rows that are asked for are computed.

    It stands where an array of logits may, so that no array of classes x height x width is ever built. It is made for
    one image, and may be read by several threads.
    """

    ndim = 3
    dtype = np.dtype(np.float32)

    @property
    @abstractmethod
    def shape(self) -> tuple[int, int, int]:
        """Classes, height and width."""

    @abstractmethod
    def rows(self, rows: slice) -> Float32[np.ndarray, "c n w"]:
        """Return these rows of all maps, in memory that the caller may change. They depend on nothing but the row."""

    @abstractmethod
    def arrays(self) -> tuple[np.ndarray, ...]:
        """Return all that it is computed from, in a fixed order: equal arrays give equal maps."""

    @abstractmethod
    def brought_to(self, size: tuple[int, int]) -> "Rows":
        """Return the maps at another size (height, width), that of the image, as their definition says."""

    def linear(self) -> "Rows":
        """Return the maps that are averaged where windows overlap: itself, or of a logarithm what it is taken of."""
        return self

    @property
    def of_probabilities(self) -> bool:
        """Tell if the values are logarithms of probabilities, or of what the softmax makes probabilities of."""
        return False

    def magnitude(self) -> float:
        """Return a bound of the magnitude of all values; NaN or infinity if they are not all finite."""
        return max(float(abs(array).max()) for array in self.arrays())

    @property
    def size(self) -> int:
        """Number of values."""
        return int(np.prod(self.shape))

    def __len__(self) -> int:
        return self.shape[0]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        """Return all rows at once, for what cannot read them one after the other."""
        whole = np.empty(self.shape, np.float32)
        for rows in row_blocks(self.shape):
            whole[:, rows] = self.rows(rows)
        return np.asarray(whole, dtype)


@dataclass(frozen=True, eq=False)
class ScoreMaps(Mapping[str, ScoreRows]):
    """Scores of an image by their names, which are computed from maps: these can be brought to another size."""

    scores: Mapping[str, ScoreRows]
    brought_to: Callable[[tuple[int, int]], "ScoreMaps"]
    """The same scores of the maps at another size (height, width)."""

    def __getitem__(self, name: str) -> ScoreRows:
        return self.scores[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.scores)

    def __len__(self) -> int:
        return len(self.scores)


def row_blocks(shape: tuple[int, int, int], band: slice = slice(None)) -> Iterator[slice]:
    """Yield the rows of a band, a few at a time: of all classes together they take at most 8 MiB, where a row does."""
    classes, height, width = shape
    step = max(1, _BLOCK // (classes * width))
    start, stop, _ = band.indices(height)
    for first in range(start, stop, step):
        yield slice(first, min(first + step, stop))
