"""Misclassification detection: does confidence tell the model's right pixels from its wrong ones?"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from reliseg.metrics import many
from reliseg.metrics.base import NO_PIXELS, DomainState, Metric, Quantity, undefined_values
from reliseg.metrics.replicates import Replicates, replicates_of
from reliseg.results import Value
from reliseg.stats import ranking
from reliseg.stats.bins import RIGHT, WRONG
from reliseg.stats.filled.bins import FilledPair
from reliseg.stats.ranking import Bracketed
from reliseg.types import Float64

if TYPE_CHECKING:
    from reliseg.stats.filled.ranked import Rankings, Risks

_RISKS = (80, 90, 95)
_QUANTITIES = {
    "auroc": Quantity(
        "auroc/pooled/right-positive",
        "probability that a right pixel is more confident than a wrong one; ties count half",
        "higher",
        0,
        1,
    ),
    "prr": Quantity(
        "prr/pooled/percent",
        "prediction rejection ratio, 100 (A_random - A) / (A_random - A_oracle) = 100 (2 AUROC - 1)",
        "higher",
        -100,
        100,
    ),
    "aupr_success": Quantity(
        "aupr/step/pooled/right-positive",
        "average precision: right pixels are positive, ordered by falling confidence",
        "higher",
        0,
        1,
    ),
    "aupr_error": Quantity(
        "aupr/step/pooled/wrong-positive",
        "average precision: wrong pixels are positive, ordered by rising confidence",
        "higher",
        0,
        1,
    ),
    "fpr95": Quantity(
        "fpr95/no-interpolation/pooled/right-positive",
        "share of the wrong pixels that are accepted when 95 % of the right ones are accepted",
        "lower",
        0,
        1,
    ),
    "aurc": Quantity("aurc/pooled", "area under the risk-coverage curve", "lower", 0, 1, link="log"),
    "e_aurc": Quantity(
        "e-aurc/pooled", "AURC minus that of the oracle with the same error rate", "lower", 0, 1, link="log"
    ),
    "augrc": Quantity(
        "augrc/pooled",
        "area under the generalised risk-coverage curve: e(1-e)(1-AUROC) + e^2/2",
        "lower",
        0,
        0.5,
        link="log",
    ),
} | {
    f"risk{p}": Quantity(
        f"risk/{p}%-coverage/pooled",
        f"error rate among the {p} % most confident pixels of the domain",
        "lower",
        0,
        1,
    )
    for p in _RISKS
}


@dataclass(frozen=True)
class Misclassification(Metric):
    """How well each score ranks right pixels above wrong ones, pooled over the domain.

    AUROC and AUPR as Hendrycks and Gimpel (ICLR 2017); PRR as Malinin; AURC and E-AURC as Geifman et al.
    (ICLR 2019); AUGRC as Traub et al. (NeurIPS 2024).
    """

    def quantities(self) -> Mapping[str, Quantity]:
        """Return the numbers that it gives, by name."""
        return _QUANTITIES

    def compute(self, domain: DomainState, reference: DomainState | None) -> list[Value]:
        """Return the values of each score; rankings are undefined where all pixels are right, or all are wrong."""
        values = []
        for score in domain.scores:
            values += _values(domain.filled(score).right_and_wrong, score)
        return values

    def replicates(self, domain: DomainState, reference: DomainState | None) -> Iterator[Replicates]:
        """Yield its numbers without each unit."""
        if domain.units is not None:
            for score in domain.scores:
                yield from replicates_of(lambda rows, s=score: _numbers(rows.ranks[s]), domain.units, score=score)  # type: ignore[misc]


def _values(pixels: FilledPair, score: str) -> list[Value]:
    from reliseg.stats.filled.ranked import rankings_and_risks  # numba is slow to import

    if not len(pixels.places):
        return undefined_values(_QUANTITIES, NO_PIXELS, score=score)
    ranked, risks = rankings_and_risks(pixels, _RISKS)
    right, wrong = pixels.pixels
    brackets = _risks(risks, ranking.least_area_under_risk(right, wrong))
    missing = {}
    if ranked is not None:
        brackets |= _rankings(ranked, wrong / (right + wrong))
    else:
        why = "no wrong pixel" if right else "no right pixel"
        missing = dict.fromkeys(("auroc", "prr", "aupr_success", "aupr_error", "fpr95", "augrc"), why)
    return [
        Value.undefined(m, missing[m], q.definition, score=score)
        if m in missing
        else Value.between(m, brackets[m], q.definition, score=score)
        for m, q in _QUANTITIES.items()
    ]


def _rankings(ranked: "Rankings", e: float) -> dict[str, Bracketed]:
    """Return the measures of right pixels before wrong ones; `e` is the error rate."""
    auroc, lo, hi = ranked.auroc

    def augrc(a: float) -> float:
        return e * (1 - e) * (1 - a) + e * e / 2

    return {
        "auroc": (auroc, lo, hi),
        "prr": (100 * (2 * auroc - 1), 100 * (2 * lo - 1), 100 * (2 * hi - 1)),
        "aupr_success": ranked.average_precision,
        "aupr_error": ranked.other_average_precision,
        "fpr95": ranked.fpr95,
        "augrc": (augrc(auroc), augrc(hi), augrc(lo)),
    }


def _risks(risks: "Risks", least: float) -> dict[str, Bracketed]:
    """Return the measures of risk; `least` is the area that an oracle has."""
    value, lo, hi = (max(0.0, float(area - least)) for area in risks.area)  # rounding may leave -1e-16
    areas: dict[str, Bracketed] = {"aurc": risks.area, "e_aurc": (value, lo, hi)}
    return areas | {f"risk{p}": bracket for p, bracket in zip(_RISKS, risks.at, strict=True)}


def _numbers(counts: Float64[np.ndarray, "m r b"]) -> dict[str, Float64[np.ndarray, " m"]]:
    """Return the numbers of many histograms."""
    # each in one piece: compiled code is faster over it, and is loaded for one layout alone
    right, wrong = np.ascontiguousarray(counts[:, RIGHT]), np.ascontiguousarray(counts[:, WRONG])
    ranked, aurc, e = many.rankings(right, wrong), many.area_under_risk(right, wrong), many.error_rates(right, wrong)
    risks = zip(_RISKS, many.risks_at(right, wrong, _RISKS), strict=True)
    return {
        "auroc": ranked.auroc,
        "prr": 100 * (2 * ranked.auroc - 1),
        "aupr_success": ranked.average_precision,
        "aupr_error": ranked.other_average_precision,
        "fpr95": ranked.fpr95,
        "aurc": aurc,
        "e_aurc": np.maximum(0, aurc - many.least_area_under_risk(e)),
        "augrc": e * (1 - e) * (1 - ranked.auroc) + e * e / 2,
    } | {f"risk{p}": risk for p, risk in risks}
