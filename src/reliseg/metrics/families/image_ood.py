"""Image-level OOD detection: can the mean confidence of an image tell another domain from the reference?"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from reliseg.metrics.base import DomainState, Metric, Quantity, undefined_values
from reliseg.metrics.detection import detection_quantities, detection_replicates, exact_detection_values
from reliseg.metrics.replicates import Replicates
from reliseg.metrics.units import Units
from reliseg.results import Value
from reliseg.stats.ranking import histograms_of_scores
from reliseg.types import Float64, Int64

_KNOWN = detection_quantities("ood", "ood/known-pixels", "image")
_ALL = detection_quantities("ood", "ood/all-pixels", "image")

_MOST_BINS = 512
"""Of images, for intervals: beyond, neighbours share a bin."""


@dataclass(frozen=True)
class ImageOod(Metric):
    """How well the mean score of an image tells in-domain images, those of the reference, from other ones.

    In-domain images are the positive class. The mean is taken over all pixels and, where both domains are annotated,
    also over known pixels: each number then has two rows, with two definitions. The values are exact.
    """

    needs_annotation: ClassVar[bool] = False
    reads_images_alone: ClassVar[bool] = True

    def quantities(self) -> Mapping[str, Quantity]:
        """Return the numbers that it gives, by name; each has a second definition, over all pixels."""
        return {
            name: replace(q, text=f"{q.text} (over all pixels: {_ALL[name].definition})") for name, q in _KNOWN.items()
        }

    def compute(self, domain: DomainState, reference: DomainState | None) -> list[Value]:
        """Return the values of each score; none without a reference; undefined where one side has no image.

        Undefined too where images would be on both sides.
        """
        if reference is None:
            return []
        values: list[Value] = []
        kinds = [(_KNOWN, 0), (_ALL, 1)] if domain.annotated and reference.annotated else [(_ALL, 1)]
        for names, kind in kinds:
            for s, score in enumerate(domain.scores):
                if domain.holds_reference:
                    values += undefined_values(names, "it holds images of the reference", score=score)
                    continue
                inside, outside = (_finite(d.images.scores[:, s, kind]) for d in (reference, domain))
                if len(inside) and len(outside):
                    values += exact_detection_values(names, *histograms_of_scores(inside, outside), score)
                else:
                    side = "reference" if not len(inside) else "domain"
                    values += undefined_values(names, f"no image of the {side} has a counted pixel", score=score)
        return values

    def replicates(self, domain: DomainState, reference: DomainState | None) -> Iterator[Replicates]:
        """Yield its numbers without each unit of the domain, then without each of the reference."""
        if reference is None or domain.units is None or reference.units is None or domain.holds_reference:
            return
        kinds = [(_KNOWN, 0), (_ALL, 1)] if domain.annotated and reference.annotated else [(_ALL, 1)]
        for names, kind in kinds:
            for s, score in enumerate(domain.scores):
                means = [d.images.scores[:, s, kind] for d in (reference, domain)]
                if all(len(_finite(m)) for m in means):
                    bins = _bins(np.concatenate([_finite(m) for m in means]))
                    inside = _histograms(means[0], reference.units, bins)
                    outside = _histograms(means[1], domain.units, bins)
                    of_all = [counts.sum(axis=0, keepdims=True, dtype=np.float64) for counts in (inside, outside)]
                    yield from detection_replicates(
                        names,
                        [of_all[0], of_all[0], of_all[0] - inside],
                        [of_all[1], of_all[1] - outside, of_all[1]],
                        score,
                    )


def _finite(scores: np.ndarray) -> np.ndarray:
    return scores[~np.isnan(scores)]


def _bins(values: Float64[np.ndarray, " n"]) -> Float64[np.ndarray, " b"]:
    """Return the distinct values, falling; or so many of them that bins between them hold about as many images each."""
    distinct = np.unique(values)
    if len(distinct) > _MOST_BINS:
        distinct = np.unique(np.quantile(values, np.linspace(0, 1, _MOST_BINS), method="lower"))
    return distinct[::-1]


def _histograms(
    values: Float64[np.ndarray, " n"], units: Units, bins: Float64[np.ndarray, " b"]
) -> Int64[np.ndarray, "u b"]:
    """Return how many images of each unit are in each bin, the most confident one first."""
    there = ~np.isnan(values)
    bin_ = len(bins) - np.searchsorted(bins[::-1], values[there], side="right")
    shape = len(units), len(bins)
    return np.bincount(units.of_image[there] * len(bins) + bin_, minlength=math.prod(shape)).reshape(shape)
