"""The definition of every statistic, in float64 and plain NumPy: slow, simple, and what kernels are tested against."""

from typing import TypeAlias

import numpy as np

from reliseg.stats.bins import (
    COARSE_BINS,
    COARSE_SHIFT,
    RELIABILITY_BINS,
    RIGHT,
    ROLES,
    SET_BINS,
    UNKNOWN,
    UNKNOWN_ROLE,
    VOID,
    VOID_ROLE,
    WRONG,
    reliability_bin,
    set_bin,
)
from reliseg.stats.built_in_scores import BUILT_IN_SCORES, Softmax, fine_bins
from reliseg.stats.fixed import VALUE_LIMIT, limbs, units
from reliseg.stats.pixels import (
    ClassWise,
    ConfidentErrors,
    FineConfidence,
    Flips,
    Layout,
    Losses,
    PixelStatistics,
    ScoreHistogram,
    TopLabel,
    Uncounted,
)
from reliseg.stats.probabilities import LEAST_PROBABILITY, LOG_ZERO
from reliseg.stats.rows import Rows
from reliseg.stats.samples import LABEL_BINS, SampleTable, TopSums, class_columns
from reliseg.stats.view import LogitView, source_positions
from reliseg.types import Block, Bool, Float64, Int64, Truth

Values: TypeAlias = Float64[np.ndarray, " p"]
Ids: TypeAlias = Int64[np.ndarray, " p"]
Lines: TypeAlias = Float64[np.ndarray, "m o w"]


def full_logits(view: LogitView, columns: int, rows: slice = slice(None)) -> Block:
    """Return the upsampled, projected and calibrated logits of the pixels of some rows, row-major.

    Columns that no model class goes to are -inf.
    """
    return calibrate(view, projected_logits(view, columns, rows), rows)


def projected_logits(view: LogitView, columns: int, rows: slice = slice(None)) -> Block:
    """Return the upsampled and projected logits, before any calibration."""
    size = view.size
    if isinstance(view.logits, Rows):
        z, rows = view.logits.rows(rows), slice(None)
        size = z.shape[1], z.shape[2]
    else:
        z = np.asarray(view.logits)
    y, wy = (a[rows] for a in source_positions(z.shape[1], size[0], view.align_corners))
    x, wx = source_positions(z.shape[2], size[1], view.align_corners)
    y1, x1 = np.minimum(y + 1, z.shape[1] - 1), np.minimum(x + 1, z.shape[2] - 1)
    upper, lower = z[:, y].astype(np.float64), z[:, y1].astype(np.float64)
    lines = upper + (lower - upper) * wy[:, None]
    projected = np.full((columns, len(y) * len(x)), -np.inf)
    for g in range(columns):
        chosen = view.groups == g
        if not chosen.any():
            continue
        members = _interpolate_across(lines[chosen], x, x1, wx)
        if len(members) == 1:
            projected[g] = members[0]
        else:
            top = members.max(axis=0)
            projected[g] = top + np.log(np.exp(members - top).sum(axis=0))
    return projected


def log_probabilities(
    probabilities: Float64[np.ndarray, "c h w"], size: tuple[int, int], align_corners: bool
) -> Float64[np.ndarray, "c H W"]:
    """Return the logits of a model that gives probabilities: log p of p interpolated bilinearly to the image's size.

    Probabilities are read as float32. What is less than the least positive float32 counts as that; 0 is `LOG_ZERO`.
    """
    p = probabilities.astype(np.float32).astype(np.float64)
    y, wy = source_positions(p.shape[1], size[0], align_corners)
    x, wx = source_positions(p.shape[2], size[1], align_corners)
    y1, x1 = np.minimum(y + 1, p.shape[1] - 1), np.minimum(x + 1, p.shape[2] - 1)
    lines = p[:, y] * (1 - wy)[:, None] + p[:, y1] * wy[:, None]
    full = lines[:, :, x] * (1 - wx) + lines[:, :, x1] * wx
    return np.where(full > 0, np.log(np.maximum(full, LEAST_PROBABILITY)), LOG_ZERO)


def _impossible(view: LogitView, truth: Ids) -> Bool[np.ndarray, " p"]:
    """Tell for each known pixel if its label has probability 0: all classes of the model that stand for it."""
    if not view.of_probabilities:
        return np.zeros(len(truth), bool)
    is_zero = np.asarray(view.logits).reshape(len(view.groups), -1) == np.float32(LOG_ZERO)
    members = view.groups[:, None] == truth
    return members.any(axis=0) & (is_zero | ~members).all(axis=0)


def _interpolate_across(lines: Lines, x: Ids, x1: Ids, weight: Values) -> Block:
    """Apply the horizontal half of bilinear interpolation."""
    left = lines.take(x, axis=2)  # many times as fast as an index
    return (left + (lines.take(x1, axis=2) - left) * weight).reshape(len(lines), -1)


def calibrate(view: LogitView, projected: Block, rows: slice = slice(None)) -> Block:
    """Apply the view's transform, temperatures and factors to the projected logits of some rows."""
    if view.transform is not None:
        projected = view.transform(projected)
    if view.pixel_factors is None and (view.inverse_temperatures == 1).all():
        return projected
    factors = view.inverse_temperatures[projected.argmax(axis=0)]
    if view.pixel_factors is not None:
        factors = factors * view.pixel_factors[rows].ravel()
    return projected * factors


def roles(truth: Int64[np.ndarray, " p"], top: Ids) -> Ids:
    """Return the role of each pixel: void, unknown, right or wrong."""
    known = np.where(truth == top, RIGHT, WRONG)
    return np.where(truth == VOID, VOID_ROLE, np.where(truth == UNKNOWN, UNKNOWN_ROLE, known))


def losses(z: Block, truth: Ids) -> tuple[Values, Values]:
    """Return the negative log-likelihood in nats (clipped at 2**15) and the Brier score of each pixel."""
    pixel = np.arange(z.shape[1])
    shifted = z - z.max(axis=0)
    log_sum = np.log(np.exp(shifted).sum(axis=0))
    nll = np.minimum(log_sum - shifted[truth, pixel], VALUE_LIMIT)
    error = np.exp(shifted - log_sum)
    error[truth, pixel] -= 1
    return nll, (error**2).sum(axis=0)


def _sums(shape: tuple[int, ...], index: tuple[Ids, ...], values: Values) -> Int64[np.ndarray, "..."]:
    sums = np.zeros(shape, np.int64)
    np.add.at(sums, index, units(values))
    return sums


def _counts(shape: tuple[int, ...], index: tuple[Ids, ...]) -> Int64[np.ndarray, "..."]:
    counts = np.zeros(shape, np.int64)
    np.add.at(counts, index, 1)
    return counts


def _class_wise(z: Block, ids: Ids, layout: Layout) -> ClassWise:
    p = np.exp(z - z.max(axis=0))
    every, known = (p / p.sum(axis=0))[: layout.classes], ids < layout.classes
    p, truth = every[:, known], ids[known]
    shape = (layout.classes, RELIABILITY_BINS)
    index = (np.arange(layout.classes).repeat(p.shape[1]), reliability_bin(p.ravel()))
    hits = p[truth, np.arange(p.shape[1])]
    return ClassWise(
        counts=_counts(shape, index),
        hits=_counts(shape, (truth, reliability_bin(hits))),
        probability=limbs(_sums(shape, index, p.ravel())),
        uncounted=limbs(units(every[:, ~known]).sum(axis=1)),
    )


def _by_label(label: Ids, guess: Ids, fine: Ids, layout: Layout) -> Int64[np.ndarray, "l 2 j"]:
    """Return the known pixels by label, wrong and right, and coarse bin of msp."""
    index = label, (label == guess).astype(np.int64), fine >> COARSE_SHIFT
    shape = (layout.classes, 2, LABEL_BINS)
    return _counts(shape, index) if layout.by_label else np.zeros((0, *shape[1:]), np.int64)


def _sets(z: Block, label: Ids, layout: Layout) -> tuple[Int64[np.ndarray, "l i"], Int64[np.ndarray, "l i"]]:
    """Return the known pixels by label and bin of probability: their label's where it is not the largest, all others'.

    The largest one is that of the prediction. `other` is no class of the data set, and is not counted.
    """
    shape = (layout.classes, SET_BINS)
    if not layout.sets:
        return np.zeros((0, SET_BINS), np.int64), np.zeros((0, SET_BINS), np.int64)
    p = np.exp(z - z.max(axis=0))
    p /= p.sum(axis=0)
    p[z.argmax(axis=0), np.arange(z.shape[1])] = 0
    bins = set_bin(p[: layout.classes])
    own = bins[label, np.arange(z.shape[1])]
    classes, pixels = np.nonzero(bins < SET_BINS)
    wrong = own < SET_BINS
    return _counts(shape, (label[wrong], own[wrong])), _counts(shape, (label[pixels], bins[classes, pixels]))


def observe(view: LogitView, truth: Truth, sample: str, layout: Layout) -> tuple[PixelStatistics, SampleTable]:
    """Return the statistics of one image, and its row.

    Truth ids are classes of the data set, 254 (unknown) or 255 (void).
    """
    before = projected_logits(view, layout.columns)
    z = calibrate(view, before)
    ids = truth.ravel().astype(np.int64)
    top = z.argmax(axis=0)
    role = roles(ids, top)
    known: Bool[np.ndarray, " p"] = role <= RIGHT
    softmax = Softmax.of(z)
    scores = {s: BUILT_IN_SCORES[s].confidence(softmax) for s in layout.scores}
    msp = scores["msp"][known]
    label, guess = ids[known], top[known]
    cells = (layout.classes + 1, layout.columns, RELIABILITY_BINS)  # the last label is none
    cell = np.where(known, ids, layout.classes), top, reliability_bin(scores["msp"])
    counts, confidence = _counts(cells, cell), _sums(cells, cell, scores["msp"])
    sums = TopSums.of(np.stack([counts, confidence], axis=-1))
    wrong = label[(label != guess) & (msp > 0.90)], label[(label != guess) & (msp > 0.99)]
    nll, brier = losses(z[:, known], label)
    fine = {s: BUILT_IN_SCORES[s].fine_bin(softmax) for s in layout.scores}
    pixels = PixelStatistics(
        top=TopLabel(counts[:-1], limbs(confidence[:-1])),
        uncounted=Uncounted(sums.uncounted[:, 0], limbs(sums.uncounted[:, 1])),
        confident=ConfidentErrors(np.stack([_counts((layout.classes,), (w,)) for w in wrong], axis=1)),
        losses=Losses(
            limbs(units(nll).sum()),
            limbs(units(brier).sum()),
            np.array([(_impossible(view, ids) & known).sum()], np.int64),
        ),
        flips=Flips(np.array([(before.argmax(axis=0) != top)[known].sum()], np.int64)),
        confidence=FineConfidence(limbs(_sums((fine_bins("msp").size,), (fine["msp"][known],), msp))),
        ranks={s: ScoreHistogram(_counts((ROLES, fine_bins(s).size), (role, fine[s]))) for s in layout.scores},
        classwise=_class_wise(z, ids, layout) if layout.classwise else None,
    )
    set_labels, set_others = _sets(z[:, known], label, layout)
    table = SampleTable(
        ids=(sample,),
        pixels=_counts((ROLES,), (role,))[None],
        **sums.columns(),
        confident=pixels.confident.counts[None],
        **class_columns(pixels.classwise),
        flips=pixels.flips.counts[None],
        losses=np.stack([pixels.losses.nll, pixels.losses.brier])[None],
        score_sums=np.stack([limbs(_sums((ROLES,), (role,), scores[s])) for s in layout.scores])[None],
        coarse=np.stack([_counts((ROLES, COARSE_BINS), (role, fine[s] >> COARSE_SHIFT)) for s in layout.scores])[None],
        label_coarse=_by_label(label, guess, fine["msp"][known], layout)[None],
        set_labels=set_labels[None],
        set_others=set_others[None],
    )
    return pixels, table
