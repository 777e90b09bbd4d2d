"""Middle stages of the fused kernel: probabilities, losses, bins and scores of the pixels of a block."""

import numpy as np
from jaxtyping import Float32, Int32, Int64

from reliseg.stats._numeric import F, I, L, U, compiled, exp, log, octaves, reliability, unit, units
from reliseg.stats._plan import PIXELS
from reliseg.stats._slots import (
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
from reliseg.stats.bins import (
    FINE,
    MANTISSA,
    RELIABILITY_BINS,
    RIGHT,
    ROLES,
    UNKNOWN_ROLE,
    VOID_ROLE,
    WRONG,
    FineBins,
)
from reliseg.stats.fixed import VALUE_LIMIT

Floats = Float32[np.ndarray, " t"]
Integers = Int32[np.ndarray, " k"]

UNKNOWN, VOID = 254, 255
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


def _range(bins: FineBins) -> tuple[I, I]:
    return I(bins.low), I(bins.size - 1)


_ODDS_LOW, _ODDS_LAST = _range(FINE["msp"])
_ENTROPY_LOW, _ENTROPY_LAST = _range(FINE["neg_entropy"])
_LOGIT_LOW = I(FINE["max_logit"].low)
_LOGIT_HALF = I(FINE["max_logit"].size // 2)
_MARGIN_LOW, _MARGIN_LAST = _range(FINE["margin"])
_MARGIN_HALF = I((-1 - FINE["margin"].low) << MANTISSA)  # the last bin of 1 - margin
_MARGIN_UNSURE = I(-1 - FINE["margin"].high) << I(MANTISSA)
_MARGIN_HIGH = I(FINE["margin"].high)


@compiled
def exponentials(rows: U, z: Floats, t: Floats) -> None:
    """exp(z - max) in place of z, 0 at the argmax, and its sums: tail odds that nothing was subtracted from."""
    for x in range(U(PIXELS)):
        t[ODDS + x] = F(0)
        t[SQUARE + x] = F(0)
        t[SECOND + x] = F(0)
        t[SLOPE + x] = F(0)
    for r in range(rows):
        o = r * U(ROW)
        f = F(r)
        for x in range(U(PIXELS)):
            y = z[o + x] - t[MAX + x]
            e = exp(y)
            e = F(0) if t[ARG + x] == f else e
            z[o + x] = e
            t[ODDS + x] += e
            t[SQUARE + x] += e * e
            t[SLOPE + x] -= e * y
            t[SECOND + x] = e if e > t[SECOND + x] else t[SECOND + x]


@compiled
def pixels(classes: I, rows: I, t: Floats, k: Integers) -> None:
    """Role, losses, bins and table places of each pixel."""
    for x in range(U(PIXELS)):
        r = t[ODDS + x]
        u = F(1) + r
        sure = F(1) / u
        label = k[LABEL + x]
        arg = I(t[ARG + x])
        known = label < classes
        right = k[OWN_ROW + x] == arg
        gap = t[OWN + x] - t[MAX + x]
        own = exp(gap) * sure
        # Either form is a sum of positive terms or of order one: nothing cancels.
        square = t[SQUARE + x] * sure * sure
        if_right = square + (r * sure) * (r * sure)
        if_wrong = square + sure * sure - F(2) * own + F(1)
        # 1 + r has lost low bits of r; to first order they add this much to the logarithm.
        log_u = log(u) + (r - (u - F(1))) * sure
        loss = log_u - gap
        loss = loss if loss < F(VALUE_LIMIT) else F(VALUE_LIMIT)
        t[LOG + x] = log_u
        t[SURE + x] = sure
        t[LOSS + x] = loss if known else F(0)
        t[BRIER + x] = (if_right if right else if_wrong) if known else F(0)
        t[KNOWN_SURE + x] = sure if known else F(0)
        role = I(RIGHT) if right else I(WRONG)
        aside = I(VOID_ROLE) if label == I(VOID) else I(NO_ROLE)
        aside = I(UNKNOWN_ROLE) if label == I(UNKNOWN) else aside
        k[ROLE + x] = role if known else aside
        cell = I(I(I(I(label * rows) + arg) * I(RELIABILITY_BINS)) + reliability(sure))
        k[CELL + x] = cell if known else I(I(classes * rows) * I(RELIABILITY_BINS))
        k[UNITS + x] = unit(sure) if known else I(0)
        k[ODDS_BIN + x] = octaves(r, _ODDS_LOW, _ODDS_LAST)
        wrong = known & (not right)
        confident = I(sure > F(0.90)) + I(sure > F(0.99))
        k[CONFIDENT + x] = I(confident) if wrong else I(0)


@compiled
def msp(t: Floats, k: Integers) -> None:
    """Score and fine bin: the maximum probability, by the tail odds."""
    for x in range(U(PIXELS)):
        t[SCORE + x] = t[SURE + x]
        k[BIN + x] = k[ODDS_BIN + x]


@compiled
def neg_entropy(t: Floats, k: Integers) -> None:
    """Score and fine bin: minus the entropy, a sum of positive terms."""
    for x in range(U(PIXELS)):
        entropy = t[LOG + x] + t[SLOPE + x] * t[SURE + x]
        t[SCORE + x] = -entropy
        k[BIN + x] = octaves(entropy, _ENTROPY_LOW, _ENTROPY_LAST)


@compiled
def margin(t: Floats, k: Integers) -> None:
    """Score and fine bin: largest minus second probability, by 1 - margin up to 1/2, then by the margin."""
    for x in range(U(PIXELS)):
        sure = t[SURE + x]
        difference = (F(1) - t[SECOND + x]) * sure
        tail = (t[ODDS + x] + t[SECOND + x]) * sure
        high = octaves(tail, _MARGIN_LOW, _MARGIN_HALF)
        low = I(_MARGIN_LAST - octaves(difference, _MARGIN_HIGH, _MARGIN_UNSURE))
        t[SCORE + x] = difference
        k[BIN + x] = high if tail < F(0.5) else low


@compiled
def log_score(share: F, t: Floats, k: Integers) -> None:
    """Score and fine bin: the largest logit, and with share 1 the logsumexp, by its own order."""
    for x in range(U(PIXELS)):
        score = t[TOP + x] + share * t[LOG + x]
        rank = octaves(abs(score), _LOGIT_LOW, _LOGIT_HALF)
        t[SCORE + x] = score
        k[BIN + x] = I(_LOGIT_HALF + rank) if score < F(0) else I(_LOGIT_HALF - rank)


@compiled
def add_losses(t: Floats, sums: Int64[np.ndarray, "n 2"]) -> None:
    """Negative log-likelihood and Brier score of the block."""
    nll = L(0)
    brier = L(0)
    for x in range(U(PIXELS)):
        nll += units(t[LOSS + x])
        brier += units(t[BRIER + x])
    sums[0, 1] += nll
    sums[1, 1] += brier


@compiled
def add_score(t: Floats, k: Integers, sums: Int64[np.ndarray, "n 2"], first: int) -> None:
    """One score's sums by role."""
    wrong = L(0)
    right = L(0)
    unknown = L(0)
    void = L(0)
    for x in range(U(PIXELS)):
        value = units(t[SCORE + x])
        role = k[ROLE + x]
        wrong += value if role == I(WRONG) else L(0)
        right += value if role == I(RIGHT) else L(0)
        unknown += value if role == I(UNKNOWN_ROLE) else L(0)
        void += value if role == I(VOID_ROLE) else L(0)
    sums[first + WRONG, 1] += wrong
    sums[first + RIGHT, 1] += right
    sums[first + UNKNOWN_ROLE, 1] += unknown
    sums[first + VOID_ROLE, 1] += void


@compiled
def place(start: I, span: I, trash: I, k: Integers) -> None:
    """Places in the table of fine bins: (wrong, right) pairs by bin, `span` further (unknown, void) pairs."""
    for x in range(U(PIXELS)):
        role = k[ROLE + x]
        side = span if role > I(RIGHT) else I(0)
        here = I(I(start + side) + I(I(k[BIN + x] << I(1)) + I(role & I(1))))
        k[PLACE + x] = here if role < I(ROLES) else trash
