"""Scores that mask classification gives, from its class maps: rejected by all, and the share of no object.

`reference_masks.rba` and `object_share` define them. numba is imported with this module: import it where it is used.
"""

import numpy as np

from reliseg.runtime.arithmetic import F32, U64, exp
from reliseg.runtime.numba_compile import cached_njit, inline_njit
from reliseg.stats.rows import Rows, ScoreMaps, row_blocks
from reliseg.types import Float32


class MaskScores:
    """Both scores of an image, some rows at a time: of class maps, that of no object the last, not their logarithms.

    They are computed together, and kept until other rows are asked for.
    """

    def __init__(self, maps: Rows) -> None:
        self._maps = maps
        self._last: tuple[slice, Float32[np.ndarray, "2 n w"]] | None = None

    def rba(self, rows: slice) -> Float32[np.ndarray, "n w"]:
        """Return the sum of tanh(s_c) over the classes."""
        return self._both(rows)[0].copy()

    def no_object(self, rows: slice) -> Float32[np.ndarray, "n w"]:
        """Return 1 minus the share of no object in the sum of all maps."""
        return self._both(rows)[1].copy()

    def by_name(self) -> ScoreMaps:
        """Return the scores by the names that users write."""
        scores = {"rba": self.rba, "no_object": self.no_object}
        return ScoreMaps(scores, lambda size: MaskScores(self._maps.brought_to(size)).by_name())

    def _both(self, rows: slice) -> Float32[np.ndarray, "2 n w"]:
        last = self._last
        if last is not None and last[0] == rows:
            return last[1]
        _, height, width = self._maps.shape
        first, stop, _ = rows.indices(height)
        both = np.empty((2, max(stop - first, 0), width), np.float32)
        for part in row_blocks(self._maps.shape, slice(first, stop)):
            here = slice(part.start - first, part.stop - first)
            measure(self._maps.rows(part), both[0, here], both[1, here])
        self._last = rows, both
        return both


@inline_njit
def _tanh(x: F32) -> F32:
    """Return tanh of x >= 0, within 2e-7 of its value (the polynomial of Cephes' tanhf below 0.625)."""
    e = exp(F32(-2) * x)
    z = x * x
    p = F32(-5.70498872745e-3) * z + F32(2.06390887954e-2)
    p = p * z + F32(-5.37397155531e-2)
    p = p * z + F32(1.33314422036e-1)
    p = p * z + F32(-3.33332819422e-1)
    small = p * z * x + x
    return small if x < F32(0.625) else (F32(1) - e) / (F32(1) + e)


@cached_njit
def measure(
    maps: Float32[np.ndarray, "c n w"], rba: Float32[np.ndarray, "n w"], share: Float32[np.ndarray, "n w"]
) -> None:
    """Write both scores of some rows."""
    classes, height, width = maps.shape
    for y in range(height):
        rejected, of_classes = rba[y], share[y]
        for x in range(U64(width)):
            rejected[x] = F32(0)
            of_classes[x] = F32(0)
        for c in range(classes - 1):
            row = maps[c, y]
            for x in range(U64(width)):
                rejected[x] += _tanh(row[x])
                of_classes[x] += row[x]
        none = maps[classes - 1, y]
        for x in range(U64(width)):
            total = of_classes[x] + none[x]
            of_classes[x] = of_classes[x] / total if total > F32(0) else F32(0)
