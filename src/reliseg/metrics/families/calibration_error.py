"""Expected and maximum calibration error of the top label, over 15 equal-width bins."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from reliseg.metrics.base import NO_PIXELS, DomainState, Metric, Quantity, undefined_values
from reliseg.metrics.binned import BinnedErrors
from reliseg.metrics.many import ratio
from reliseg.metrics.replicates import Replicates, replicates_of
from reliseg.metrics.units import Rows
from reliseg.results import Value
from reliseg.stats import reliability
from reliseg.stats.fixed import real
from reliseg.types import Bool, Float64

_FLOOR = 1e-3
_QUANTITIES = {
    "ece": Quantity(
        "ece/15/equal-width/(l,r]", "sum over bins of n_b/N |accuracy - mean confidence|", "lower", 0, 1, link="log"
    ),
    "mce": Quantity(
        "mce/15/equal-width/(l,r]", "largest |accuracy - mean confidence| of a non-empty bin", "lower", 0, 1, link="log"
    ),
    "mce_floor": Quantity(
        "mce/15/equal-width/(l,r]/bins-of-0.1%",
        "largest |accuracy - mean confidence| of a bin with at least 0.1 % of the pixels",
        "lower",
        0,
        1,
        link="log",
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
        errors = _errors(domain)
        if errors is None:
            return undefined_values(_QUANTITIES, NO_PIXELS, score="msp")
        numbers = {"ece": errors.expected(), "mce": errors.largest(), "mce_floor": errors.largest(_FLOOR)}
        return [Value.between(m, v, _QUANTITIES[m].definition, score="msp") for m, v in numbers.items()]

    def replicates(self, domain: DomainState, reference: DomainState | None) -> Iterator[Replicates]:
        """Yield its numbers without each unit."""
        if domain.units is not None:
            yield from replicates_of(binned_numbers, domain.units, score="msp")


def ece_value(domain: DomainState) -> Value:
    """Return the ECE of a domain alone, as `BinnedCalibrationError` gives it."""
    errors, definition = _errors(domain), _QUANTITIES["ece"].definition
    if errors is None:
        return Value.undefined("ece", NO_PIXELS, definition, score="msp")
    return Value.between("ece", errors.expected(), definition, score="msp")


def ece_replicates(domain: DomainState) -> Replicates | None:
    """Return the ECE of a domain without each of its units; None where it has none."""
    if domain.units is None:
        return None
    centre, left = _ece(domain.units.total), _ece(domain.units.without_each)
    return Replicates("ece", float(centre[0]), (left,), score="msp")


def _errors(domain: DomainState) -> BinnedErrors | None:
    """Return the errors of the known pixels; None where there are none."""
    counts, right, sums = reliability(domain.pixels.top)
    return BinnedErrors.of(counts, right, real(sums), domain.near_bin_edges) if counts.any() else None


def _ece(rows: Rows) -> Float64[np.ndarray, " m"]:
    _, right, confidence = rows.bins.swapaxes(0, 1)
    return ratio(np.abs(right - confidence).sum(axis=1), rows.known)


def binned_numbers(rows: Rows) -> dict[str, Float64[np.ndarray, " m"]]:
    """Return the numbers of sums."""
    counts, right, confidence = rows.bins.swapaxes(0, 1)
    n = rows.known[:, None]
    gaps = np.nan_to_num(np.abs(ratio(right - confidence, counts)))
    return {
        "ece": _ece(rows),
        "mce": _largest(gaps, counts > 0),
        "mce_floor": _largest(gaps, counts >= np.maximum(_FLOOR * n, 1)),
    }


def _largest(gaps: Float64[np.ndarray, "m b"], counted: Bool[np.ndarray, "m b"]) -> Float64[np.ndarray, " m"]:
    """Return the largest gap of the bins that count; NaN where none does."""
    return np.where(counted.any(axis=1), np.where(counted, gaps, 0).max(axis=1), np.nan)
