"""Rows of a view at full resolution, projected: the input of transforms, compiled.

`reference.projected_logits` defines it. In float32 it takes the steps of the fused kernel; in float64 those of the
reference. numba is imported with this module: import it where it is used.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from reliseg.runtime.arithmetic import F32, U64, ZERO, choose, exp, log
from reliseg.runtime.numba_compile import cached_njit
from reliseg.stats.rows import Rows
from reliseg.stats.view import LogitView, source_positions
from reliseg.types import Block, Float, Float32, Float64, Int32, Int64, LiveBlock, Logits

TILE = 256
"""Pixels side by side: their columns stay in the first cache."""


class Lines(NamedTuple):
    """Model classes in order and the row of the block of each; for each row of the image the two native ones."""

    order: Int64[np.ndarray, " c"]
    places: Int64[np.ndarray, " c"]
    upper: Int64[np.ndarray, " r"]
    lower: Int64[np.ndarray, " r"]


class ColumnTaps(NamedTuple):
    """For each column of the image the two native ones and the weight of the second."""

    left: Int32[np.ndarray, " o"]
    right: Int32[np.ndarray, " o"]
    weight: Float64[np.ndarray, " o"]


@dataclass(frozen=True, eq=False)
class Upsampled:
    """A view's logits before any calibration, some rows at a time.

    `live` are the columns that some model class goes to.
    """

    logits: Logits | Rows
    size: tuple[int, int]
    align_corners: bool
    order: Int64[np.ndarray, " c"]
    """Model classes, members of a column side by side."""
    starts: Int64[np.ndarray, " l"]
    """Where the members of each live column start in it; then their number."""
    live: Int64[np.ndarray, " l"]

    @classmethod
    def of(cls, view: LogitView) -> "Upsampled":
        """Prepare a view; nothing is computed yet."""
        live, starts, order = members(view.groups)
        logits = view.logits if isinstance(view.logits, Rows) else read_only(np.asarray(view.logits, np.float32))
        return cls(logits, view.size, view.align_corners, order, starts, live)

    def to_float32(self, rows: slice) -> LiveBlock:
        """Return the live columns in float32, by the fused kernel's arithmetic: within 1e-6 of the largest logit."""
        z = self._members(rows, np.arange(len(self.order)), len(self.order), np.float32)
        if self._joins:
            join(self.starts, z)
        return z[: len(self.live)]

    def to_float64(self, rows: slice, columns: int) -> Block:
        """Return all columns in float64, equal to the reference's but for the last bits; -inf if not live."""
        if not self._joins:
            z = self._members(rows, self.live, columns, np.float64)
            z[np.setdiff1d(np.arange(columns), self.live)] = -np.inf
            return z
        members = self._members(rows, np.arange(len(self.order)), len(self.order), np.float64)
        z = np.full((columns, members.shape[1]), -np.inf)
        for column, start, end in zip(self.live, self.starts[:-1], self.starts[1:], strict=True):
            z[column] = members[start] if end == start + 1 else _log_sum_exp(members[start:end])
        return z

    @property
    def _joins(self) -> bool:
        """Whether a column has several members."""
        return len(self.live) < len(self.order)

    def _members(self, rows: slice, places: Int64[np.ndarray, " c"], height: int, dtype: type[np.floating]) -> Block:
        """Interpolate the logits of all model classes, each into its row of a block of `height` rows."""
        if isinstance(self.logits, Rows):
            maps = self.logits.rows(rows).reshape(len(self.order), -1)
            z = np.empty((height, maps.shape[1]), dtype)
            z[places] = maps[self.order]
            return z
        native, width = self.logits.shape[1], self.size[1]
        upper, down = (a[rows] for a in source_positions(native, self.size[0], self.align_corners))
        across = column_taps(self.logits.shape[2], width, self.align_corners)
        z = np.empty((height, len(upper) * width), dtype)
        lines = Lines(self.order, places, upper, np.minimum(upper + 1, native - 1))
        fill(self.logits, lines, down.astype(dtype), across.left, across.right, across.weight.astype(dtype), z)
        return z


@cached_njit
def members(
    groups: Int64[np.ndarray, " c"],
) -> tuple[Int64[np.ndarray, " l"], Int64[np.ndarray, " l+1"], Int64[np.ndarray, " c"]]:
    """Sort model classes by their columns: return the columns that have any, where each begins, and the sorted classes.

    A column's classes keep their order; the last entry of where they begin is the number of all classes.
    """
    columns = groups.max() + 1
    numbers, places = np.zeros(columns, np.int64), np.empty(columns, np.int64)
    for group in groups:
        numbers[group] += 1
    live, starts, order = np.empty(columns, np.int64), np.zeros(columns + 1, np.int64), np.empty(len(groups), np.int64)
    k = 0
    for column in range(columns):
        places[column] = starts[k]
        if numbers[column] > 0:
            live[k], starts[k + 1] = column, starts[k] + numbers[column]
            k += 1
    for m in range(len(groups)):  # loops: numba takes ten seconds to compile a sort
        order[places[groups[m]]] = m
        places[groups[m]] += 1
    return live[:k].copy(), starts[: k + 1].copy(), order


@lru_cache(maxsize=64)
def column_taps(native: int, size: int, align_corners: bool) -> ColumnTaps:
    """Return the horizontal half of bilinear interpolation. A pixel at a native column has its value, unrounded."""
    left, weight = source_positions(native, size, align_corners)
    left, weight = np.where(weight == 1, left + 1, left), np.where(weight == 1, 0.0, weight)
    return ColumnTaps(left.astype(np.int32), np.minimum(left + 1, native - 1).astype(np.int32), weight)


def read_only(array: np.ndarray) -> np.ndarray:
    """Return a contiguous read-only view: one type for numba, whether the caller may write to the array or not."""
    view = np.ascontiguousarray(array).view()
    view.flags.writeable = False
    return view


def _log_sum_exp(members: Block) -> Float64[np.ndarray, " p"]:
    top = members.max(axis=0)
    return top + np.log(np.exp(members - top).sum(axis=0))


@cached_njit
def fill(
    logits: Float32[np.ndarray, "c h w"],
    lines: Lines,
    down: Float[np.ndarray, " r"],
    left: Int32[np.ndarray, " o"],
    right: Int32[np.ndarray, " o"],
    across: Float[np.ndarray, " o"],
    z: Float[np.ndarray, "y p"],
) -> None:
    """Interpolate some rows bilinearly, in the precision of `z` and the weights."""
    native, width = U64(logits.shape[2]), U64(len(across))
    line = np.empty(logits.shape[2], z.dtype)
    zero = down.dtype.type(0)  # a sum with it has that precision
    for y in range(U64(len(down))):
        first = y * width
        upper, lower, weight = U64(lines.upper[y]), U64(lines.lower[y]), down[y]
        for m in range(U64(len(lines.order))):
            c, place = U64(lines.order[m]), U64(lines.places[m])
            for x in range(native):
                a = logits[c, upper, x] + zero
                line[x] = a + (logits[c, lower, x] + zero - a) * weight
            for x in range(width):
                a = line[U64(left[x])]
                z[place, first + x] = a + (line[U64(right[x])] - a) * across[x]


@cached_njit
def join(starts: Int64[np.ndarray, " k"], z: Float32[np.ndarray, "m p"]) -> None:
    """Replace members by the logsumexp of each column: row k is never above `starts[k]`, which has been read."""
    top, total = np.empty(TILE, np.float32), np.empty(TILE, np.float32)
    for begin in range(0, z.shape[1], TILE):
        n = U64(min(TILE, z.shape[1] - begin))
        b = U64(begin)
        for k in range(U64(len(starts) - 1)):
            first, end = U64(starts[k]), U64(starts[k + U64(1)])
            if end == first + U64(1):
                for x in range(n):
                    z[k, b + x] = z[first, b + x]
                continue
            for x in range(n):
                top[x] = z[first, b + x]
                total[x] = F32(1)
            for m in range(first + U64(1), end):
                for x in range(n):
                    v, old, sum_ = z[m, b + x], top[x], total[x]
                    e = exp(-abs(v - old))
                    total[x] = choose(v > old, sum_ * e + F32(1), sum_ + e)
                    top[x] = choose(v > old, v, old + ZERO)
            for x in range(n):
                z[k, b + x] = top[x] + log(total[x])


@cached_njit
def argmax(z: Float[np.ndarray, "y p"], top: Int32[np.ndarray, " p"]) -> None:
    """Find the largest column of each pixel, the first of equal ones."""
    best, at = np.empty(TILE, z.dtype), np.empty(TILE, np.float32)
    for begin in range(0, z.shape[1], TILE):
        n = U64(min(TILE, z.shape[1] - begin))
        b = U64(begin)
        for x in range(n):
            best[x] = z[U64(0), b + x]
            at[x] = 0
        for c in range(U64(1), U64(z.shape[0])):
            f = F32(c)
            for x in range(n):
                v, old, place = z[c, b + x], best[x], at[x]
                at[x] = choose(v > old, f, place + ZERO)
                best[x] = choose(v > old, v, old + ZERO)
        for x in range(n):
            top[b + x] = np.int32(at[x])
