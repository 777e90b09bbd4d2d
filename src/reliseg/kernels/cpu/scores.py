"""Score stage of the fused kernel: the built-in scores of the pixels of a block, added by role and by fine bin.

A score is a function that writes SCORE and BIN, a number in `KINDS`, and a branch of `write_score`.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from reliseg.kernels.cpu.binning import octaves, units
from reliseg.kernels.cpu.row_blocks import PIXELS
from reliseg.kernels.cpu.scratch_layout import BIN, LOG, ODDS, ODDS_BIN, PLACE, ROLE, SCORE, SECOND, SLOPE, SURE, TOP
from reliseg.runtime.arithmetic import F32, I32, I64, U64, choose
from reliseg.runtime.numba_compile import inline_njit
from reliseg.stats.bins import COARSE_SHIFT, MANTISSA, RIGHT, ROLES, UNKNOWN_ROLE, VOID_ROLE, WRONG
from reliseg.stats.built_in_scores import BUILT_IN_SCORES
from reliseg.types import Float32, Int32, Int64, UInt32

Floats = Float32[np.ndarray, " t"]
Integers = Int32[np.ndarray, " k"]
Counts = UInt32[np.ndarray, " n"]

MSP, NEG_ENTROPY, MARGIN, MAX_LOGIT, NEG_ENERGY = range(5)
KINDS = {
    "msp": MSP,
    "neg_entropy": NEG_ENTROPY,
    "margin": MARGIN,
    "max_logit": MAX_LOGIT,
    "neg_energy": NEG_ENERGY,
}
"""The built-in scores by the number that compiled code knows them by."""
_SHAPES = (NEG_ENTROPY, MARGIN)
"""Those that read SLOPE or SECOND."""

_ENTROPY, _MARGIN, _LOGIT = (BUILT_IN_SCORES[score].bins for score in ("neg_entropy", "margin", "max_logit"))
_ENTROPY_LOW, _ENTROPY_LAST = I32(_ENTROPY.low), I32(_ENTROPY.size - 1)
_LOGIT_LOW, _LOGIT_HALF = I32(_LOGIT.low), I32(_LOGIT.size // 2)
_MARGIN_LOW, _MARGIN_LAST = I32(_MARGIN.low), I32(_MARGIN.size - 1)
_MARGIN_HALF = I32((-1 - _MARGIN.low) << MANTISSA)  # the last bin of 1 - margin
_MARGIN_HIGH, _MARGIN_UNSURE = I32(_MARGIN.high), I32((-1 - _MARGIN.high) << MANTISSA)
_PAIRS = I32(COARSE_SHIFT + 1)


class Scores(NamedTuple):
    """The scores of a layout, and where each one's fine bins start and how many entries half of them take."""

    kinds: Int64[np.ndarray, " s"]
    starts: Int32[np.ndarray, " s"]
    spans: Int32[np.ndarray, " s"]
    shapes: bool
    """Whether SLOPE and SECOND are needed."""


def scores_at(names: Sequence[str], starts: Int32[np.ndarray, " s"], spans: Int32[np.ndarray, " s"]) -> Scores:
    """Return scores whose fine bins lie at these places."""
    kinds = [KINDS[name] for name in names]
    return Scores(np.array(kinds, np.int64), starts, spans, any(kind in _SHAPES for kind in kinds))


@inline_njit
def add_scores(
    scores: Scores, t: Floats, k: Integers, sums: Int64[np.ndarray, "n 2"], counts: Counts, coarse: Counts
) -> None:
    """Add every score of the block. `sums` holds two losses, then the scores by role; `coarse` may have no entries."""
    for i in range(len(scores.kinds)):
        write_score(scores.kinds[i], t, k)
        add_score(t, k, sums, 2 + i * ROLES)
        place(scores.starts[i], scores.spans[i], I32(len(counts) - 1), k)
        add_counts(k, counts)
        if len(coarse) > 0:
            add_coarse_counts(k, coarse)


@inline_njit
def write_score(kind: int, t: Floats, k: Integers) -> None:
    """Write the score of this number, and its bin."""
    if kind == MSP:
        msp(t, k)
    elif kind == NEG_ENTROPY:
        neg_entropy(t, k)
    elif kind == MARGIN:
        margin(t, k)
    elif kind == MAX_LOGIT:
        log_score(F32(0), t, k)
    elif kind == NEG_ENERGY:
        log_score(F32(1), t, k)


@inline_njit
def msp(t: Floats, k: Integers) -> None:
    """Write the largest probability, and its bin by the tail odds."""
    for x in range(U64(PIXELS)):
        t[SCORE + x] = t[SURE + x]
        k[BIN + x] = k[ODDS_BIN + x]


@inline_njit
def neg_entropy(t: Floats, k: Integers) -> None:
    """Write minus the entropy, a sum of positive terms, and its bin."""
    for x in range(U64(PIXELS)):
        entropy = t[LOG + x] + t[SLOPE + x] * t[SURE + x]
        t[SCORE + x] = -entropy
        k[BIN + x] = octaves(entropy, _ENTROPY_LOW, _ENTROPY_LAST)


@inline_njit
def margin(t: Floats, k: Integers) -> None:
    """Write the largest minus the second probability, and its bin: by 1 - margin up to 1/2, then by the margin."""
    for x in range(U64(PIXELS)):
        sure = t[SURE + x]
        difference = (F32(1) - t[SECOND + x]) * sure
        tail = (t[ODDS + x] + t[SECOND + x]) * sure
        high = octaves(tail, _MARGIN_LOW, _MARGIN_HALF)
        low = I32(_MARGIN_LAST - octaves(difference, _MARGIN_HIGH, _MARGIN_UNSURE))
        t[SCORE + x] = difference
        k[BIN + x] = choose(tail < F32(0.5), high, low)


@inline_njit
def log_score(share: F32, t: Floats, k: Integers) -> None:
    """Write the largest logit, or with share 1 the logsumexp, and its bin by its own order."""
    for x in range(U64(PIXELS)):
        score = t[TOP + x] + share * t[LOG + x]
        rank = octaves(abs(score), _LOGIT_LOW, _LOGIT_HALF)
        t[SCORE + x] = score
        k[BIN + x] = choose(score < F32(0), I32(_LOGIT_HALF + rank), I32(_LOGIT_HALF - rank))


@inline_njit
def add_score(t: Floats, k: Integers, sums: Int64[np.ndarray, "n 2"], first: int) -> None:
    """Add one score's sums by role."""
    wrong = I64(0)
    right = I64(0)
    unknown = I64(0)
    void = I64(0)
    for x in range(U64(PIXELS)):
        value = units(t[SCORE + x])
        role = k[ROLE + x]
        wrong += choose(role == I32(WRONG), value, I64(0))
        right += choose(role == I32(RIGHT), value, I64(0))
        unknown += choose(role == I32(UNKNOWN_ROLE), value, I64(0))
        void += choose(role == I32(VOID_ROLE), value, I64(0))
    sums[first + WRONG, 1] += wrong
    sums[first + RIGHT, 1] += right
    sums[first + UNKNOWN_ROLE, 1] += unknown
    sums[first + VOID_ROLE, 1] += void


@inline_njit
def place(start: I32, span: I32, trash: I32, k: Integers) -> None:
    """Write places in the table of fine bins: (wrong, right) pairs by bin, `span` further (unknown, void) pairs."""
    for x in range(U64(PIXELS)):
        role = k[ROLE + x]
        side = choose(role > I32(RIGHT), span, I32(0))
        here = I32(I32(start + side) + I32(I32(k[BIN + x] << I32(1)) + I32(role & I32(1))))
        k[PLACE + x] = choose(role < I32(ROLES), here, trash)


@inline_njit
def add_counts(k: Integers, counts: Counts) -> None:
    """Add one score's pixels by fine bin and role."""
    for x in range(U64(PIXELS)):
        counts[U64(k[PLACE + x])] += np.uint32(1)


@inline_njit
def add_coarse_counts(k: Integers, coarse: Counts) -> None:
    """Add one score's pixels by coarse bin and role: of each 2**10 pairs of fine places one pair."""
    for x in range(U64(PIXELS)):
        here = k[PLACE + x]
        coarse[U64(I32(I32(here >> _PAIRS) << I32(1)) + I32(here & I32(1)))] += np.uint32(1)
