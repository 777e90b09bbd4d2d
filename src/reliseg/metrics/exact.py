"""Sums of real numbers that do not depend on their order, fast."""

import numpy as np

_WHOLE = 2.0**53
"""Whole numbers below it add up without rounding."""


def total(a: np.ndarray) -> np.ndarray:
    """Return the sum over the first axis, which is kept; of numbers in units of 2**-24, as all sums over pixels are.

    Whole parts and remainders are added apart: both sums are exact, for up to 2**29 rows and sums below 2**53.
    """
    is_whole = a.dtype.kind in "ui"
    whole = a if is_whole else np.floor(a)
    sums = whole.sum(axis=0, keepdims=True, dtype=np.float64)
    if not (np.abs(sums) < _WHOLE).all():
        raise OverflowError("more pixels than sums over images have room for")
    return np.asarray(sums if is_whole else sums + (a - whole).sum(axis=0, keepdims=True))
