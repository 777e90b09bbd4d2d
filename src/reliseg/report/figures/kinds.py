"""The kinds of charts, by name: what each needs of the material, its records, and how it is drawn."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from reliseg.report.charts.accuracy_against import accuracy_against
from reliseg.report.charts.before_after import before_after
from reliseg.report.charts.confusion import confusion
from reliseg.report.charts.histograms import histograms
from reliseg.report.charts.intervals import intervals
from reliseg.report.charts.over_severity import over_severity
from reliseg.report.charts.per_class import per_class
from reliseg.report.charts.records import (
    Record,
    against_records,
    change_records,
    class_records,
    confusion_records,
    histogram_records,
    interval_records,
    reliability_records,
    risk_records,
    severity_records,
)
from reliseg.report.charts.reliability import reliability
from reliseg.report.charts.risk_coverage import risk_coverage
from reliseg.report.charts.style import Look
from reliseg.report.charts.wording import better_direction, metric_title, score_title
from reliseg.report.figures.choice import Material
from reliseg.results import Results

By = Literal["model", "calibration"]


@dataclass(frozen=True)
class Subject:
    """What one chart is of: a metric (empty where it is of none), a score, and what its colours tell apart."""

    metric: str
    score: str
    by: By = "calibration"

    @property
    def title(self) -> str:
        """The title of the metric's axis."""
        return metric_title(self.metric, self.score)

    @property
    def better(self) -> str:
        """Which way the metric is better."""
        return better_direction(self.metric)


@dataclass(frozen=True)
class Kind:
    """A kind of chart.

    `metrics` are those that it is made of where a user names none; it has none where it shows what curves hold.
    `panels` of models or calibrations would be too many: without names it shows one of them (`one_model`,
    `one_calibration`). `coloured` charts tell models or calibrations apart by colour.
    """

    records: Callable[[Material, Subject], list[Record]]
    draw: Callable[[Sequence[Record], Look, Subject], Any]
    metrics: tuple[str, ...] = ()
    one_model: bool = True
    one_calibration: bool = False
    of_classes: bool = False
    coloured: bool = False
    scored: bool = False


def _clean_and_copies(material: Material) -> Results:
    """Return the rows of domains that are no corrupted copies, and then those of copies."""
    clean = (row for row in material.rows if (row.dataset, row.domain) not in material.corrupted)
    return Results((*clean, *material.copies))


KINDS: Mapping[str, Kind] = {
    "intervals": Kind(
        lambda m, s: interval_records(Results(m.rows), s.metric, score=s.score),
        lambda records, look, s: intervals(records, look, title=s.title, better=s.better),
        metrics=("miou", "ece", "prr", "ood_auroc"),
        one_model=False,
        one_calibration=True,
    ),
    "accuracy_against": Kind(
        lambda m, s: against_records(Results(m.rows), s.metric, score=s.score),
        lambda records, look, s: accuracy_against(records, look, title=s.title),
        metrics=("ece", "prr", "ood_auroc"),
        one_model=False,
        one_calibration=True,
    ),
    "before_after": Kind(
        lambda m, s: change_records(Results(m.rows), s.metric, score=s.score, better=s.better),
        lambda records, look, s: before_after(records, look, title=s.title),
        metrics=("ece", "nll"),
        one_model=False,
    ),
    "over_severity": Kind(
        lambda m, s: severity_records(_clean_and_copies(m), s.metric, m.corrupted, score=s.score),
        lambda records, look, s: over_severity(records, look, title=s.title, by=s.by),
        metrics=("miou", "ece", "prr", "ood_auroc"),
        coloured=True,
    ),
    "per_class": Kind(
        lambda m, s: class_records(Results(m.rows), s.metric, score=s.score),
        lambda records, look, s: per_class(records, look, title=s.title, better=s.better, by=s.by),
        metrics=("iou", "class_ece"),
        of_classes=True,
        coloured=True,
    ),
    "reliability": Kind(
        lambda m, s: reliability_records(m.states),
        lambda records, look, s: reliability(records, look, by=s.by),
        coloured=True,
    ),
    "risk_coverage": Kind(
        lambda m, s: risk_records(m.states, s.score),
        lambda records, look, s: risk_coverage(records, look, by=s.by),
        coloured=True,
        scored=True,
    ),
    "histograms": Kind(
        lambda m, s: histogram_records(m.states, s.score),
        lambda records, look, s: histograms(records, look, title=score_title(s.score)),
        one_calibration=True,
        scored=True,
    ),
    "confusion": Kind(
        lambda m, s: confusion_records(m.states),
        lambda records, look, s: confusion(records, look),
        one_calibration=True,
    ),
}
"""In the order in which they are written. Their names are those of `Results.plot`, too."""
