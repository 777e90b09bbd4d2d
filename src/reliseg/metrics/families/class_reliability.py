"""Top-label reliability per true class: a confidently missed pedestrian is what a safety engineer looks for."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from reliseg.metrics.base import DomainState, Metric, Quantity
from reliseg.results import Value
from reliseg.stats.fixed import real, total

_QUANTITIES = {
    "class_ece": Quantity(
        "ece/15/equal-width/(l,r]/by-true-class", "ECE over the pixels of one true class", "lower", 0, 1
    ),
    "predicted_class_ece": Quantity(
        "ece/15/equal-width/(l,r]/by-predicted-class",
        "ECE over the pixels predicted as one class",
        "lower",
        0,
        1,
    ),
    "confident_error90": Quantity(
        "confident-error/0.90/by-true-class",
        "share of a class's pixels that are wrong with msp above 0.90",
        "lower",
        0,
        1,
    ),
    "confident_error99": Quantity(
        "confident-error/0.99/by-true-class",
        "share of a class's pixels that are wrong with msp above 0.99",
        "lower",
        0,
        1,
    ),
}


@dataclass(frozen=True)
class ClassReliability(Metric):
    """ECE by true and by predicted class, and the share of each class that is predicted wrong with high confidence."""

    def quantities(self) -> Mapping[str, Quantity]:
        """Return the numbers that it gives, by name."""
        return _QUANTITIES

    def compute(self, domain: DomainState, reference: DomainState | None) -> list[Value]:
        """Return the values of each present class; undefined where the class does not occur (or is not predicted)."""
        top, classes = domain.pixels.top, len(domain.labels)
        # axes: class, bin
        right = np.einsum("ccb->cb", top.counts[:, :classes])
        by_truth = top.counts.sum(axis=1), real(total(top.confidence, axis=1))
        by_guess = top.counts.sum(axis=0)[:classes], real(total(top.confidence, axis=0))[:classes]
        values = []
        for name, (counts, sums) in (("class_ece", by_truth), ("predicted_class_ece", by_guess)):
            values += self._shares(domain, name, np.abs(right - sums).sum(axis=1), counts.sum(axis=1))
        for i, name in enumerate(("confident_error90", "confident_error99")):
            wrong = domain.pixels.confident.counts[:, i]
            values += self._shares(domain, name, wrong, by_truth[0].sum(axis=1))
        return values

    def _shares(self, domain: DomainState, name: str, part: np.ndarray, whole: np.ndarray) -> list[Value]:
        definition = _QUANTITIES[name].definition
        why = "the class is never predicted" if name.startswith("predicted") else "the class does not occur"
        values = []
        for c in domain.labels.present:
            label = domain.labels.classes[c]
            if whole[c]:
                values.append(Value.exact(name, part[c] / whole[c], definition, label=label))
            else:
                values.append(Value.undefined(name, why, definition, label=label))
        return values
