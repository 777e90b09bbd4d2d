"""Middle stages of the fused kernel: probabilities, losses, bins and scores of the pixels of a block."""

import numpy as np
from jaxtyping import Float32, Int32, Int64

from reliseg.kernels.cpu.binning import octaves, reliability, unit, units
from reliseg.kernels.cpu.row_blocks import PIXELS
from reliseg.kernels.cpu.scratch import (
    ARG,
    BIN,
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
    PLACE,
    ROLE,
    ROW,
    SCORE,
    SECOND,
    SLOPE,
    SQUARE,
    SURE,
    TOP,
    UNITS,
)
from reliseg.runtime.arithmetic import F32, I32, I64, U64, exp, log
from reliseg.runtime.numba_compile import compiled
from reliseg.stats.bins import (
    FINE,
    MANTISSA,
    RELIABILITY_BINS,
    RIGHT,
    ROLES,
    UNKNOWN,
    UNKNOWN_ROLE,
    VOID,
    VOID_ROLE,
    WRONG,
    FineBins,
)
from reliseg.stats.fixed import VALUE_LIMIT

Floats = Float32[np.ndarray, " t"]
Integers = Int32[np.ndarray, " k"]

NO_ROLE = ROLES
"""The role of places that hold no pixel."""
NEG_ENTROPY, MARGIN, MAX_LOGIT, NEG_ENERGY, MSP = range(5)
KINDS = {
    "msp": MSP,
    "neg_entropy": NEG_ENTROPY,
    "margin": MARGIN,
    "max_logit": MAX_LOGIT,
    "neg_energy": NEG_ENERGY,
}
"""The scores by the number that the kernel knows them by."""
SHAPES = (NEG_ENTROPY, MARGIN)
"""Those that read the shape of the tail, and not only its sum."""


def _range(bins: FineBins) -> tuple[I32, I32]:
    return I32(bins.low), I32(bins.size - 1)


_ODDS_LOW, _ODDS_LAST = _range(FINE["msp"])
_ENTROPY_LOW, _ENTROPY_LAST = _range(FINE["neg_entropy"])
_LOGIT_LOW = I32(FINE["max_logit"].low)
_LOGIT_HALF = I32(FINE["max_logit"].size // 2)
_MARGIN_LOW, _MARGIN_LAST = _range(FINE["margin"])
_MARGIN_HALF = I32((-1 - FINE["margin"].low) << MANTISSA)  # the last bin of 1 - margin
_MARGIN_UNSURE = I32(-1 - FINE["margin"].high) << I32(MANTISSA)
_MARGIN_HIGH = I32(FINE["margin"].high)


@compiled
def exponentials(rows: U64, shapes: bool, z: Floats, t: Floats) -> None:
    """exp(z - max) in place of z, 0 at the argmax, and its sums: tail odds that nothing was subtracted from.

    What tells the shape of the tail, SLOPE and SECOND, only where it is asked for: the compiler makes two loops of it.
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
            e = F32(0) if t[ARG + x] == f else e
            z[o + x] = e
            t[ODDS + x] += e
            t[SQUARE + x] += e * e
            if shapes:
                t[SLOPE + x] -= e * y
                t[SECOND + x] = e if e > t[SECOND + x] else t[SECOND + x]


@compiled
def pixels(classes: I32, rows: I32, t: Floats, k: Integers) -> None:
    """Role, losses, bins and table places of each pixel."""
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
        loss = loss if loss < F32(VALUE_LIMIT) else F32(VALUE_LIMIT)
        t[LOG + x] = log_u
        t[SURE + x] = sure
        t[LOSS + x] = loss if known else F32(0)
        t[BRIER + x] = (if_right if right else if_wrong) if known else F32(0)
        t[KNOWN_SURE + x] = sure if known else F32(0)
        role = I32(RIGHT) if right else I32(WRONG)
        count_uncounted_pixels = I32(VOID_ROLE) if label == I32(VOID) else I32(NO_ROLE)
        count_uncounted_pixels = I32(UNKNOWN_ROLE) if label == I32(UNKNOWN) else count_uncounted_pixels
        k[ROLE + x] = role if known else count_uncounted_pixels
        cell = I32(I32(I32(I32(label * rows) + arg) * I32(RELIABILITY_BINS)) + reliability(sure))
        k[CELL + x] = cell if known else I32(I32(classes * rows) * I32(RELIABILITY_BINS))
        k[UNITS + x] = unit(sure) if known else I32(0)
        k[ODDS_BIN + x] = octaves(r, _ODDS_LOW, _ODDS_LAST)
        wrong = known & (not right)
        confident = I32(sure > F32(0.90)) + I32(sure > F32(0.99))
        k[CONFIDENT + x] = I32(confident) if wrong else I32(0)


@compiled
def msp(t: Floats, k: Integers) -> None:
    """Score and fine bin: the maximum probability, by the tail odds."""
    for x in range(U64(PIXELS)):
        t[SCORE + x] = t[SURE + x]
        k[BIN + x] = k[ODDS_BIN + x]


@compiled
def neg_entropy(t: Floats, k: Integers) -> None:
    """Score and fine bin: minus the entropy, a sum of positive terms."""
    for x in range(U64(PIXELS)):
        entropy = t[LOG + x] + t[SLOPE + x] * t[SURE + x]
        t[SCORE + x] = -entropy
        k[BIN + x] = octaves(entropy, _ENTROPY_LOW, _ENTROPY_LAST)


@compiled
def margin(t: Floats, k: Integers) -> None:
    """Score and fine bin: largest minus second probability, by 1 - margin up to 1/2, then by the margin."""
    for x in range(U64(PIXELS)):
        sure = t[SURE + x]
        difference = (F32(1) - t[SECOND + x]) * sure
        tail = (t[ODDS + x] + t[SECOND + x]) * sure
        high = octaves(tail, _MARGIN_LOW, _MARGIN_HALF)
        low = I32(_MARGIN_LAST - octaves(difference, _MARGIN_HIGH, _MARGIN_UNSURE))
        t[SCORE + x] = difference
        k[BIN + x] = high if tail < F32(0.5) else low


@compiled
def log_score(share: F32, t: Floats, k: Integers) -> None:
    """Score and fine bin: the largest logit, and with share 1 the logsumexp, by its own order."""
    for x in range(U64(PIXELS)):
        score = t[TOP + x] + share * t[LOG + x]
        rank = octaves(abs(score), _LOGIT_LOW, _LOGIT_HALF)
        t[SCORE + x] = score
        k[BIN + x] = I32(_LOGIT_HALF + rank) if score < F32(0) else I32(_LOGIT_HALF - rank)


@compiled
def add_losses(t: Floats, sums: Int64[np.ndarray, "n 2"]) -> None:
    """Negative log-likelihood and Brier score of the block."""
    nll = I64(0)
    brier = I64(0)
    for x in range(U64(PIXELS)):
        nll += units(t[LOSS + x])
        brier += units(t[BRIER + x])
    sums[0, 1] += nll
    sums[1, 1] += brier


@compiled
def add_score(t: Floats, k: Integers, sums: Int64[np.ndarray, "n 2"], first: int) -> None:
    """One score's sums by role."""
    wrong = I64(0)
    right = I64(0)
    unknown = I64(0)
    void = I64(0)
    for x in range(U64(PIXELS)):
        value = units(t[SCORE + x])
        role = k[ROLE + x]
        wrong += value if role == I32(WRONG) else I64(0)
        right += value if role == I32(RIGHT) else I64(0)
        unknown += value if role == I32(UNKNOWN_ROLE) else I64(0)
        void += value if role == I32(VOID_ROLE) else I64(0)
    sums[first + WRONG, 1] += wrong
    sums[first + RIGHT, 1] += right
    sums[first + UNKNOWN_ROLE, 1] += unknown
    sums[first + VOID_ROLE, 1] += void


@compiled
def place(start: I32, span: I32, trash: I32, k: Integers) -> None:
    """Places in the table of fine bins: (wrong, right) pairs by bin, `span` further (unknown, void) pairs."""
    for x in range(U64(PIXELS)):
        role = k[ROLE + x]
        side = span if role > I32(RIGHT) else I32(0)
        here = I32(I32(start + side) + I32(I32(k[BIN + x] << I32(1)) + I32(role & I32(1))))
        k[PLACE + x] = here if role < I32(ROLES) else trash
