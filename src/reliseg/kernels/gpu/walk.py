"""The walk of the device kernel: one Triton program per tile of the image, all statistics of its pixels.

A tile's logits are never stored. They are interpolated where they are needed, once for the argmax, once for the sums
over classes and once for the class-wise tables: native logits lie in the cache, and a few multiplications are cheaper
than the registers that all classes of a pixel would take. Whatever is added up is an integer, and goes to memory by
atomic additions, whose order changes nothing.
"""

from typing import NamedTuple

import triton
import triton.language as tl

from reliseg.kernels.gpu.arithmetic import exp, log, reliability_bin, units
from reliseg.kernels.gpu.scores import DIGIT, Tails, odds_bin, score_and_bin
from reliseg.stats.bins import RELIABILITY_BINS, RIGHT, ROLES, UNKNOWN, UNKNOWN_ROLE, VOID, VOID_ROLE, WRONG
from reliseg.stats.fixed import VALUE_LIMIT

TILE_HEIGHT, TILE_WIDTH = 8, 32
"""Pixels of a tile: nearly square, so that most of them share class and confidence bin."""
OPTIONS = {"num_warps": 4, "num_stages": 1, "enable_fp_fusion": False}
"""How it is compiled: two pixels a lane, whose state fits the registers."""

_HEIGHT, _WIDTH = tl.constexpr(TILE_HEIGHT), tl.constexpr(TILE_WIDTH)
_BINS, _ROLES = tl.constexpr(RELIABILITY_BINS), tl.constexpr(ROLES)
_WRONG, _RIGHT = tl.constexpr(WRONG), tl.constexpr(RIGHT)
_UNKNOWN, _VOID = tl.constexpr(UNKNOWN), tl.constexpr(VOID)
_UNKNOWN_ROLE, _VOID_ROLE = tl.constexpr(UNKNOWN_ROLE), tl.constexpr(VOID_ROLE)
_DIGIT = tl.constexpr(DIGIT)
_LIMIT = tl.constexpr(VALUE_LIMIT)
_FIRST_EDGE = tl.constexpr(1 / RELIABILITY_BINS)
_FAR = tl.constexpr(2**31 - 1)
_LIMB, _LIMB_MASK = tl.constexpr(32), tl.constexpr(2**32 - 1)
_OUTSIDE = tl.constexpr(-1)
"""The label and the role of the lanes beyond the image's edge."""


class Taps(NamedTuple):
    """Where the pixels of a tile lie in the native logits: four neighbours, two weights."""

    logits: tl.tensor
    plane: tl.tensor
    upper_left: tl.tensor
    upper_right: tl.tensor
    lower_left: tl.tensor
    lower_right: tl.tensor
    row_weight: tl.tensor
    column_weight: tl.tensor


class Members(NamedTuple):
    """The model classes of each column, as `ClassGroups` has them, and the column of each row."""

    order: tl.tensor
    starts: tl.tensor
    columns: tl.tensor


@triton.jit
def _interpolate(taps, model_class):
    """The upsampled logits of one class of the model: down the columns first, as on the CPU."""
    here = taps.logits + model_class.to(tl.int64) * taps.plane
    left = tl.load(here + taps.upper_left)
    left = tl.fma(tl.load(here + taps.lower_left) - left, taps.row_weight, left)
    right = tl.load(here + taps.upper_right)
    right = tl.fma(tl.load(here + taps.lower_right) - right, taps.row_weight, right)
    return tl.fma(right - left, taps.column_weight, left)


@triton.jit
def _project(taps, members, row, joins: tl.constexpr):
    """The projected logits of one row: those of a class, or the logsumexp of a group with its own maximum."""
    start = tl.load(members.starts + row)
    top = _interpolate(taps, tl.load(members.order + start))
    if joins:
        total = tl.full(top.shape, 1.0, tl.float32)
        for m in range(start + 1, tl.load(members.starts + row + 1)):
            z = _interpolate(taps, tl.load(members.order + m))
            e = exp(-tl.abs(z - top))
            total = tl.where(z > top, total * e + 1.0, total + e)
            top = tl.where(z > top, z, top)
        top += log(total)
    return top


@triton.jit
def _add(table, place, amount, counted):
    """Add to a table. Pixels at the lowest and at the highest place of the tile are summed first.

    In most tiles that is all of them, so that no two programs queue for each pixel of a large object.
    """
    low = tl.min(tl.where(counted, place, _FAR), axis=0)
    high = tl.max(tl.where(counted, place, -1), axis=0)
    at_low = tl.sum(tl.where(counted & (place == low), amount, 0), axis=0)
    at_high = tl.sum(tl.where(counted & (place == high), amount, 0), axis=0)
    tl.atomic_add(table + low, at_low, mask=high >= 0, sem="relaxed")
    tl.atomic_add(table + high, at_high, mask=high > low, sem="relaxed")
    between = counted & (place > low) & (place < high)
    tl.atomic_add(table + place, amount, mask=between, sem="relaxed")


@triton.jit
def _add_sum(sums, place, amount):
    """Add to one exact sum: two limbs, carry on the CPU."""
    total = tl.sum(amount, axis=0)
    tl.atomic_add(sums + 2 * place, total >> _LIMB, sem="relaxed")
    tl.atomic_add(sums + 2 * place + 1, total & _LIMB_MASK, sem="relaxed")


@triton.jit(do_not_specialize=["height", "width", "native_width", "plane", "rows", "classes"])
def observe_tiles(
    logits,
    truth,
    upper,
    lower,
    row_weights,
    left,
    right,
    column_weights,
    order,
    starts,
    columns,
    inverse_temperatures,
    pixel_factors,
    edges,
    fine_starts,
    counts,
    confidence,
    confident,
    others,
    sums,
    fine,
    fine_confidence,
    height,
    width,
    native_width,
    plane,
    rows,
    classes,
    JOINS: tl.constexpr,
    VARIES: tl.constexpr,
    CLASSWISE: tl.constexpr,
    COUNT: tl.constexpr,
    SCORES: tl.constexpr,
):
    """Add one image to the tables of `kernel.Tables`. The definition of each is in `reference`."""
    across = tl.cdiv(width, _WIDTH)
    lane = tl.arange(0, _HEIGHT * _WIDTH)
    y = tl.program_id(0) // across * _HEIGHT + lane // _WIDTH
    x = tl.program_id(0) % across * _WIDTH + lane % _WIDTH
    inside = (y < height) & (x < width)
    y = tl.minimum(y, height - 1)
    x = tl.minimum(x, width - 1)
    label = tl.where(inside, tl.load(truth + y * width + x).to(tl.int32), _OUTSIDE)
    above_row, below_row = tl.load(upper + y) * native_width, tl.load(lower + y) * native_width
    first, second = tl.load(left + x), tl.load(right + x)
    taps = Taps(
        logits,
        plane,
        above_row + first,
        above_row + second,
        below_row + first,
        below_row + second,
        tl.load(row_weights + y),
        tl.load(column_weights + x),
    )
    members = Members(order, starts, columns)

    # The argmax: the lowest column of equal ones. The label's logit stays -inf where the model has no such class.
    top = tl.full(lane.shape, float("-inf"), tl.float32)
    own = tl.full(lane.shape, float("-inf"), tl.float32)
    guess = tl.zeros(lane.shape, tl.int32) + tl.load(columns)
    for row in range(rows):
        z = _project(taps, members, row, JOINS)
        column = tl.load(columns + row)
        guess = tl.where(z > top, column, guess)
        top = tl.where(z > top, z, top)
        own = tl.where(label == column, z, own)
    scale = tl.load(inverse_temperatures + guess)
    if VARIES:
        scale *= tl.load(pixel_factors + y * width + x)

    # Tail odds, which nothing is subtracted from, and what the scores need of them.
    odds = tl.zeros(lane.shape, tl.float32)
    square = tl.zeros(lane.shape, tl.float32)
    slope = tl.zeros(lane.shape, tl.float32)
    runner_up = tl.zeros(lane.shape, tl.float32)
    for row in range(rows):
        gap = (_project(taps, members, row, JOINS) - top) * scale
        e = tl.where(tl.load(columns + row) == guess, 0.0, exp(gap))
        odds += e
        square = tl.fma(e, e, square)
        slope = tl.fma(e, -gap, slope)
        runner_up = tl.where(e > runner_up, e, runner_up)
    one_and_odds = 1.0 + odds
    sure = tl.div_rn(tl.full(lane.shape, 1.0, tl.float32), one_and_odds)
    known = inside & (label < classes)
    hit = known & (label == guess)
    known_sure = tl.where(known, sure, 0.0)
    role = tl.where(hit, _RIGHT, tl.where(known, _WRONG, _OUTSIDE))
    role = tl.where(label == _UNKNOWN, _UNKNOWN_ROLE, tl.where(label == _VOID, _VOID_ROLE, role))

    # 1 + odds has lost low bits of the odds; to first order they add this much to the logarithm.
    log_sum = log(one_and_odds) + (odds - (one_and_odds - 1.0)) * sure
    own = (own - top) * scale
    loss = tl.where(log_sum - own < _LIMIT, log_sum - own, _LIMIT)
    tail = odds * sure
    # Either form is a sum of positive terms or of order one: nothing cancels.
    brier = square * sure * sure + tl.where(hit, tail * tail, sure * sure - 2.0 * exp(own) * sure + 1.0)
    _add_sum(sums, 0, units(tl.where(known, loss, 0.0)).to(tl.int64))
    _add_sum(sums, 1, units(tl.where(known, brier, 0.0)).to(tl.int64))

    sure_units = units(sure).to(tl.int64)
    cell = (label * (classes + 1) + guess) * _BINS + reliability_bin(sure, edges)
    _add(counts, cell, tl.full(lane.shape, 1, tl.int64), known)
    _add(confidence, cell, sure_units, known)
    _add(fine_confidence, odds_bin(odds), sure_units, known)
    wrong = known & (label != guess)
    one = tl.full(lane.shape, 1, tl.int64)
    tl.atomic_add(confident + 2 * label, one, mask=wrong & (sure > 0.90), sem="relaxed")
    tl.atomic_add(confident + 2 * label + 1, one, mask=wrong & (sure > 0.99), sem="relaxed")

    ones = tl.full(lane.shape, 1, tl.int32)
    tails = Tails(top * scale, sure, log_sum, odds, slope, runner_up)
    for i in tl.static_range(COUNT):
        score, bin_ = score_and_bin(tails, SCORES // _DIGIT**i % _DIGIT)
        amount = units(score).to(tl.int64)
        for r in tl.static_range(_ROLES):
            _add_sum(sums, 2 + i * _ROLES + r, tl.where(role == r, amount, 0))
        _add(fine, tl.load(fine_starts + i) + bin_ * _ROLES + role, ones, role >= 0)

    # Probabilities of all classes but the argmax, which `counts` and `confidence` hold. Most are in the first bin.
    if CLASSWISE:
        for row in range(rows):
            column = tl.load(columns + row)
            if column < classes:
                e = exp((_project(taps, members, row, JOINS) - top) * scale)
                p = tl.where(column == guess, 0.0, e) * known_sure
                high = p > _FIRST_EDGE
                p_units = units(p).to(tl.int32)
                low = tl.sum(tl.where(high, 0, p_units), axis=0)  # less than 2**31: 256 values of at most 2**24 / 15
                tl.atomic_add(others + column * _BINS * 3 + 2, low.to(tl.int64), sem="relaxed")
                if tl.max(high.to(tl.int32), axis=0) > 0:
                    place = others + (column * _BINS + reliability_bin(p, edges)) * 3
                    tl.atomic_add(place, one, mask=high, sem="relaxed")
                    tl.atomic_add(place + 1, one, mask=high & (label == column), sem="relaxed")
                    tl.atomic_add(place + 2, p_units.to(tl.int64), mask=high, sem="relaxed")
