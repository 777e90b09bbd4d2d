"""Robustness: how much worse a domain is than the reference."""

from collections.abc import Mapping
from dataclasses import dataclass

from reliseg.metrics.base import DomainState, Metric, Quantity
from reliseg.metrics.families.calibration_error import BinnedCalibrationError
from reliseg.metrics.families.segmentation import Segmentation
from reliseg.results import Value

_QUANTITIES = {
    "drop_miou": Quantity("drop/miou", "mIoU of the reference minus mIoU of the domain", "lower", -1, 1),
    "drop_ece": Quantity("drop/ece", "ECE of the domain minus ECE of the reference", "lower", -1, 1),
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
        miou = [_value(Segmentation(), "miou", state) for state in (reference, domain)]
        ece = [_value(BinnedCalibrationError(), "ece", state) for state in (domain, reference)]
        return [_difference("drop_miou", *miou), _difference("drop_ece", *ece)]


def _value(metric: Metric, name: str, state: DomainState) -> Value:
    return next(v for v in metric.compute(state, None) if v.metric == name and not v.label)


def _difference(name: str, a: Value, b: Value) -> Value:
    definition = _QUANTITIES[name].definition
    if a.why or b.why:
        return Value.undefined(name, a.why or b.why, definition)
    return Value.between(name, (a.value - b.value, a.lo - b.hi, a.hi - b.lo), definition)
