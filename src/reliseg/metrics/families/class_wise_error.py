"""Calibration of every class probability, not only of the top label."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from reliseg.metrics.base import NO_PIXELS, DomainState, Metric, Quantity
from reliseg.metrics.many import ratio
from reliseg.metrics.replicates import Replicates, few_units
from reliseg.metrics.units import Rows
from reliseg.results import Value
from reliseg.stats.fixed import real
from reliseg.types import Float64

_DEFINITION = "classwise-ece/15/equal-width/(l,r]/present-classes"


@dataclass(frozen=True)
class ClassWiseError(Metric):
    """Static calibration error (Nixon et al. 2019): the ECE of p_c against 'the label is c', per class and mean.

    A probability within 2^-22 of an edge may fall in the next bin, which moves a class's value by up to 2/N.
    """

    reads_classwise: ClassVar[bool] = True

    def quantities(self) -> Mapping[str, Quantity]:
        """Return the numbers that it gives, by name."""
        text = "ECE of p_c against 'label is c' over all pixels; mean over present classes, and per class"
        return {"classwise_ece": Quantity(_DEFINITION, text, "lower", 0, 1, link="log")}

    def compute(self, domain: DomainState, reference: DomainState | None) -> list[Value]:
        """Return the values; undefined without known pixels. A ValueError without class-wise statistics."""
        state = domain.pixels.classwise
        if state is None:
            raise ValueError("class-wise statistics were not counted; ask for them: Layout(..., classwise=True)")
        n = domain.pixels.top.counts.sum()
        present = domain.labels.present
        if not n:
            labels = ["", *(domain.labels.classes[c] for c in present)]
            return [Value.undefined("classwise_ece", NO_PIXELS, _DEFINITION, label=label) for label in labels]
        errors = np.abs(state.hits - real(state.probability)).sum(axis=1) / n
        values = [Value.exact("classwise_ece", float(np.mean(errors[list(present)])), _DEFINITION)]
        for c in present:
            label = domain.labels.classes[c]
            values.append(Value.exact("classwise_ece", errors[c], _DEFINITION, label=label))
        return values

    def replicates(self, domain: DomainState, reference: DomainState | None) -> Iterator[Replicates]:
        """Yield the values without each unit."""
        units, present = domain.units, list(domain.labels.present)
        if units is None:
            return
        centres, lefts = (_errors(rows)[:, present] for rows in (units.total, units.without_each))
        yield Replicates("classwise_ece", float(centres.mean()), (lefts.mean(axis=1),))
        n = units.with_classes[1].tolist()
        for i, c in enumerate(present):
            label = domain.labels.classes[c]
            doubt = few_units(units, label, n[c])
            yield Replicates("classwise_ece", float(centres[0, i]), (lefts[:, i],), label=label, doubt=doubt)


def _errors(rows: Rows) -> Float64[np.ndarray, "m c"]:
    """Return the errors of each class, of sums."""
    hits, probability = rows.by_class["probabilities"].swapaxes(0, 1)
    return ratio(np.abs(hits - probability).sum(axis=2), rows.known[:, None])
