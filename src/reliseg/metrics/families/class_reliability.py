"""Top-label reliability per true class: a confidently missed pedestrian is what a safety engineer looks for."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from reliseg.metrics.base import DomainState, Metric, Quantity
from reliseg.metrics.binned import expected_errors
from reliseg.metrics.many import ratio
from reliseg.metrics.replicates import Replicates, few_units
from reliseg.metrics.units import Rows
from reliseg.results import Value
from reliseg.stats.bins import WRONG, reliability_bin
from reliseg.stats.filled.bins import near_confidences
from reliseg.stats.fixed import real, total
from reliseg.stats.ranking import Bracketed
from reliseg.types import Float64, Int64

_LIMITS = (0.90, 0.99)
Counts: TypeAlias = Int64[np.ndarray, "c b"]

_QUANTITIES = {
    "class_ece": Quantity(
        "ece/15/equal-width/(l,r]/by-true-class", "ECE over the pixels of one true class", "lower", 0, 1, link="log"
    ),
    "predicted_class_ece": Quantity(
        "ece/15/equal-width/(l,r]/by-predicted-class",
        "ECE over the pixels predicted as one class",
        "lower",
        0,
        1,
        link="log",
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
    """ECE by true and by predicted class, and the share of each class that is predicted wrong with high confidence.

    `lo` and `hi` include pixels within rounding of an edge, or of 0.90 and 0.99. Any class may hold those that the
    domain has there, so the brackets of rare classes are wide.
    """

    def quantities(self) -> Mapping[str, Quantity]:
        """Return the numbers that it gives, by name."""
        return _QUANTITIES

    def compute(self, domain: DomainState, reference: DomainState | None) -> list[Value]:
        """Return the values of each present class; undefined where the class does not occur (or is not predicted)."""
        top, classes = domain.pixels.top, len(domain.labels)
        near = domain.near_bin_edges
        # axes: class, bin
        right = np.einsum("ccb->cb", top.counts[:, :classes])
        by_truth = top.counts.sum(axis=1), real(total(top.confidence, axis=1))
        by_guess = top.counts.sum(axis=0)[:classes], real(total(top.confidence, axis=0))[:classes]
        values = []
        for name, (counts, sums) in (("class_ece", by_truth), ("predicted_class_ece", by_guess)):
            there = [c for c in domain.labels.present if counts[c].any()]
            errors = dict(zip(there, expected_errors(counts[there], right[there], sums[there], near), strict=True))
            values += [_value(domain, name, c, errors.get(c)) for c in domain.labels.present]
        return values + self._confident(domain, by_truth[0], by_truth[0] - right)

    def _confident(self, domain: DomainState, pixels: Counts, wrong: Counts) -> list[Value]:
        """Return the shares of confident errors: no more can be near the limit than fine bins and classes hold."""
        near = near_confidences(domain.filled("msp"), np.array(_LIMITS))[WRONG]
        values = []
        for i, name in enumerate(("confident_error90", "confident_error99")):
            found = domain.pixels.confident.counts[:, i]
            around = wrong[:, reliability_bin(np.array(_LIMITS))[i]]
            for c in domain.labels.present:
                n, k = int(pixels[c].sum()), int(found[c])
                lo, hi = k - min(near[i], k), k + min(near[i], around[c])
                values.append(_value(domain, name, c, (k / n, lo / n, min(hi / n, 1.0)) if n else None))
        return values

    def replicates(self, domain: DomainState, reference: DomainState | None) -> Iterator[Replicates]:
        """Yield the values without each unit."""
        units = domain.units
        if units is None:
            return
        centres, lefts = _numbers(units.total), _numbers(units.without_each)
        for name, left in lefts.items():
            of_guess = name == "predicted_class_ece"
            n = units.with_classes[2 if of_guess else 1].tolist()
            for c in domain.labels.present:
                label = domain.labels.classes[c]
                doubt = few_units(units, label, n[c], predicted=of_guess)
                yield Replicates(name, float(centres[name][0, c]), (left[:, c],), label=label, doubt=doubt)


def _numbers(rows: Rows) -> dict[str, Float64[np.ndarray, "m c"]]:
    """Return the numbers of each class, of sums."""
    pixels, right, confidence = rows.by_class["labels"].swapaxes(0, 1)
    guessed, of_guess = rows.by_class["guesses"].swapaxes(0, 1)
    confident90, confident99 = rows.by_class["confident"].swapaxes(0, 1)
    n = pixels.sum(axis=2)
    return {
        "class_ece": ratio(np.abs(right - confidence).sum(axis=2), n),
        "predicted_class_ece": ratio(np.abs(right - of_guess).sum(axis=2), guessed.sum(axis=2)),
        "confident_error90": ratio(confident90, n),
        "confident_error99": ratio(confident99, n),
    }


def _value(domain: DomainState, name: str, c: int, bracket: Bracketed | None) -> Value:
    definition, label = _QUANTITIES[name].definition, domain.labels.classes[c]
    if bracket is None:
        why = "the class is never predicted" if name.startswith("predicted") else "the class does not occur"
        return Value.undefined(name, why, definition, label=label)
    return Value.between(name, bracket, definition, label=label)
