"""A threshold chosen where it may be chosen: risk and coverage at a confidence taken from the calibration split."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from reliseg.metrics.base import NO_PIXELS, DomainState, Metric, Quantity, undefined_values
from reliseg.metrics.many import ratio
from reliseg.metrics.replicates import Replicates
from reliseg.metrics.units import share_up_to
from reliseg.results import Value
from reliseg.stats.bins import RIGHT, WRONG
from reliseg.stats.filled.bins import FilledPair
from reliseg.stats.threshold import Threshold
from reliseg.types import Float64

_RISK, _COVERAGE = "transfer_risk95", "transfer_coverage95"
_QUANTITIES = {
    _RISK: Quantity(
        "transfer/risk/95%-accuracy/pooled",
        "error rate among the accepted pixels: those with a confidence at or above the lowest threshold that makes at "
        "least 95 % of the accepted pixels of the calibration split right",
        "lower",
        0,
        1,
    ),
    _COVERAGE: Quantity(
        "transfer/coverage/95%-accuracy/pooled", "share of the pixels that are accepted", "higher", 0, 1
    ),
}
_NO_SPLIT = Threshold(why="no calibration split with these classes")


@dataclass(frozen=True)
class Transfer(Metric):
    """Selective prediction (Geifman and El-Yaniv, NeurIPS 2017) with a threshold that saw no test pixel.

    The threshold of each score is chosen on the calibration split, under the same calibration: the lowest confidence
    of a known pixel such that at least 95 % of the known pixels with this or a higher confidence are right. This gives
    the largest coverage with a risk of at most 5 %. Test pixels with a confidence at or above the threshold are
    accepted. A risk above 0.05 says that the threshold does not keep its promise on this domain. `risk80`, `risk90`
    and `risk95`, in contrast, choose their thresholds on the test domain itself, which is impossible where there is no
    annotation. `identity` has a row for each calibration split; `fitted_on` names the split.
    """

    reads_thresholds: ClassVar[bool] = True

    def quantities(self) -> Mapping[str, Quantity]:
        """Return the numbers that it gives, by name."""
        return _QUANTITIES

    def compute(self, domain: DomainState, reference: DomainState | None) -> list[Value]:
        """Return the values of each score; undefined without a threshold, the risk also where it accepts no pixel."""
        values = []
        for score in domain.scores:
            threshold = domain.thresholds.get(score, _NO_SPLIT)
            if threshold.why:
                values += undefined_values(_QUANTITIES, threshold.why, score=score)
            else:
                values += _values(threshold, domain.filled(score).right_and_wrong, score)
        return values

    def replicates(self, domain: DomainState, reference: DomainState | None) -> Iterator[Replicates]:
        """Yield its numbers without each unit of the domain; the threshold is taken as it is."""
        units = domain.units
        if units is None:
            return
        for score in domain.scores:
            last = domain.thresholds.get(score, _NO_SPLIT).last
            if last is not None:
                kept = share_up_to(units.coarse_bins[score], domain.filled(score), last)[[WRONG, RIGHT]]
                numbers = [_accepted(rows.ranks[score], kept) for rows in (units.total, units.without_each)]
                for name, centre, left in zip(_QUANTITIES, *numbers, strict=True):
                    yield Replicates(name, float(centre[0]), (left,), score=score)


def _accepted(
    counts: Float64[np.ndarray, "m r k"], kept: Float64[np.ndarray, "2 k"]
) -> tuple[Float64[np.ndarray, " m"], Float64[np.ndarray, " m"]]:
    """Return risk and coverage, in the order of the quantities."""
    wrong, right = ((counts[:, role] * kept[role]).sum(axis=1) for role in (WRONG, RIGHT))
    return ratio(wrong, wrong + right), ratio(wrong + right, counts[:, [WRONG, RIGHT]].sum(axis=(1, 2)))


def _values(threshold: Threshold, pixels: FilledPair, score: str) -> list[Value]:
    if not len(pixels.places):
        return undefined_values(_QUANTITIES, NO_PIXELS, score=score)
    risk, definition = threshold.risk(pixels), _QUANTITIES[_RISK].definition
    coverage = threshold.coverage(pixels)
    if math.isnan(risk[0]):
        first = Value.undefined(_RISK, "no pixel is as sure as the threshold", definition, score=score)
    else:
        first = Value.between(_RISK, risk, definition, score=score)
    return [first, Value.between(_COVERAGE, coverage, _QUANTITIES[_COVERAGE].definition, score=score)]
