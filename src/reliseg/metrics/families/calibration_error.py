"""Expected and maximum calibration error of the top label, over 15 equal-width bins."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from reliseg.metrics.base import NO_PIXELS, DomainState, Metric, Quantity, undefined_values
from reliseg.results import Value
from reliseg.stats import reliability
from reliseg.stats.fixed import real

_FLOOR = 1e-3
_QUANTITIES = {
    "ece": Quantity("ece/15/equal-width/(l,r]", "sum over bins of n_b/N |accuracy - mean confidence|", "lower", 0, 1),
    "mce": Quantity(
        "mce/15/equal-width/(l,r]", "largest |accuracy - mean confidence| of a non-empty bin", "lower", 0, 1
    ),
    "mce_floor": Quantity(
        "mce/15/equal-width/(l,r]/bins-of-0.1%",
        "largest |accuracy - mean confidence| of a bin with at least 0.1 % of the pixels",
        "lower",
        0,
        1,
    ),
}


@dataclass(frozen=True)
class BinnedCalibrationError(Metric):
    """ECE and MCE (Naeini et al. 2015; Guo et al. 2017) of the maximum softmax probability, pooled over pixels."""

    def quantities(self) -> Mapping[str, Quantity]:
        """Return the numbers that it gives, by name."""
        return _QUANTITIES

    def compute(self, domain: DomainState, reference: DomainState | None) -> list[Value]:
        """Return the values; undefined without known pixels."""
        counts, right, sums = reliability(domain.pixels.top)
        n = counts.sum()
        if not n:
            return undefined_values(_QUANTITIES, NO_PIXELS, score="msp")
        gaps = np.abs(right - real(sums))
        means = np.divide(gaps, counts, out=np.zeros_like(gaps), where=counts > 0)
        numbers = {
            "ece": gaps.sum() / n,
            "mce": means.max(),
            "mce_floor": means[counts >= _FLOOR * n].max(),
        }
        return [Value.exact(m, v, _QUANTITIES[m].definition, score="msp") for m, v in numbers.items()]
