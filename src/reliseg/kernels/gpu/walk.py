"""The walk of the GPU's kernel: one Triton program per tile of the image, all statistics of its pixels.

A tile's logits are never stored. They are interpolated where they are needed, once for the argmax, once for the sums
over classes and once for the class-wise tables: native logits lie in the cache, and a few multiplications are cheaper
than the registers that all classes of a pixel would take. Whatever is added up is an integer, and goes to memory by
atomic additions, whose order changes nothing.
"""

from typing import NamedTuple

import triton
import triton.language as tl

from reliseg.kernels.gpu.arithmetic import exp, log, reliability_bin, set_bin, units
from reliseg.kernels.gpu.scores import DIGIT, Tails, odds_bin, score_and_bin
from reliseg.stats.bins import (
    COARSE_SHIFT,
    RELIABILITY_BINS,
    RIGHT,
    ROLES,
    SET_BINS,
    SET_OCTAVES,
    UNKNOWN,
    UNKNOWN_ROLE,
    VOID,
    VOID_ROLE,
    WRONG,
)
from reliseg.stats.fixed import VALUE_LIMIT
from reliseg.stats.samples import LABEL_BINS

TILE_HEIGHT, TILE_WIDTH = 8, 32
"""Pixels of a tile: nearly square, so that most of them share class and confidence bin."""
OPTIONS = {"num_warps": 4, "num_stages": 1, "enable_fp_fusion": False, "maxnreg": 85}
"""Options of the compiler: two pixels a lane, whose state fits so many registers that six tiles run at once."""

_HEIGHT, _WIDTH = tl.constexpr(TILE_HEIGHT), tl.constexpr(TILE_WIDTH)
_BINS, _ROLES = tl.constexpr(RELIABILITY_BINS), tl.constexpr(ROLES)
_WRONG, _RIGHT = tl.constexpr(WRONG), tl.constexpr(RIGHT)
_UNKNOWN, _VOID = tl.constexpr(UNKNOWN), tl.constexpr(VOID)
_UNKNOWN_ROLE, _VOID_ROLE = tl.constexpr(UNKNOWN_ROLE), tl.constexpr(VOID_ROLE)
_DIGIT = tl.constexpr(DIGIT)
_LIMIT = tl.constexpr(VALUE_LIMIT)
_FIRST_EDGE = tl.constexpr(1 / RELIABILITY_BINS)
_FAR = tl.constexpr(2**31 - 1)
_COARSE_SHIFT, _LABEL_BINS = tl.constexpr(COARSE_SHIFT), tl.constexpr(LABEL_BINS)
_SET_BINS, _BELOW_SETS = tl.constexpr(SET_BINS), tl.constexpr(0.5 / (1 << SET_OCTAVES))
_LIMB, _LIMB_MASK = tl.constexpr(32), tl.constexpr(2**32 - 1)
_OUTSIDE = tl.constexpr(-1)
"""The label and the role of the lanes beyond the image's edge."""


class Source(NamedTuple):
    """The projected logits of the pixels of a tile.

    Where they lie in the native logits (four neighbours, two weights), and the model classes of each row with its
    column, as `ClassGroups` has them.
    """

    logits: tl.tensor
    plane: tl.tensor
    upper_left: tl.tensor
    upper_right: tl.tensor
    lower_left: tl.tensor
    lower_right: tl.tensor
    row_weight: tl.tensor
    column_weight: tl.tensor
    order: tl.tensor
    starts: tl.tensor
    columns: tl.tensor
    rows: tl.tensor


class Peak(NamedTuple):
    """The largest logit of each pixel, its column, and what calibration multiplies the pixel's logits by."""

    top: tl.tensor
    guess: tl.tensor
    scale: tl.tensor


class Pixels(NamedTuple):
    """The pixels of a tile. `classes` is the number of the data set's classes."""

    label: tl.tensor
    guess: tl.tensor
    known: tl.tensor
    role: tl.tensor
    classes: tl.tensor


class TopTables(NamedTuple):
    """The tables of the largest probability."""

    counts: tl.tensor
    confidence: tl.tensor
    confident: tl.tensor
    fine_confidence: tl.tensor


class ScoreTables(NamedTuple):
    """The tables of scores, and where each score's fine bins start."""

    sums: tl.tensor
    fine: tl.tensor
    starts: tl.tensor


class ClassTables(NamedTuple):
    """The tables of the probabilities of all classes but the argmax: of known pixels, and of the others."""

    others: tl.tensor
    uncounted: tl.tensor


@triton.jit
def _interpolate(source, model_class):
    """Return the upsampled logits of one class of the model: down the columns first, as on the CPU."""
    here = source.logits + model_class.to(tl.int64) * source.plane
    left = tl.load(here + source.upper_left)
    left = tl.fma(tl.load(here + source.lower_left) - left, source.row_weight, left)
    right = tl.load(here + source.upper_right)
    right = tl.fma(tl.load(here + source.lower_right) - right, source.row_weight, right)
    return tl.fma(right - left, source.column_weight, left)


@triton.jit
def _project(source, row, joins: tl.constexpr):
    """Return the logits of one row: those of a class, or the logsumexp of a group with its own maximum."""
    start = tl.load(source.starts + row)
    top = _interpolate(source, tl.load(source.order + start))
    if joins:
        total = tl.full(top.shape, 1.0, tl.float32)
        for m in range(start + 1, tl.load(source.starts + row + 1)):
            z = _interpolate(source, tl.load(source.order + m))
            e = exp(-tl.abs(z - top))
            total = tl.where(z > top, total * e + 1.0, total + e)
            top = tl.where(z > top, z, top)
        top += log(total)
    return top


@triton.jit
def _find_peak(source, label, joins: tl.constexpr):
    """Return the largest logit, its column (the lowest of equal ones), and the logit of the label.

    That stays -inf where the model has no such class.
    """
    top = tl.full(label.shape, float("-inf"), tl.float32)
    own = tl.full(label.shape, float("-inf"), tl.float32)
    guess = tl.zeros(label.shape, tl.int32) + tl.load(source.columns)
    for row in range(source.rows):
        z = _project(source, row, joins)
        column = tl.load(source.columns + row)
        guess = tl.where(z > top, column, guess)
        top = tl.where(z > top, z, top)
        own = tl.where(label == column, z, own)
    return top, guess, own


@triton.jit
def _sum_tail(source, peak, joins: tl.constexpr):
    """Return the tail odds, which nothing is subtracted from, the sum of their squares, the slope and the runner-up."""
    odds = tl.zeros(peak.top.shape, tl.float32)
    square = tl.zeros(peak.top.shape, tl.float32)
    slope = tl.zeros(peak.top.shape, tl.float32)
    runner_up = tl.zeros(peak.top.shape, tl.float32)
    for row in range(source.rows):
        gap = (_project(source, row, joins) - peak.top) * peak.scale
        e = tl.where(tl.load(source.columns + row) == peak.guess, 0.0, exp(gap))
        odds += e
        square = tl.fma(e, e, square)
        slope = tl.fma(e, -gap, slope)
        runner_up = tl.where(e > runner_up, e, runner_up)
    return odds, square, slope, runner_up


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
    """Add to one exact sum: two limbs, carried on the CPU."""
    total = tl.sum(amount, axis=0)
    tl.atomic_add(sums + 2 * place, total >> _LIMB, sem="relaxed")
    tl.atomic_add(sums + 2 * place + 1, total & _LIMB_MASK, sem="relaxed")


@triton.jit
def _add_losses(sums, tails, square, own, pixels):
    """Add the negative log-likelihood and the Brier score. `own` is the label's logit minus the largest."""
    hit = pixels.known & (pixels.label == pixels.guess)
    loss = tl.where(tails.log_sum - own < _LIMIT, tails.log_sum - own, _LIMIT)
    tail = tails.odds * tails.sure
    # Either form is a sum of positive terms or of order one: nothing cancels.
    wrong = tails.sure * tails.sure - 2.0 * exp(own) * tails.sure + 1.0
    brier = square * tails.sure * tails.sure + tl.where(hit, tail * tail, wrong)
    _add_sum(sums, 0, units(tl.where(pixels.known, loss, 0.0)).to(tl.int64))
    _add_sum(sums, 1, units(tl.where(pixels.known, brier, 0.0)).to(tl.int64))


@triton.jit
def _add_top(tables, tails, pixels, edges):
    """Add the largest probability: by label, column and bin, by fine bin, and of confident errors."""
    one = tl.full(pixels.label.shape, 1, tl.int64)
    sure_units = units(tails.sure).to(tl.int64)
    inside = pixels.role >= 0
    label = tl.minimum(pixels.label, pixels.classes)  # the last label is none
    cell = (label * (pixels.classes + 1) + pixels.guess) * _BINS + reliability_bin(tails.sure, edges)
    _add(tables.counts, cell, one, inside)
    _add(tables.confidence, cell, sure_units, inside)
    _add(tables.fine_confidence, odds_bin(tails.odds), sure_units, pixels.known)
    wrong = pixels.known & (pixels.label != pixels.guess)
    place = tables.confident + 2 * pixels.label
    tl.atomic_add(place, one, mask=wrong & (tails.sure > 0.90), sem="relaxed")
    tl.atomic_add(place + 1, one, mask=wrong & (tails.sure > 0.99), sem="relaxed")


@triton.jit
def _add_scores(tables, tails, role, count: tl.constexpr, scores: tl.constexpr):
    """Add every score: its sums by role, after the two losses, and its fine bins."""
    ones = tl.full(role.shape, 1, tl.int32)
    for i in tl.static_range(count):
        score, bin_ = score_and_bin(tails, scores // _DIGIT**i % _DIGIT)
        amount = units(score).to(tl.int64)
        for r in tl.static_range(_ROLES):
            _add_sum(tables.sums, 2 + i * _ROLES + r, tl.where(role == r, amount, 0))
        _add(tables.fine, tl.load(tables.starts + i) + bin_ * _ROLES + role, ones, role >= 0)


@triton.jit
def _add_labels(table, odds, pixels):
    """Add known pixels by label, wrong or right, and coarse bin of msp."""
    right = (pixels.label == pixels.guess).to(tl.int32)
    place = (pixels.label * 2 + right) * _LABEL_BINS + (odds_bin(odds) >> _COARSE_SHIFT)
    _add(table, place, tl.full(odds.shape, 1, tl.int64), pixels.known)


@triton.jit
def _add_sets(set_labels, set_others, source, peak, pixels, known_sure, joins: tl.constexpr):
    """Add probabilities of classes but the argmax by label and bin: those of the labels, and of all.

    `known_sure` is the largest probability, 0 where a pixel is not known.
    """
    one = tl.full(known_sure.shape, 1, tl.int64)
    for row in range(source.rows):
        column = tl.load(source.columns + row)
        if column < pixels.classes:
            e = exp((_project(source, row, joins) - peak.top) * peak.scale)
            p = tl.where(column == peak.guess, 0.0, e) * known_sure
            counted = p > _BELOW_SETS
            bin_ = set_bin(tl.where(counted, p, 0.5))
            counted &= bin_ < _SET_BINS
            place = pixels.label * _SET_BINS + bin_
            tl.atomic_add(set_others + place, one, mask=counted, sem="relaxed")
            tl.atomic_add(set_labels + place, one, mask=counted & (pixels.label == column), sem="relaxed")


@triton.jit
def _add_others(tables, source, peak, pixels, sure_and_edges, joins: tl.constexpr):
    """Add the probabilities of all classes but the argmax, which the tables of the largest one hold.

    Most are in the first bin. Pixels that are not known are summed apart. `sure_and_edges` are the largest
    probability, 0 outside the image, and the edges of the bins.
    """
    sure, edges = sure_and_edges
    one = tl.full(sure.shape, 1, tl.int64)
    for row in range(source.rows):
        column = tl.load(source.columns + row)
        if column < pixels.classes:
            e = exp((_project(source, row, joins) - peak.top) * peak.scale)
            p = tl.where(column == peak.guess, 0.0, e) * sure
            p_units = units(p).to(tl.int32)
            high = pixels.known & (p > _FIRST_EDGE)
            # two sums of 256 values of at most 2**24: the pixels that are not known in the upper half
            both = tl.sum(
                tl.where(high, 0, tl.where(pixels.known, p_units.to(tl.int64), p_units.to(tl.int64) << 32)), axis=0
            )
            tl.atomic_add(tables.others + column * _BINS * 3 + 2, both & _LIMB_MASK, sem="relaxed")
            tl.atomic_add(tables.uncounted + column, both >> _LIMB, sem="relaxed")
            if tl.max(high.to(tl.int32), axis=0) > 0:
                place = tables.others + (column * _BINS + reliability_bin(p, edges)) * 3
                tl.atomic_add(place, one, mask=high, sem="relaxed")
                tl.atomic_add(place + 1, one, mask=high & (pixels.label == column), sem="relaxed")
                tl.atomic_add(place + 2, p_units.to(tl.int64), mask=high, sem="relaxed")


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
    uncounted,
    label_coarse,
    set_labels,
    set_others,
    height,
    width,
    native_width,
    plane,
    rows,
    classes,
    JOINS: tl.constexpr,
    VARIES: tl.constexpr,
    CLASSWISE: tl.constexpr,
    BY_LABEL: tl.constexpr,
    SETS: tl.constexpr,
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
    source = Source(
        logits,
        plane,
        above_row + first,
        above_row + second,
        below_row + first,
        below_row + second,
        tl.load(row_weights + y),
        tl.load(column_weights + x),
        order,
        starts,
        columns,
        rows,
    )
    top, guess, own = _find_peak(source, label, JOINS)
    scale = tl.load(inverse_temperatures + guess)
    if VARIES:
        scale *= tl.load(pixel_factors + y * width + x)
    peak = Peak(top, guess, scale)
    odds, square, slope, runner_up = _sum_tail(source, peak, JOINS)

    one_and_odds = 1.0 + odds
    sure = tl.div_rn(tl.full(lane.shape, 1.0, tl.float32), one_and_odds)
    known = inside & (label < classes)
    role = tl.where(known & (label == guess), _RIGHT, tl.where(known, _WRONG, _OUTSIDE))
    role = tl.where(label == _UNKNOWN, _UNKNOWN_ROLE, tl.where(label == _VOID, _VOID_ROLE, role))
    # 1 + odds has lost low bits of the odds; to first order they add this much to the logarithm.
    log_sum = log(one_and_odds) + (odds - (one_and_odds - 1.0)) * sure

    pixels = Pixels(label, guess, known, role, classes)
    tails = Tails(top * scale, sure, log_sum, odds, slope, runner_up)
    _add_losses(sums, tails, square, (own - top) * scale, pixels)
    _add_top(TopTables(counts, confidence, confident, fine_confidence), tails, pixels, edges)
    _add_scores(ScoreTables(sums, fine, fine_starts), tails, role, COUNT, SCORES)
    if CLASSWISE:
        _add_others(ClassTables(others, uncounted), source, peak, pixels, (tl.where(inside, sure, 0.0), edges), JOINS)
    if BY_LABEL:
        _add_labels(label_coarse, odds, pixels)
    if SETS:
        _add_sets(set_labels, set_others, source, peak, pixels, tl.where(known, sure, 0.0), JOINS)
