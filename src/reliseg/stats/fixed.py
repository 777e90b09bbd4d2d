"""Exact sums: integers in units of 2**-24, two limbs wide, so that any order of adding gives equal bytes."""

import numpy as np

from reliseg.types import Float64, Int64, Limbs

UNIT = 1 << 24
"""Values are rounded to nearest in units of 1/UNIT before they are summed."""
VALUE_LIMIT = 2.0**15
"""Losses are clipped here; only an unreachable class (probability 0) comes near."""
CALIBRATED_LIMIT = 2.0**24
"""Calibrated logits of greater magnitude are refused: sums of scores have room for no more."""
_BITS = 32
_MASK = (1 << _BITS) - 1
UPPER = float(1 << _BITS)
"""How many units one in the upper limb stands for."""


def units(values: Float64[np.ndarray, "..."]) -> Int64[np.ndarray, "..."]:
    """Round each value to the nearest unit of 2**-24."""
    return np.rint(np.asarray(values, np.float64) * UNIT).astype(np.int64)


def limbs(total: Int64[np.ndarray, "..."] | np.int64) -> Limbs:
    """Split totals of units into (high, low): high * 2**32 + low, low in [0, 2**32)."""
    return np.stack([total >> _BITS, total & _MASK], axis=-1)


def carry(sums: Limbs) -> Limbs:
    """Return the canonical form of limbs after an addition: low in [0, 2**32)."""
    carried = np.empty_like(sums)
    np.add(sums[..., 0], sums[..., 1] >> _BITS, out=carried[..., 0])
    np.bitwise_and(sums[..., 1], _MASK, out=carried[..., 1])
    return carried


def taken(sums: Limbs, places: Int64[np.ndarray, " n"]) -> Limbs:
    """Return the sums at places of the first axis; where the limbs lie apart in memory, nothing else is gone through.

    The result lies in the same way.
    """
    return np.moveaxis(np.moveaxis(sums, -1, 0).take(places, axis=1), 0, -1)


def apart(sums: Limbs) -> tuple[Int64[np.ndarray, "..."], Int64[np.ndarray, "..."]]:
    """Return the upper and the lower limbs, each in one piece, as compiled code reads them."""
    return np.ascontiguousarray(sums[..., 0]), np.ascontiguousarray(sums[..., 1])


def total(sums: Limbs, axis: int | tuple[int, ...]) -> Limbs:
    """Sum over axes; negative ones count from before the axis of limbs."""
    axes = (axis,) if isinstance(axis, int) else axis
    moved = tuple(a - 1 if a < 0 else a for a in axes)
    return carry(sums.sum(axis=moved))


def real(sums: Limbs) -> Float64[np.ndarray, "..."]:
    """Return the sums as float64."""
    return (sums[..., 0] * UPPER + sums[..., 1]) / UNIT


def exact_sum(sums: Limbs) -> float:
    """Return the sum of all sums, rounded once."""
    high, low = (int(limb.sum()) for limb in np.moveaxis(sums, -1, 0))
    return ((high << _BITS) + low) / UNIT
