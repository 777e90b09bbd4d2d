"""The built-in scores of the pixels of a tile, with their fine bins. A score that is not here is counted on the CPU."""

from collections.abc import Sequence
from typing import NamedTuple

import triton
import triton.language as tl

from reliseg.kernels.gpu.arithmetic import octaves
from reliseg.stats.bins import MANTISSA
from reliseg.stats.built_in_scores import BUILT_IN_SCORES

KINDS = {"msp": 0, "neg_entropy": 1, "margin": 2, "max_logit": 3, "neg_energy": 4}
"""The built-in scores by the number that the compiled kernel knows them by."""
DIGIT = 8
"""Scores are handed over as the digits of one number to this base, the first one lowest."""

_MSP, _NEG_ENTROPY, _MARGIN, _MAX_LOGIT, _NEG_ENERGY = (tl.constexpr(kind) for kind in KINDS.values())

_ODDS_BINS, _ENTROPY_BINS, _MARGIN_BINS, _LOGIT_BINS = (
    BUILT_IN_SCORES[score].bins for score in ("msp", "neg_entropy", "margin", "max_logit")
)
_ODDS_LOW, _ODDS_LAST = tl.constexpr(_ODDS_BINS.low), tl.constexpr(_ODDS_BINS.size - 1)
_ENTROPY_LOW, _ENTROPY_LAST = tl.constexpr(_ENTROPY_BINS.low), tl.constexpr(_ENTROPY_BINS.size - 1)
_LOGIT_LOW, _LOGIT_HALF = tl.constexpr(_LOGIT_BINS.low), tl.constexpr(_LOGIT_BINS.size // 2)
_MARGIN_LOW, _MARGIN_LAST = tl.constexpr(_MARGIN_BINS.low), tl.constexpr(_MARGIN_BINS.size - 1)
_MARGIN_HALF = tl.constexpr((-1 - _MARGIN_BINS.low) << MANTISSA)  # the last bin of 1 - margin
_MARGIN_HIGH = tl.constexpr(_MARGIN_BINS.high)
_MARGIN_UNSURE = tl.constexpr((-1 - _MARGIN_BINS.high) << MANTISSA)


def digits(scores: Sequence[str]) -> int:
    """Return scores as one number; a ValueError where one of them is not here."""
    missing = [score for score in scores if score not in KINDS]
    if missing:
        raise ValueError(f"the GPU's kernel has no score {missing[0]!r}, only {', '.join(KINDS)}")
    return sum(KINDS[score] * DIGIT**i for i, score in enumerate(scores))


class Tails(NamedTuple):
    """The softmax of the pixels of a tile, as `built_in_scores.Softmax` has it."""

    top: tl.tensor
    sure: tl.tensor
    log_sum: tl.tensor
    odds: tl.tensor
    slope: tl.tensor
    runner_up: tl.tensor


@triton.jit
def odds_bin(odds):
    """Return the fine bin of msp, by the tail odds."""
    return octaves(odds, _ODDS_LOW, _ODDS_LAST)


@triton.jit
def entropy_bin(entropy):
    """Return the fine bin of the entropy."""
    return octaves(entropy, _ENTROPY_LOW, _ENTROPY_LAST)


@triton.jit
def margin_bin(tail, margin):
    """Return the fine bin of a margin, by 1 - margin up to 1/2, then by the margin."""
    high = octaves(tail, _MARGIN_LOW, _MARGIN_HALF)
    low = -octaves(margin, _MARGIN_HIGH, _MARGIN_UNSURE) + _MARGIN_LAST
    return tl.where(tail < 0.5, high, low)


@triton.jit
def logit_bin(score):
    """Return the fine bin of a score that is a logit, by its own order."""
    rank = octaves(tl.abs(score), _LOGIT_LOW, _LOGIT_HALF)
    return tl.where(score < 0, rank, -rank) + _LOGIT_HALF


@triton.jit
def score_and_bin(t, kind: tl.constexpr):
    """Return one score of each pixel, and its fine bin."""
    if kind == _MSP:
        score = t.sure
        place = odds_bin(t.odds)
    elif kind == _NEG_ENTROPY:
        entropy = t.log_sum + t.slope * t.sure
        score = -entropy
        place = entropy_bin(entropy)
    elif kind == _MARGIN:
        score = (1.0 - t.runner_up) * t.sure
        place = margin_bin((t.odds + t.runner_up) * t.sure, score)
    elif kind == _MAX_LOGIT:
        score = t.top
        place = logit_bin(score)
    else:
        tl.static_assert(kind == _NEG_ENERGY)
        score = t.top + t.log_sum
        place = logit_bin(score)
    return score, place
