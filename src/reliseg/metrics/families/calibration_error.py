"""Expected and maximum calibration error of the top label, over 15 equal-width bins."""

from collections.abc import Mapping
from dataclasses import dataclass

from reliseg.metrics.base import NO_PIXELS, DomainState, Metric, Quantity, undefined_values
from reliseg.metrics.binned import BinnedErrors, pixels_near_bin_edges
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
    """ECE and MCE (Naeini et al. 2015; Guo et al. 2017) of the maximum softmax probability, pooled over pixels.

    A pixel within 2^-22 of an edge may fall in the next bin: a confidence is computed in float32. `lo` and `hi` include
    this. `mce` can be decided by a bin of few pixels, and moves most.
    """

    def quantities(self) -> Mapping[str, Quantity]:
        """Return the numbers that it gives, by name."""
        return _QUANTITIES

    def compute(self, domain: DomainState, reference: DomainState | None) -> list[Value]:
        """Return the values; undefined without known pixels."""
        counts, right, sums = reliability(domain.pixels.top)
        n = counts.sum()
        if not n:
            return undefined_values(_QUANTITIES, NO_PIXELS, score="msp")
        errors = BinnedErrors.of(counts, right, real(sums), pixels_near_bin_edges(domain))
        numbers = {"ece": errors.expected(), "mce": errors.largest(), "mce_floor": errors.largest(_FLOOR)}
        return [Value.between(m, v, _QUANTITIES[m].definition, score="msp") for m, v in numbers.items()]
