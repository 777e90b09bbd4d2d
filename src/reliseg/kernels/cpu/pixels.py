"""Middle stages of the fused kernel: probabilities, losses, bins and scores of the pixels of a block."""

import numpy as np

from reliseg.kernels.cpu.binning import octaves, reliability_bin, unit
from reliseg.kernels.cpu.row_blocks import PIXELS
from reliseg.kernels.cpu.scratch_layout import (
    ARG,
    BRIER,
    CELL,
    CONFIDENT,
    KNOWN_SURE,
    LABEL,
    LOG,
    LOSS,
    MAX,
    ODDS,
    ODDS_BIN,
    OWN,
    OWN_ROW,
    ROLE,
    ROW,
    SECOND,
    SLOPE,
    SQUARE,
    SURE,
    UNITS,
)
from reliseg.runtime.arithmetic import F32, I32, U64, ZERO, choose, exp, log
from reliseg.runtime.numba_compile import inline_njit
from reliseg.stats.bins import (
    RELIABILITY_BINS,
    RIGHT,
    ROLES,
    UNKNOWN,
    UNKNOWN_ROLE,
    VOID,
    VOID_ROLE,
    WRONG,
)
from reliseg.stats.built_in_scores import fine_bins
from reliseg.stats.fixed import VALUE_LIMIT
from reliseg.types import Float32, Int32

Floats = Float32[np.ndarray, " t"]
Integers = Int32[np.ndarray, " k"]

NO_ROLE = ROLES
"""The role of places that hold no pixel."""
_ODDS_BINS = fine_bins("msp")
_ODDS_LOW, _ODDS_LAST = I32(_ODDS_BINS.low), I32(_ODDS_BINS.size - 1)


@inline_njit
def exponentials(rows: U64, shapes: bool, z: Floats, t: Floats) -> None:
    """Replace z by exp(z - max), 0 at the argmax, and sum it: tail odds that nothing was subtracted from.

    SLOPE and SECOND are computed only if `shapes`: the compiler makes two loops of it.
    """
    for x in range(U64(PIXELS)):
        t[ODDS + x] = F32(0)
        t[SQUARE + x] = F32(0)
        t[SECOND + x] = F32(0)
        t[SLOPE + x] = F32(0)
    for r in range(rows):
        o = r * U64(ROW)
        f = F32(r)
        for x in range(U64(PIXELS)):
            y = z[o + x] - t[MAX + x]
            e = exp(y)
            e = choose(t[ARG + x] == f, F32(0), e)
            z[o + x] = e
            t[ODDS + x] += e
            t[SQUARE + x] += e * e
            if shapes:
                t[SLOPE + x] -= e * y
                second = t[SECOND + x]
                t[SECOND + x] = choose(e > second, e, second + ZERO)


@inline_njit
def measure_pixels(classes: I32, rows: I32, t: Floats, k: Integers) -> None:
    """Compute the role, losses, bins and places in tables of each pixel."""
    for x in range(U64(PIXELS)):
        r = t[ODDS + x]
        u = F32(1) + r
        sure = F32(1) / u
        label = k[LABEL + x]
        arg = I32(t[ARG + x])
        known = label < classes
        right = k[OWN_ROW + x] == arg
        gap = t[OWN + x] - t[MAX + x]
        own = exp(gap) * sure
        # Either form is a sum of positive terms or of order one: nothing cancels.
        square = t[SQUARE + x] * sure * sure
        if_right = square + (r * sure) * (r * sure)
        if_wrong = square + sure * sure - F32(2) * own + F32(1)
        # 1 + r has lost low bits of r; to first order they add this much to the logarithm.
        log_u = log(u) + (r - (u - F32(1))) * sure
        loss = log_u - gap
        loss = choose(loss < F32(VALUE_LIMIT), loss, F32(VALUE_LIMIT))
        t[LOG + x] = log_u
        t[SURE + x] = sure
        t[LOSS + x] = choose(known, loss, F32(0))
        t[BRIER + x] = choose(known, choose(right, if_right, if_wrong), F32(0))
        t[KNOWN_SURE + x] = choose(known, sure, F32(0))
        if_uncounted = choose(label == I32(VOID), I32(VOID_ROLE), I32(NO_ROLE))
        if_uncounted = choose(label == I32(UNKNOWN), I32(UNKNOWN_ROLE), if_uncounted)
        role = choose(known, choose(right, I32(RIGHT), I32(WRONG)), if_uncounted)
        k[ROLE + x] = role
        row = I32(I32(choose(known, label, classes) * rows) + arg)  # the last label is none
        nowhere = I32(I32(I32(classes + I32(1)) * rows) * I32(RELIABILITY_BINS))
        is_pixel = role < I32(NO_ROLE)
        k[CELL + x] = choose(is_pixel, I32(I32(row * I32(RELIABILITY_BINS)) + reliability_bin(sure)), nowhere)
        k[UNITS + x] = choose(is_pixel, unit(sure), I32(0))
        k[ODDS_BIN + x] = octaves(r, _ODDS_LOW, _ODDS_LAST)
        wrong = known & (not right)
        confident = I32(sure > F32(0.90)) + I32(sure > F32(0.99))
        k[CONFIDENT + x] = choose(wrong, I32(confident), I32(0))
