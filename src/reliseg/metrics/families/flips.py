"""The change that a calibration makes to the predicted classes."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from reliseg.metrics.base import NO_PIXELS, DomainState, Metric, Quantity
from reliseg.metrics.many import ratio
from reliseg.metrics.replicates import Replicates, replicates_of
from reliseg.results import Value

_DEFINITION = "flip-rate/known-pixels"


@dataclass(frozen=True)
class FlipRate(Metric):
    """The share of pixels whose predicted class a calibration changed; 0 if the calibration keeps the argmax."""

    def quantities(self) -> Mapping[str, Quantity]:
        """Return the numbers that it gives, by name."""
        text = "share of the known pixels whose predicted class the calibration changed"
        return {"flip_rate": Quantity(_DEFINITION, text, "neither", 0, 1)}

    def compute(self, domain: DomainState, reference: DomainState | None) -> list[Value]:
        """Return the value; undefined without known pixels."""
        n = domain.pixels.top.counts.sum()
        if not n:
            return [Value.undefined("flip_rate", NO_PIXELS, _DEFINITION)]
        return [Value.exact("flip_rate", domain.pixels.flips.counts[0] / n, _DEFINITION)]

    def replicates(self, domain: DomainState, reference: DomainState | None) -> Iterator[Replicates]:
        """Yield the value without each unit."""
        if domain.units is not None:
            yield from replicates_of(lambda rows: {"flip_rate": ratio(rows.flips, rows.known)}, domain.units)
