"""Proper scoring rules: they reward accuracy and calibration together."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from reliseg.errors import count_text
from reliseg.metrics.base import NO_PIXELS, DomainState, Metric, Quantity, undefined_values
from reliseg.metrics.many import ratio
from reliseg.metrics.replicates import Replicates, replicates_of
from reliseg.metrics.units import Rows
from reliseg.results import Value
from reliseg.stats.fixed import real
from reliseg.types import Float64

_QUANTITIES = {
    "nll": Quantity(
        "nll/nats",
        "mean negative log-likelihood of the label, in nats; undefined where a label has probability 0",
        "lower",
        0,
        float("inf"),
        link="log",
    ),
    "brier": Quantity("brier/multiclass", "mean of sum_c (p_c - [label is c])^2", "lower", 0, 2, link="log"),
}


@dataclass(frozen=True)
class Likelihood(Metric):
    """Negative log-likelihood and Brier score (Brier 1950) over known pixels."""

    def quantities(self) -> Mapping[str, Quantity]:
        """Return the numbers that it gives, by name."""
        return _QUANTITIES

    def compute(self, domain: DomainState, reference: DomainState | None) -> list[Value]:
        """Return the values; NLL is undefined where it is infinite.

        So it is where no class of the model stands for a label that occurs, or where a label has probability 0.
        """
        per_class = domain.pixels.top.counts.sum(axis=(1, 2))
        n = per_class.sum()
        if not n:
            return undefined_values(_QUANTITIES, NO_PIXELS)
        impossible = [c for c in domain.unreachable if per_class[c]]
        losses, definition = domain.pixels.losses, _QUANTITIES["nll"].definition
        if impossible:
            name = domain.labels.classes[impossible[0]]
            nll = Value.undefined("nll", f"no class of the model stands for {name!r}, which occurs", definition)
        elif zeros := int(losses.impossible[0]):
            why = f"the label has probability 0 in {count_text(zeros, 'counted pixel')}, so it is infinite"
            nll = Value.undefined("nll", why, definition)
        else:
            nll = Value.exact("nll", float(real(losses.nll)) / n, definition)
        return [nll, Value.exact("brier", float(real(losses.brier)) / n, _QUANTITIES["brier"].definition)]

    def replicates(self, domain: DomainState, reference: DomainState | None) -> Iterator[Replicates]:
        """Yield its numbers without each unit."""
        if domain.units is not None:
            yield from replicates_of(_numbers, domain.units)


def _numbers(rows: Rows) -> dict[str, Float64[np.ndarray, " m"]]:
    """Return the numbers of sums."""
    return {"nll": ratio(rows.losses[:, 0], rows.known), "brier": ratio(rows.losses[:, 1], rows.known)}
