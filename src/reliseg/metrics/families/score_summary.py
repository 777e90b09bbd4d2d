"""The distribution of the scores of a domain's images: all that can be said without annotation."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from reliseg.metrics.base import DomainState, Metric, Quantity, undefined_values
from reliseg.metrics.replicates import Replicates, mean_replicates
from reliseg.results import Value

_PERCENTILES = (5, 50, 95)
_QUANTITIES = {
    "score_mean": Quantity(
        "score/all-pixels/mean-of-images",
        "mean confidence of each image, averaged over images",
        "neither",
        -math.inf,
        math.inf,
    )
} | {
    f"score_p{p}": Quantity(
        f"score/all-pixels/percentile-{p}-of-images",
        f"{p}th percentile, over images, of the mean confidence of an image (linear interpolation)",
        "neither",
        -math.inf,
        math.inf,
    )
    for p in _PERCENTILES
}


@dataclass(frozen=True)
class ScoreSummary(Metric):
    """Mean and percentiles over images of each image's mean score, over all its pixels."""

    needs_annotation: ClassVar[bool] = False
    without_interval: ClassVar[str] = (
        "a percentile of images jumps from one image to the next: leaving one out does not tell how it varies"
    )

    def quantities(self) -> Mapping[str, Quantity]:
        """Return the numbers that it gives, by name."""
        return _QUANTITIES

    def compute(self, domain: DomainState, reference: DomainState | None) -> list[Value]:
        """Return the values of each score; undefined without images."""
        values: list[Value] = []
        for s, score in enumerate(domain.scores):
            means = domain.images.scores[:, s, 1]
            if not len(means):
                values += undefined_values(_QUANTITIES, "no image", score=score)
                continue
            numbers = [math.fsum(means) / len(means), *np.percentile(means, _PERCENTILES)]
            for (name, q), number in zip(_QUANTITIES.items(), numbers, strict=True):
                values.append(Value.exact(name, number, q.definition, score=score))
        return values

    def replicates(self, domain: DomainState, reference: DomainState | None) -> Iterator[Replicates]:
        """Yield the means without each unit. Percentiles jump: without one image they do not tell how they vary."""
        if domain.units is not None:
            for s, score in enumerate(domain.scores):
                yield mean_replicates("score_mean", domain.images.scores[:, s, 1], domain.units, score=score)
