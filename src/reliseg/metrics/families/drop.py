"""Robustness: how much worse a domain is than the reference."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from reliseg.metrics.base import DomainState, Metric, Quantity
from reliseg.metrics.families.calibration_error import ece_replicates, ece_value
from reliseg.metrics.families.segmentation import miou_replicates, miou_value
from reliseg.metrics.replicates import Replicates
from reliseg.results import Value

_QUANTITIES = {
    "drop_miou": Quantity(
        "drop/miou", "mIoU of the reference minus mIoU of the domain", "lower", -1, 1, link="identity"
    ),
    "drop_ece": Quantity("drop/ece", "ECE of the domain minus ECE of the reference", "lower", -1, 1, link="identity"),
}


@dataclass(frozen=True)
class Drop(Metric):
    """The difference to the reference domain: a positive value is worse than the reference."""

    def quantities(self) -> Mapping[str, Quantity]:
        """Return the numbers that it gives, by name."""
        return _QUANTITIES

    def compute(self, domain: DomainState, reference: DomainState | None) -> list[Value]:
        """Return the values; none without a reference; undefined where either side is."""
        if reference is None:
            return []
        return [
            _difference("drop_miou", miou_value(reference), miou_value(domain)),
            _difference("drop_ece", ece_value(domain), ece_value(reference)),
        ]

    def replicates(self, domain: DomainState, reference: DomainState | None) -> Iterator[Replicates]:
        """Yield its numbers without each unit of the domain, then without each of the reference."""
        if reference is None:
            return
        for of, sign in ((miou_replicates, -1), (ece_replicates, 1)):
            here, there = of(domain), of(reference)
            if here and there:
                lefts = sign * (here.lefts[0] - there.centre), sign * (here.centre - there.lefts[0])
                doubt = here.doubt or there.doubt
                yield Replicates(f"drop_{here.metric}", sign * (here.centre - there.centre), lefts, doubt=doubt)


def _difference(name: str, a: Value, b: Value) -> Value:
    definition = _QUANTITIES[name].definition
    if a.why or b.why:
        return Value.undefined(name, a.why or b.why, definition)
    return Value.between(name, (a.value - b.value, a.lo - b.hi, a.hi - b.lo), definition)
