"""Comparison of the fused kernel with the float64 reference, with bounds that follow from float32 arithmetic.

Counts must be equal but for pixels whose decision is closer than float32 can tell; these are counted one by
one (`undecided`), and random images have next to none.
"""

from dataclasses import dataclass, replace

import numpy as np

from reliseg.kernels import reference
from reliseg.kernels.cpu.kernel import Kernel
from reliseg.stats.bins import COARSE_SHIFT, SET_BINS, MarginBins, edges, set_bin
from reliseg.stats.built_in_scores import BUILT_IN_SCORES, Softmax, confidences, fine_bins
from reliseg.stats.fixed import real, total

EPS = 2.0**-24
"""Half a unit in the last place of a float32, relative."""


def run(view, truth, layout):
    one = Kernel(layout)
    row = one.observe(view, truth, "a")
    return one.statistics(), row


@dataclass
class Precision:
    """How far float32 may be from the reference, derived from the operations and not from what is seen.

    Interpolation along one axis rounds a difference (at most twice the largest logit), its weight and the
    sum: 2 + 2 + 1 EPS of the largest logit; twice, and the first error goes on into the second difference:
    15. A join of groups adds the rounding of a sum and a logarithm; a factor of the pixel's own that of a product,
    which the distance of two logits, twice the largest one, is multiplied by.
    """

    logit: float
    """Absolute error of a calibrated logit's distance from another one."""
    ratio: float
    """Relative error of r: of each exponential, and of their sum."""
    scale: float
    """What 1e-6 is taken of: float32 carries logits of 16 to 1e-6, larger ones to as much less."""

    @classmethod
    def of(cls, view):
        largest = float(np.abs(view.logits).max()) + np.log(len(view.logits))
        factor, products = float(view.inverse_temperatures.max()), 0
        if view.pixel_factors is not None:
            factor, products = factor * float(view.pixel_factors.max()), 1
        logit = 2 * ((15 + products) * largest + 4) * EPS * factor
        return cls(logit, np.expm1(logit) + (len(view.logits) + 8) * EPS, max(1.0, largest * factor / 16))


def undecided(z, precision, truth):
    """Known pixels whose argmax, and (pixel, class) pairs whose bin or level of confidence float32 cannot tell."""
    two = np.sort(z, axis=0)[-2:]
    ties = int((two[-1] - two[0] <= precision.logit)[truth < 254].sum()) if len(two) > 1 else 0
    known = z[:, truth < 254]
    p = np.exp(known - known.max(axis=0, initial=-np.inf))
    p /= p.sum(axis=0)
    near = np.zeros(p.shape, bool)
    for edge in (*edges()[1:-1], 0.90, 0.99):
        near |= np.abs(p - edge) <= p * (1 - p) * precision.logit + p * 4 * precision.ratio
    return ties, int(near.sum())


def coordinates(score, z, precision):
    """Fine bins of the pixels if all errors made them surer, and if all made them less sure."""
    softmax = Softmax.of(z)
    value, r = BUILT_IN_SCORES[score].confidence(softmax), softmax.odds
    bins, error, ratio = fine_bins(score), precision.logit, precision.ratio
    if score == "msp":
        return bins.index(r * (1 - 2 * ratio)), bins.index(r * (1 + 2 * ratio))
    if score == "neg_entropy":
        h = -value
        slack = 4 * ratio * h + error * r / (1 + r)
        return bins.index(np.maximum(h - slack, 0)), bins.index(h + slack)
    if isinstance(bins, MarginBins):
        margin, second = value, softmax.runner_up / (1 + r)
        tail = r / (1 + r) + second
        slack = 4 * ratio * margin + (error + 8 * EPS) * second
        surer = bins.index_of(tail * (1 - 4 * ratio), margin + slack)
        return surer, bins.index_of(tail * (1 + 4 * ratio), np.maximum(margin - slack, 0))
    slack = error + 8 * EPS * np.abs(value)
    return bins.index(value + slack), bins.index(value - slack)


def cumulated(index, weight, size):
    return np.cumsum(np.bincount(index, weight, size))


def assert_fine(got, surer, unsurer, weight, slack, name):
    """A histogram lies between those of the surest and the least sure coordinates, at every bin."""
    cumulative = np.cumsum(got)
    above = cumulative - cumulated(surer, weight, len(got))
    below = cumulated(unsurer, weight, len(got)) - cumulative
    assert max(above.max(), below.max()) <= slack, (name, above.max(), below.max(), slack)


def assert_close(got, want, slack, name):
    worst = np.abs(real(got) - real(want)) - slack
    assert (worst <= 0).all(), (name, worst.max(), np.max(slack))


def moved(a, b):
    return np.abs(a - b).sum() / 2


def assert_agrees(view, truth, layout, *, exact=False):
    """The kernel's results against the reference's. `exact`: ties are true ones, and decided alike."""
    layout = replace(layout, by_label=True, sets=True)
    got, row = run(view, truth, layout)
    want, want_row = reference.observe(view, truth, "a", layout)
    for a, b in ((got, want), (row, want_row)):
        shapes = {n: (x.shape, x.dtype) for n, x in a.arrays().items()}
        assert shapes == {n: (x.shape, x.dtype) for n, x in b.arrays().items()}
    z, ids = reference.full_logits(view, layout.columns), truth.ravel().astype(np.int64)
    precision = Precision.of(view)
    ties, near = (0, 0) if exact else undecided(z, precision, ids)
    assert_counts(got, want, ties, near)
    assert_sums(got, want, precision, ties, near)
    assert_row(got, row, want_row, precision, ties, layout)
    role = reference.roles(ids, z.argmax(axis=0))
    for score in layout.scores:
        surer, unsurer = coordinates(score, z, precision)
        for r in range(4):
            at = role == r
            counts = got.ranks[score].counts[r]
            assert_fine(counts, surer[at], unsurer[at], np.ones(at.sum()), ties, (score, r))
    assert_uncounted(got, want, z, ids, precision)
    assert_by_label(row, z, ids, precision, ties)
    assert_sets(row, z, ids, precision, ties, layout.classes)
    known = role < 2
    surer, unsurer = coordinates("msp", z, precision)
    p = confidences(z)["msp"][known]
    slack = 1e-6 * precision.scale * max(known.sum(), 1)
    assert_fine(real(got.confidence.sums), surer[known], unsurer[known], p, slack, "confidence")
    return got, row


def assert_uncounted(got, want, z, ids, precision):
    """Pixels that are not known, by prediction, and their probabilities."""
    z = z[:, ids >= 254]
    n, two = z.shape[1], np.sort(z, axis=0)[-2:]
    ties = int((two[-1] - two[0] <= precision.logit).sum()) if len(two) > 1 else 0
    unit = 1e-6 * precision.scale * n + ties
    assert moved(got.uncounted.counts, want.uncounted.counts) <= ties
    assert_close(got.uncounted.confidence, want.uncounted.confidence, unit, "uncounted confidence")
    assert_close(got.classwise.uncounted, want.classwise.uncounted, 1e-6 * precision.scale * n, "uncounted, by class")


def assert_by_label(row, z, ids, precision, ties):
    """Counts of each label by coarse bin of msp lie between those of the surest and the least sure coordinates."""
    guess = z.argmax(axis=0)
    bins = [b >> COARSE_SHIFT for b in coordinates("msp", z, precision)]
    for label, counts in enumerate(row.label_coarse[0]):
        for right in (0, 1):
            at = (ids == label) & ((guess == label) == right)
            surer, unsurer = (b[at] for b in bins)
            assert_fine(counts[right], surer, unsurer, np.ones(at.sum()), ties, ("by label", label, right))


def assert_sets(row, z, ids, precision, ties, classes):
    """So do those by the probability of classes that are not predicted; what is in no bin is counted as one more."""
    at = np.flatnonzero(ids < classes)
    z, ids = z[:, at], ids[at]
    p = np.exp(z - z.max(axis=0, initial=-np.inf))
    p /= p.sum(axis=0)
    pixel, guess = np.arange(len(ids)), z.argmax(axis=0)
    p[guess, pixel] = 0
    slack = 8 * precision.ratio + 4 * EPS
    surer, unsurer = (
        np.minimum(set_bin(np.minimum(p[:classes] * f, 0.5)), SET_BINS) for f in (1 + slack, max(1 - slack, 0))
    )
    for label in range(classes):
        own, wrong = ids == label, (ids == label) & (guess != label)
        of_all, of_labels = (
            np.append(c, n - c.sum())
            for c, n in ((row.set_others[0, label], own.sum() * classes), (row.set_labels[0, label], wrong.sum()))
        )
        weights = np.ones(own.sum() * classes), np.ones(wrong.sum())
        assert_fine(of_all, surer[:, own].ravel(), unsurer[:, own].ravel(), weights[0], 2 * ties, ("sets", label))
        assert_fine(of_labels, surer[label, wrong], unsurer[label, wrong], weights[1], 2 * ties, ("labels", label))


def assert_counts(got, want, ties, near):
    np.testing.assert_array_equal(got.top.counts.sum(axis=(1, 2)), want.top.counts.sum(axis=(1, 2)))
    assert moved(got.top.confusion, want.top.confusion) <= ties
    assert moved(got.top.counts, want.top.counts) <= ties + near
    # One pixel with another argmax may enter or leave at each of the two levels.
    assert np.abs(got.confident.counts - want.confident.counts).sum() <= 2 * ties + near
    np.testing.assert_array_equal(got.classwise.counts.sum(axis=1), want.classwise.counts.sum(axis=1))
    assert moved(got.classwise.counts, want.classwise.counts) <= near
    assert moved(got.classwise.hits, want.classwise.hits) <= near


def assert_sums(got, want, precision, ties, near):
    """1e-6 a pixel; a pixel in another cell carries at most 1 with it."""
    unit = 1e-6 * precision.scale
    pixels = want.top.counts.sum()
    cells = np.maximum(got.top.counts, want.top.counts)
    worst = precision.logit / 4 + 8 * EPS  # p (1 - p) <= 1/4: no single pixel's p is further off
    assert_close(got.top.confidence, want.top.confidence, worst * cells + ties + near, "confidence by cell")
    total = real(got.top.confidence).sum() - real(want.top.confidence).sum()
    assert abs(total) <= unit * pixels
    n = np.maximum(got.classwise.counts, want.classwise.counts)
    slack = np.minimum(worst, unit) * n + worst * np.sqrt(n) + near
    assert_close(got.classwise.probability, want.classwise.probability, slack, "class-wise")
    by_class = real(got.classwise.probability).sum(axis=1) - real(want.classwise.probability).sum(axis=1)
    assert np.abs(by_class).max(initial=0) <= unit * pixels
    assert_close(got.losses.nll, want.losses.nll, unit * pixels, "nll")
    assert_close(got.losses.brier, want.losses.brier, unit * pixels, "brier")


def assert_row(got, row, want, precision, ties, layout):
    """The row says what the statistics of its only image say; roles and score sums also what the reference does."""
    counts, right = got.top.counts, np.einsum("ccb->cb", got.top.counts[:, :-1])
    assert row.ids == ("a",)
    np.testing.assert_array_equal(row.confusion[0], got.top.confusion)
    np.testing.assert_array_equal(row.label_counts[0], counts.sum(axis=1))
    np.testing.assert_array_equal(row.label_right[0], right)
    np.testing.assert_array_equal(row.label_confidence[0], total(got.top.confidence, axis=1))
    np.testing.assert_array_equal(row.guess_counts[0], counts.sum(axis=0))
    np.testing.assert_array_equal(row.guess_confidence[0], total(got.top.confidence, axis=0))
    np.testing.assert_array_equal(row.uncounted[0], got.uncounted.counts)
    np.testing.assert_array_equal(row.uncounted_confidence[0], got.uncounted.confidence)
    np.testing.assert_array_equal(row.confident[0], got.confident.counts)
    if got.classwise is not None:
        np.testing.assert_array_equal(row.class_hits[0], got.classwise.hits)
        np.testing.assert_array_equal(row.class_probability[0], got.classwise.probability)
        np.testing.assert_array_equal(row.class_uncounted[0], got.classwise.uncounted)
    np.testing.assert_array_equal(row.losses[0], [got.losses.nll, got.losses.brier])
    assert abs(row.pixels - want.pixels).sum() <= 2 * ties
    np.testing.assert_array_equal(row.pixels[0, 2:], want.pixels[0, 2:])
    for i, score in enumerate(layout.scores):
        size = got.ranks[score].counts.shape[1]
        starts = np.arange(0, size, 1 << COARSE_SHIFT)
        coarse = np.add.reduceat(got.ranks[score].counts, starts, axis=1)
        np.testing.assert_array_equal(row.coarse[0, i, :, : len(starts)], coarse)
        assert not row.coarse[0, i, :, len(starts) :].any()
        np.testing.assert_array_equal(coarse.sum(axis=1), row.pixels[0])
        if score == "msp":
            by_label = row.label_coarse[0].sum(axis=0)
            np.testing.assert_array_equal(row.coarse[0, i, :2, : by_label.shape[1]], by_label)
        largest = np.abs(real(want.score_sums[0, i])).max(initial=1) if ties else 0
        slack = 1e-6 * precision.scale * want.pixels[0] + ties * largest
        assert_close(row.score_sums[0, i], want.score_sums[0, i], slack, score)


def assert_same_counts(view, truth, layout):
    got, _ = assert_agrees(view, truth, layout, exact=True)
    want, _ = reference.observe(view, truth, "a", layout)
    np.testing.assert_array_equal(got.top.counts, want.top.counts)
    np.testing.assert_array_equal(got.classwise.counts, want.classwise.counts)
    np.testing.assert_array_equal(got.classwise.hits, want.classwise.hits)


def without_classes(row):
    """The row of an image where class-wise statistics are not asked for."""
    return replace(row, **{name: getattr(row, name)[:, :0] for name in row.arrays() if name.startswith("class_")})
