"""Image-level OOD detection: can the mean confidence of an image tell another domain from the reference?"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from reliseg.metrics.base import DomainState, Metric, Quantity, undefined_values
from reliseg.metrics.detection import detection_quantities, detection_values
from reliseg.results import Value
from reliseg.stats.ranking import histograms_of_scores

_KNOWN = detection_quantities("ood", "ood/known-pixels", "image")
_ALL = detection_quantities("ood", "ood/all-pixels", "image")


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
                    exact = detection_values(names, *histograms_of_scores(inside, outside), score)
                    values += [replace(v, lo=v.value, hi=v.value) for v in exact]
                else:
                    side = "reference" if not len(inside) else "domain"
                    values += undefined_values(names, f"no image of the {side} has a counted pixel", score=score)
        return values


def _finite(scores: np.ndarray) -> np.ndarray:
    return scores[~np.isnan(scores)]
