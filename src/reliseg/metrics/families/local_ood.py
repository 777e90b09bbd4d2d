"""Local OOD detection: can confidence tell pixels of unknown objects from those of known classes?"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np

from reliseg.metrics.base import DomainState, Metric, Quantity, undefined_values
from reliseg.metrics.detection import detection_quantities, detection_replicates, detection_values
from reliseg.metrics.replicates import Replicates, few_units
from reliseg.results import Value
from reliseg.stats.bins import RIGHT, UNKNOWN_ROLE, WRONG

_QUANTITIES = detection_quantities("local_ood", "local-ood/pooled", "pixel")


@dataclass(frozen=True)
class LocalOod(Metric):
    """How well each score tells unknown from known pixels of a domain, pooled over images as in SMIYC and Fishyscapes.

    In-domain pixels are the known ones, OOD pixels the unknown ones.
    """

    def quantities(self) -> Mapping[str, Quantity]:
        """Return the numbers that it gives, by name."""
        return _QUANTITIES

    def compute(self, domain: DomainState, reference: DomainState | None) -> list[Value]:
        """Return the values of each score; undefined without unknown or without known pixels."""
        values = []
        for score in domain.scores:
            pixels = domain.filled(score).pair([WRONG, RIGHT], [UNKNOWN_ROLE])
            if all(pixels.pixels):
                values += detection_values(_QUANTITIES, pixels, score)
            else:
                side = "unknown" if not pixels.pixels[1] else "known"
                values += undefined_values(_QUANTITIES, f"no {side} pixel", score=score)
        return values

    def replicates(self, domain: DomainState, reference: DomainState | None) -> Iterator[Replicates]:
        """Yield its numbers without each unit."""
        if domain.units is None:
            return
        for score in domain.scores:
            sums = [rows.ranks[score] for rows in (domain.units.total, domain.units.without_each)]
            known = [counts[:, :UNKNOWN_ROLE].sum(axis=1) for counts in sums]
            unknown = [np.ascontiguousarray(counts[:, UNKNOWN_ROLE]) for counts in sums]
            of_each = domain.units.rows.ranks[score][:, UNKNOWN_ROLE].sum(axis=1)
            doubt = few_units(domain.units, "what is unknown", int((of_each > 0).sum()))
            for number in detection_replicates(_QUANTITIES, known, unknown, score):
                yield replace(number, doubt=doubt)
