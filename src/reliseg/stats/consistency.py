"""Do statistics that were stored belong together: counts that are counts, and tables that count the same pixels?"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Int64

from reliseg.stats.bins import COARSE_BINS, COARSE_SHIFT, RIGHT, ROLES, WRONG
from reliseg.stats.built_in_scores import fine_bins
from reliseg.stats.fixed import carry, total
from reliseg.stats.pixels import Layout, PixelStatistics, limb_arrays, reliability
from reliseg.stats.samples import LIMB_COLUMNS, SampleTable

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


def shapes_of_pixels(layout: Layout) -> Shapes:
    """Return the shapes of all arrays of `PixelStatistics` of a layout, by name."""
    parts = {name: array.shape for name, array in PixelStatistics.zero_without_ranks(layout).items()}
    return parts | {f"ranks.{score}.counts": (ROLES, fine_bins(score).size) for score in layout.scores}


def shapes_of_samples(layout: Layout, rows: int) -> Shapes:
    """Return the shapes of all columns of a `SampleTable` of a layout, by name."""
    return {name: (rows, *column.shape[1:]) for name, column in SampleTable.empty(layout).arrays().items()}


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
    counts, right, confidence = reliability(pixels.top)
    known = samples.pixels[:, : RIGHT + 1].sum(axis=1)
    yield "confusion matrices", pixels.top.confusion, samples.confusion.sum(axis=0)
    yield "bins", counts, samples.bin_counts.sum(axis=0)
    yield "right pixels of bins", right, samples.bin_right.sum(axis=0)
    yield "confidences of bins", confidence, carry(samples.bin_confidence.sum(axis=0))
    yield "confidences of fine bins", total(confidence, axis=0), total(pixels.confidence.sums, axis=0)
    yield "losses", np.stack([pixels.losses.nll, pixels.losses.brier]), carry(samples.losses.sum(axis=0))
    yield "known pixels", known, samples.confusion.sum(axis=(1, 2))
    yield "known pixels of bins", known, samples.bin_counts.sum(axis=1)
    yield "right pixels", samples.pixels[:, RIGHT], np.einsum("ncc->n", samples.confusion[:, :, :-1])
    if pixels.classwise is not None:
        yield "pixels by class", pixels.classwise.counts.sum(axis=1), np.full(len(pixels.top.counts), counts.sum())
        yield "labels by class", pixels.classwise.hits.sum(axis=1), pixels.top.counts.sum(axis=(1, 2))


def _parts(pixels: PixelStatistics, samples: SampleTable) -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
    """Yield what must not be more than something else."""
    known = pixels.top.counts.sum()
    wrong = pixels.top.counts.sum(axis=(1, 2)) - np.einsum("ccb->c", pixels.top.counts[:, :-1])
    yield "right pixels of bins", samples.bin_right, samples.bin_counts
    yield "confident errors", pixels.confident.counts[:, 0], wrong
    yield "very confident errors", pixels.confident.counts[:, 1], pixels.confident.counts[:, 0]
    yield "changed pixels", pixels.flips.counts, known
    yield "pixels of probability 0", pixels.losses.impossible, known
    if pixels.classwise is not None:
        yield "hits of bins", pixels.classwise.hits, pixels.classwise.counts


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
            known = np.zeros(score.bins, bool)
            known[place[(role == WRONG) | (role == RIGHT)]] = True
            if pixels.confidence.sums[~known].any():
                yield "a fine bin without pixels has confidence"
