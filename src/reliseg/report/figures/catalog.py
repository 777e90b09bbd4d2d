"""The figures that runs allow: a kind of chart, what it shows, and under which name."""

import hashlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from reliseg.errors import ConfigError, suggestion
from reliseg.report.charts.records import NO_CALIBRATION, Record
from reliseg.report.charts.style import MOST_COLOURS, Look
from reliseg.report.figures.choice import USUAL_SCORE, Choice, Labels, Material, score_of
from reliseg.report.figures.kinds import KINDS, By, Kind, Subject
from reliseg.report.selection import pick_rows

MOST_MODELS = 4
"""Charts of single models, or with a line for each, are made of so many where a user names none."""
MOST_DOMAINS = 6
"""A chart has panels for so many domains where a user names none."""
_STEM_LIMIT = 80


@dataclass(frozen=True)
class Figure:
    """One chart: its records can be drawn in any size.

    `stem` is its name as a file, `model` that of its one model, if it is of one. It is `flexible` where a user has not
    named its domains: some may be left out.
    """

    stem: str
    kind: Kind
    subject: Subject
    records: tuple[Record, ...]
    model: str
    flexible: bool

    @property
    def domains(self) -> list[str]:
        """The domains, in their order."""
        return list(dict.fromkeys(r["domain"] for r in self.records))

    def draw(self, look: Look, domains: int | None = None) -> Any:
        """Return the chart, of the first domains alone if their number is given."""
        kept = set(self.domains[:domains])
        return self.kind.draw([r for r in self.records if r["domain"] in kept], look, self.subject)


@dataclass(frozen=True)
class Catalog:
    """Figures, and lines about what they leave out."""

    figures: tuple[Figure, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True)
class _Shelf:
    """What figures are made of and by; lines about what was left out are gathered in `notes`."""

    material: Material
    choice: Choice
    labels: Labels
    notes: dict[str, None] = field(default_factory=dict)


def catalog_of(material: Material, choice: Choice, only: Sequence[str] = ()) -> Catalog:
    """Return the figures of the named kinds, or of all, that the material allows; a ConfigError where there is none.

    Where metrics are named and kinds are not, they are those of the metrics.
    """
    for name in only:
        if name not in KINDS:
            raise ConfigError(f"figures: no chart is called {name!r}; {suggestion(name, KINDS)}")
    if choice.metrics:
        pick_rows(material.rows, [("metric", choice.metrics)], "figures")
    shelf = _Shelf(material, choice, Labels.of(material.domains, material.calibrations))
    figures = []
    usual = [name for name, kind in KINDS.items() if kind.metrics or not choice.metrics]
    for name in [k for k in KINDS if k in (only or usual)]:
        made = list(_of_kind(shelf, name, KINDS[name]))
        if not made and name in only:
            shelf.notes[f"{name}: {_why_none(shelf, KINDS[name])}"] = None
        figures += made
    if not figures:
        why = "; ".join(shelf.notes) or "the results hold nothing that a chart shows"
        raise ConfigError(f"figures: nothing to draw: {why}")
    return Catalog(tuple(figures), tuple(shelf.notes))


def one_figure(material: Material, choice: Choice, name: str) -> Figure:
    """Return the first figure of a kind."""
    return catalog_of(material, choice, [name]).figures[0]


def _of_kind(shelf: _Shelf, name: str, kind: Kind) -> Iterator[Figure]:
    choice = shelf.choice
    domains = _first(shelf, "domain", shelf.material.domains, choice.domains, MOST_DOMAINS)
    for metric in _metrics(shelf, kind):
        calibrations = _calibrations(shelf, kind, metric)
        for by, models in _groups(shelf, kind, calibrations):
            material = shelf.material.only(models=models, domains=domains, calibrations=calibrations)
            subject = Subject(metric, _score(shelf, kind, metric), by)
            records = tuple(shelf.labels.record(r) for r in kind.records(material, subject))
            if records:
                single = models[0] if kind.one_model and len(models) == 1 else ""
                stem, model = _stem(name, metric, single), shelf.labels.text(single)
                yield Figure(stem, kind, subject, records, model, not choice.domains)


def _metrics(shelf: _Shelf, kind: Kind) -> Sequence[str]:
    """Return the metrics of a kind's figures; one empty name for a kind that has none."""
    if not kind.metrics:
        return [""]
    if not shelf.choice.metrics:
        return kind.metrics
    of_classes = {row.metric for row in shelf.material.rows if row.class_}
    overall = {row.metric for row in shelf.material.rows if not row.class_}
    return [m for m in shelf.choice.metrics if m in (of_classes if kind.of_classes else overall)]


def _calibrations(shelf: _Shelf, kind: Kind, metric: str) -> Sequence[str]:
    names = shelf.material.calibrations
    if shelf.choice.calibrations:
        # what was before a calibration is shown beside it
        return names if kind is not KINDS["before_after"] else [*dict.fromkeys([NO_CALIBRATION, *names])]
    if kind.one_calibration or metric in ("iou", "miou"):
        return names[:1]
    return _first(shelf, "calibration", names, (), MOST_COLOURS) if kind.coloured else names


def _groups(shelf: _Shelf, kind: Kind, calibrations: Sequence[str]) -> Iterator[tuple[By, Sequence[str]]]:
    """Yield what colours tell apart in a figure, and the models in it."""
    models = shelf.material.models
    if kind is KINDS["before_after"]:
        yield "calibration", _first(shelf, "model", models, shelf.choice.models, MOST_MODELS)
    elif not kind.one_model:
        yield "calibration", models
    elif kind.coloured and len(calibrations) == 1 and 1 < len(models) <= MOST_COLOURS:
        yield "model", models
    else:
        for model in _first(shelf, "model", models, shelf.choice.models, MOST_MODELS):
            yield "calibration", [model]


def _score(shelf: _Shelf, kind: Kind, metric: str) -> str:
    if metric:
        return score_of((*shelf.material.rows, *shelf.material.copies), metric, shelf.choice.score)
    if not kind.scored:
        return ""
    found = dict.fromkeys(score for state in shelf.material.states for score in state["scores"])
    wanted = (shelf.choice.score, USUAL_SCORE)
    return next((s for s in wanted if s in found), next(iter(found), ""))


def _first(shelf: _Shelf, what: str, names: Sequence[str], given: Sequence[str], most: int) -> Sequence[str]:
    """Return the names, without the last ones where they are many and no user has named them, which is noted."""
    if given or len(names) <= most:
        return names
    whom = "charts of single models" if what == "model" else "charts"
    shelf.notes[f"{whom} show the first {most} of {len(names)} {what}s; name others by --{what}"] = None
    return names[:most]


def _why_none(shelf: _Shelf, kind: Kind) -> str:
    if not kind.metrics and not shelf.material.states:
        return "the run has no curves of what is chosen"
    if kind is KINDS["before_after"]:
        return "it needs a calibration beside none"
    if kind is KINDS["over_severity"] and not shelf.material.copies:
        return "the results have no corrupted domains"
    metrics = " or ".join(_metrics(shelf, kind))
    return f"no defined number of {metrics}" if metrics else "it is for another kind of metric"


def _stem(kind: str, metric: str, model: str) -> str:
    """Return the name of a file: a name that is no plain one, or is long, is told from others by a digest."""
    plain = re.sub(r"[^A-Za-z0-9_.+-]", "_", model)[:_STEM_LIMIT].strip("._-")
    if plain != model:
        plain = "-".join(filter(None, [plain, hashlib.sha256(model.encode("utf-8", "surrogatepass")).hexdigest()[:8]]))
    return "-".join(filter(None, [kind, metric, plain if model else ""]))
