"""The numbers of the CVPR 2023 study, as its released scripts compute them: for comparing with its tables."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from reliseg.metrics.base import NO_PIXELS, DomainState, Metric, Quantity
from reliseg.metrics.cumulative import CumulativePath
from reliseg.metrics.families.calibration_error import BinnedCalibrationError
from reliseg.metrics.families.cumulative_error import CumulativeError
from reliseg.metrics.replicates import Replicates
from reliseg.results import Value
from reliseg.stats import ranking
from reliseg.stats.bins import RELIABILITY_BINS, RIGHT
from reliseg.stats.built_in_scores import msp_edges
from reliseg.stats.rounding import Ranking
from reliseg.types import Int64

_ALIKE = ("ece", "ada_ece", "ks")
"""Errors that the study's differ from by ties, or not at all."""
_SCORES = ("msp", "neg_entropy")
"""The confidences of the study: maximum probability and negative entropy."""
_QUANTITIES = {
    "relis_ece": Quantity("ece/15/equal-width/(l,r];compat=relis", "the study's ECE: equal to `ece`", "lower", 0, 1),
    "relis_ada_ece": Quantity(
        "ada-ece/15/interpolated-edges/(l,r];compat=relis",
        "the study's adaptive ECE: edges are interpolated between sorted confidences, and the least confident pixels, "
        "which lie on the first edge, are left out",
        "lower",
        0,
        1,
    ),
    "relis_ks": Quantity(
        "ks/float32-confidences;compat=relis", "the study's KS error, which is also read within ties", "lower", 0, 1
    ),
    "relis_prr": Quantity(
        "prr/void-is-wrong/oracle-area-e^2/200;compat=relis",
        "the study's PRR: void and unknown pixels count as errors, and a percentage is used as a fraction, so that the "
        "oracle's area vanishes: 100 (1-e) (2 AUROC - 1) / (1 - e/100)",
        "higher",
        -100,
        100,
    ),
}


@dataclass(frozen=True)
class CompatRelis(Metric):
    """Numbers as the scripts of de Jorge et al. (CVPR 2023, github.com/naver/relis) compute them; only if named.

    The scripts compute the softmax in float32, so confidences are tied if `1 + tail odds` rounds to the same float32.
    They leave the order within a tie open; `lo` and `hi` enclose the values of all orders. The scripts draw 20,000
    pixels of each image; here all pixels are used.
    """

    by_default: ClassVar[bool] = False
    without_interval: ClassVar[str] = "it counts void pixels too, of which single images keep no ranking"

    def quantities(self) -> Mapping[str, Quantity]:
        """Return the numbers that it gives, by name."""
        return _QUANTITIES

    def compute(self, domain: DomainState, reference: DomainState | None) -> list[Value]:
        """Return the values; undefined without pixels, and PRR where every pixel is right."""
        return [*_calibration(domain), *(_prr(domain, score) for score in domain.scores if score in _SCORES)]

    def replicates(self, domain: DomainState, reference: DomainState | None) -> Iterator[Replicates]:
        """Yield the calibration errors without each unit; those of PRR are not known.

        They move as the errors do that they differ from by ties, or not at all.
        """
        for metric in (BinnedCalibrationError(), CumulativeError()):
            for number in metric.replicates(domain, reference):
                if number.metric in _ALIKE:
                    yield replace(number, metric=f"relis_{number.metric}")


def _calibration(domain: DomainState) -> list[Value]:
    names = ("relis_ece", "relis_ada_ece", "relis_ks")
    if not domain.pixels.top.counts.sum():
        return [Value.undefined(m, NO_PIXELS, _QUANTITIES[m].definition, score="msp") for m in names]
    ece = next(v for v in BinnedCalibrationError().compute(domain, None) if v.metric == "ece")
    path = CumulativePath.with_ties(domain, float32_ties())
    brackets = {
        "relis_ece": (ece.value, ece.lo, ece.hi),
        "relis_ada_ece": path.movement(_edges(path.pixels)),
        "relis_ks": path.largest(),
    }
    return [Value.between(m, brackets[m], _QUANTITIES[m].definition, score="msp") for m in names]


def _edges(n: int) -> Int64[np.ndarray, " k"]:
    """Return how many pixels are at most as confident as each of the 16 edges, if there were no ties.

    Edge k stands at place k n / 15 of the sorted confidences, counted from 0, the last one on the last pixel.
    """
    inner = np.arange(RELIABILITY_BINS, dtype=np.int64) * n // RELIABILITY_BINS + 1
    return np.append(inner, n)


def float32_ties() -> Int64[np.ndarray, " k"]:
    """Return the first of each run of fine bins of msp in which 1 + odds rounds to the same float32."""
    edges = msp_edges()[:-1]
    odds = np.append((1 / edges[:-1] - 1 + 1 / edges[1:] - 1) / 2, np.inf)
    sums = (1 + odds).astype(np.float32)
    return np.flatnonzero(np.append(True, sums[1:] != sums[:-1]))


def _prr(domain: DomainState, score: str) -> Value:
    definition = _QUANTITIES["relis_prr"].definition
    counts = domain.pixels.ranks[score].counts
    right, others = counts[RIGHT], counts.sum(axis=0) - counts[RIGHT]
    n, wrong = int(counts.sum()), int(others.sum())
    if not wrong:
        return Value.undefined("relis_prr", "no wrong pixel" if n else NO_PIXELS, definition, score=score)
    if wrong == n:
        return Value.exact("relis_prr", 0.0, definition, score=score)
    e = wrong / n
    auroc = Ranking.of(right, others, float32_ties() if score == "msp" else None).bracket(ranking.auroc, rises=True)
    value, lo, hi = (100 * (1 - e) * (2 * a - 1) / (1 - e / 100) for a in auroc)
    return Value.between("relis_prr", (value, lo, hi), definition, score=score)
