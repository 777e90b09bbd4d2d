"""Do statistics that were stored belong together: counts that are counts, and tables that count the same pixels?"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from reliseg.stats.bins import COARSE_BINS, COARSE_SHIFT, RIGHT, ROLES, WRONG
from reliseg.stats.built_in_scores import fine_bins
from reliseg.stats.fixed import carry, total
from reliseg.stats.pixels import Layout, PixelStatistics, limb_arrays
from reliseg.stats.samples import LIMB_COLUMNS, SampleTable
from reliseg.types import Int64

Shapes = Mapping[str, tuple[int, ...]]


@dataclass(frozen=True, eq=False)
class StoredCounts:
    """The filled entries of a score's histogram: their places in the table of roles and fine bins, ascending."""

    score: str
    places: Int64[np.ndarray, " k"]
    counts: Int64[np.ndarray, " k"]

    @property
    def bins(self) -> int:
        """The number of fine bins."""
        return fine_bins(self.score).size


@lru_cache(maxsize=64)
def shapes_of_pixels(layout: Layout) -> Shapes:
    """Return the shapes of all arrays of `PixelStatistics` of a layout, by name."""
    parts = {name: array.shape for name, array in PixelStatistics.zero_without_ranks(layout).items()}
    return parts | {f"ranks.{score}.counts": (ROLES, fine_bins(score).size) for score in layout.scores}


def shapes_of_samples(layout: Layout, rows: int) -> Shapes:
    """Return the shapes of all columns of a `SampleTable` of a layout, by name."""
    return {name: (rows, *shape) for name, shape in _shapes_of_rows(layout).items()}


@lru_cache(maxsize=64)
def _shapes_of_rows(layout: Layout) -> Shapes:
    return {name: column.shape[1:] for name, column in SampleTable.empty(layout).arrays().items()}


def contradictions(pixels: PixelStatistics, samples: SampleTable) -> Iterator[str]:
    """Yield what cannot be, in statistics without histograms of scores and the rows of their samples."""
    limbs = limb_arrays()
    signed = {"score_sums"}
    for name, array in (*pixels.items(), *samples.arrays().items()):
        is_limbs = name in limbs or name in LIMB_COLUMNS
        lowest = array[..., 1] if is_limbs else array
        if lowest.min(initial=0) < 0 or (is_limbs and lowest.max(initial=0) >= 1 << 32):
            yield f"{name} holds what is no count"
        if is_limbs and name not in signed and array[..., 0].min(initial=0) < 0:
            yield f"{name} holds a negative sum"
    yield from (f"{name} differ" for name, one, other in _pairs(pixels, samples) if not np.array_equal(one, other))
    yield from (f"more {name} than there are" for name, part, whole in _parts(pixels, samples) if (part > whole).any())


def _pairs(pixels: PixelStatistics, samples: SampleTable) -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
    """Yield what must be equal."""
    top, counts, confidence = pixels.top, pixels.top.counts, pixels.top.confidence
    yield "confusion matrices", top.confusion, samples.confusion.sum(axis=0)
    yield "bins by label", counts.sum(axis=1), samples.label_counts.sum(axis=0)
    yield "bins by prediction", counts.sum(axis=0), samples.guess_counts.sum(axis=0)
    yield "right pixels of bins", np.einsum("ccb->cb", counts[:, :-1]), samples.label_right.sum(axis=0)
    yield "confidences of bins by label", total(confidence, axis=1), total(samples.label_confidence, axis=0)
    yield "confidences of bins by prediction", total(confidence, axis=0), total(samples.guess_confidence, axis=0)
    yield "confidences of fine bins", total(confidence, axis=(0, 1, 2)), total(pixels.confidence.sums, axis=0)
    yield "predictions of pixels that are not known", pixels.uncounted.counts, samples.uncounted.sum(axis=0)
    of_uncounted = total(samples.uncounted_confidence, axis=0)
    yield "confidences of pixels that are not known", pixels.uncounted.confidence, of_uncounted
    yield "confident errors", pixels.confident.counts, samples.confident.sum(axis=0)
    yield "changed pixels", pixels.flips.counts, samples.flips.sum(axis=0)
    yield "losses", np.stack([pixels.losses.nll, pixels.losses.brier]), carry(samples.losses.sum(axis=0))
    yield from _pairs_of_images(samples)
    if pixels.classwise is not None:
        hits, probability = samples.class_hits.sum(axis=0), total(samples.class_probability, axis=0)
        yield "pixels by class", pixels.classwise.counts.sum(axis=1), np.full(len(counts), counts.sum())
        yield "labels by class", pixels.classwise.hits.sum(axis=1), counts.sum(axis=(1, 2))
        yield "hits by class", pixels.classwise.hits, hits
        yield "probabilities by class", pixels.classwise.probability, probability
        yield "uncounted probabilities", pixels.classwise.uncounted, total(samples.class_uncounted, axis=0)


def _pairs_of_images(samples: SampleTable) -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
    """Yield what must be equal in each row."""
    of_label, of_guess = samples.confusion.sum(axis=2), samples.confusion.sum(axis=1)
    yield "known pixels", samples.pixels[:, : RIGHT + 1].sum(axis=1), of_label.sum(axis=1)
    yield "pixels that are not known", samples.pixels[:, RIGHT + 1 :].sum(axis=1), samples.uncounted.sum(axis=1)
    yield "right pixels", samples.pixels[:, RIGHT], np.einsum("ncc->n", samples.confusion[:, :, :-1])
    yield "pixels of labels", of_label, samples.label_counts.sum(axis=2)
    yield "pixels of predictions", of_guess, samples.guess_counts.sum(axis=2)
    yield "bins of labels and predictions", samples.bin_counts, samples.guess_counts.sum(axis=1)
    yield "confidences", samples.bin_confidence, total(samples.guess_confidence, axis=1)
    if samples.class_hits.shape[1]:
        yield "labels of images by class", of_label, samples.class_hits.sum(axis=2)
    if samples.label_coarse.shape[1]:
        roles = np.stack([of_label - (right := samples.label_right.sum(axis=2)), right], axis=2)
        yield "pixels of labels by coarse bin", roles, samples.label_coarse.sum(axis=3)


def _parts(pixels: PixelStatistics, samples: SampleTable) -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
    """Yield what must not be more than something else."""
    known = pixels.top.counts.sum()
    wrong = pixels.top.counts.sum(axis=(1, 2)) - np.einsum("ccb->c", pixels.top.counts[:, :-1])
    of_images = samples.confusion.sum(axis=2) - np.einsum("ncc->nc", samples.confusion[:, :, :-1])
    yield "right pixels of bins", samples.label_right, samples.label_counts
    yield "confident errors of images", samples.confident[..., 0], of_images
    yield "very confident errors of images", samples.confident[..., 1], samples.confident[..., 0]
    yield "changed pixels of images", samples.flips[:, 0], samples.pixels[:, : RIGHT + 1].sum(axis=1)
    yield "confident errors", pixels.confident.counts[:, 0], wrong
    yield "very confident errors", pixels.confident.counts[:, 1], pixels.confident.counts[:, 0]
    yield "changed pixels", pixels.flips.counts, known
    yield "pixels of probability 0", pixels.losses.impossible, known
    if pixels.classwise is not None:
        yield "hits of bins", pixels.classwise.hits, pixels.classwise.counts
    if samples.set_labels.shape[1]:
        yield "labels that are not predicted", samples.set_labels.sum(axis=2), of_images
        yield "probabilities of labels", samples.set_labels, samples.set_others
        others = samples.confusion.sum(axis=2) * samples.confusion.shape[1]
        yield "probabilities beside the largest", samples.set_others.sum(axis=2), others


def contradictions_of_scores(
    pixels: PixelStatistics, samples: SampleTable, scores: Iterable[StoredCounts]
) -> Iterator[str]:
    """Yield what cannot be in the histograms of scores, which come in the order of the layout, one after the other."""
    roles = samples.pixels.sum(axis=0)
    for i, score in enumerate(scores):
        role, place = np.divmod(score.places, score.bins)
        if score.counts.min(initial=0) < 0:
            yield f"{score.score} holds what is no count"
        coarse = np.zeros((ROLES, COARSE_BINS), np.int64)
        np.add.at(coarse, (role, place >> COARSE_SHIFT), score.counts)
        if not np.array_equal(coarse, samples.coarse[:, i].sum(axis=0)):
            yield f"fine and coarse histograms of {score.score} differ"
        if not np.array_equal(coarse.sum(axis=1), roles):
            yield f"pixels of {score.score} differ"
        if not np.array_equal(samples.coarse[:, i].sum(axis=2), samples.pixels):
            yield f"pixels of images of {score.score} differ"
        if score.score == "msp":
            if samples.label_coarse.shape[1]:
                of_labels, of_all = samples.label_coarse.sum(axis=1), samples.coarse[:, i, : RIGHT + 1]
                if not np.array_equal(of_labels, of_all[:, :, : of_labels.shape[2]]):
                    yield "coarse histograms of labels and of all pixels differ"
            known = np.zeros(score.bins, bool)
            known[place[(role == WRONG) | (role == RIGHT)]] = True
            if pixels.confidence.sums[~known].any():
                yield "a fine bin without pixels has confidence"
