"""A threshold chosen where it may be chosen: risk and coverage at a confidence taken from the calibration split."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from reliseg.metrics.base import NO_PIXELS, DomainState, Metric, Quantity
from reliseg.results import Value
from reliseg.stats.bins import RIGHT, WRONG
from reliseg.stats.ranking import Histogram
from reliseg.stats.threshold import Threshold

_RISK, _COVERAGE = "transfer_risk95", "transfer_coverage95"
_QUANTITIES = {
    _RISK: Quantity(
        "transfer/risk/95%-accuracy/pooled",
        "error rate among the accepted pixels: those at least as sure as the lowest confidence at which 95 % of the "
        "calibration split's pixels that are as sure or surer are right",
        "lower",
        0,
        1,
    ),
    _COVERAGE: Quantity(
        "transfer/coverage/95%-accuracy/pooled", "share of the pixels that this threshold accepts", "higher", 0, 1
    ),
}
_NO_SPLIT = Threshold(why="no calibration split with these classes")


@dataclass(frozen=True)
class Transfer(Metric):
    """Selective prediction (Geifman and El-Yaniv, NeurIPS 2017) with a threshold that saw no test pixel.

    For each score, the threshold is the lowest confidence `t` of a known pixel of the calibration split such that
    of its known pixels with confidence at least `t`, 95 % or more are right, under the same calibration: the largest
    coverage with a risk of at most 5 %. Test pixels with confidence at least `t` are accepted. `risk95` and the like
    take their threshold from the test domain itself, which nobody can do where there is no annotation; here a risk
    above 0.05 says that the promise of the calibration split does not hold on this domain. For `identity` there is a
    row for each calibration split, which `fitted_on` names.
    """

    reads_thresholds: ClassVar[bool] = True

    def quantities(self) -> Mapping[str, Quantity]:
        """The names it yields."""
        return _QUANTITIES

    def compute(self, domain: DomainState, reference: DomainState | None) -> list[Value]:
        """The values of each score; undefined without a threshold, the risk also where it accepts no pixel."""
        values = []
        for score in domain.scores:
            counts = domain.pixels.ranks[score].counts
            values += _values(domain.thresholds.get(score, _NO_SPLIT), counts[RIGHT], counts[WRONG], score)
        return values


def _values(threshold: Threshold, right: Histogram, wrong: Histogram, score: str) -> list[Value]:
    why = threshold.why or ("" if (right + wrong).any() else NO_PIXELS)
    if why:
        return [Value.undefined(m, why, q.definition, score=score) for m, q in _QUANTITIES.items()]
    risk, definition = threshold.risk(right, wrong), _QUANTITIES[_RISK].definition
    coverage = threshold.coverage(right, wrong)
    if math.isnan(risk[0]):
        first = Value.undefined(_RISK, "no pixel is as sure as the threshold", definition, score=score)
    else:
        first = Value.between(_RISK, risk, definition, score=score)
    return [first, Value.between(_COVERAGE, coverage, _QUANTITIES[_COVERAGE].definition, score=score)]
