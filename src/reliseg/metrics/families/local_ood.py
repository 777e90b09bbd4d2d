"""Local OOD detection: can confidence tell pixels of unknown objects from those of known classes?"""

from collections.abc import Mapping
from dataclasses import dataclass

from reliseg.metrics.base import DomainState, Metric, Quantity, undefined_values
from reliseg.metrics.detection import detection_quantities, detection_values
from reliseg.results import Value
from reliseg.stats.bins import UNKNOWN_ROLE

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
            ranks = domain.pixels.ranks[score]
            unknown = ranks.counts[UNKNOWN_ROLE]
            if unknown.sum() and ranks.known.sum():
                values += detection_values(_QUANTITIES, ranks.known, unknown, score)
            else:
                side = "unknown" if not unknown.sum() else "known"
                values += undefined_values(_QUANTITIES, f"no {side} pixel", score=score)
        return values
