"""Sums of real numbers that do not depend on their order, fast."""

import math

import numpy as np

_WHOLE = 2.0**53
"""Whole numbers below it add up without rounding."""


def total(a: np.ndarray) -> np.ndarray:
    """Return the sum over the first axis, which is kept; of numbers in units of 2**-24, as all sums over pixels are.

    Whole parts and remainders are added apart: both sums are exact, for up to 2**29 rows and sums below 2**53.
    """
    sums, rest = _added(a)
    if not (np.abs(sums) < _WHOLE).all():
        raise OverflowError("more pixels than sums over images have room for")
    return (sums + rest).reshape(1, *a.shape[1:])


def _added(a: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the sums of the whole parts, and of the remainders."""
    if a.dtype.kind in "ui":
        return a.sum(axis=0, dtype=np.float64), np.zeros(1)
    from reliseg.stats.filled.sums import whole_and_rest  # numba is slow to import

    return whole_and_rest(np.ascontiguousarray(a).reshape(len(a), math.prod(a.shape[1:])))
