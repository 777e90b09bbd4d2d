"""What figures show: models, domains, calibrations, a score; and how they are called in them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from reliseg.errors import ConfigError, suggestion
from reliseg.report.charts.records import NO_CALIBRATION
from reliseg.report.joined import JoinedRuns
from reliseg.report.selection import pick_rows, row_names
from reliseg.report.table import parts_of_means
from reliseg.results import Row
from reliseg.results.corruptions import CorruptedDomain
from reliseg.runtime.printable import printable

USUAL_SCORE = "msp"


@dataclass(frozen=True)
class Choice:
    """The names that a user has given, in their order; an empty list leaves it to the defaults."""

    models: Sequence[str] = ()
    domains: Sequence[str] = ()
    calibrations: Sequence[str] = ()
    metrics: Sequence[str] = ()
    score: str = ""


@dataclass(frozen=True, eq=False)
class Material:
    """What figures are made of: rows and curves of the chosen models and domains; the names, in their order.

    Calibrations that are not chosen are in it too: some charts show what was before one.
    """

    rows: tuple[Row, ...]
    states: tuple[Mapping[str, Any], ...]
    models: tuple[str, ...]
    domains: tuple[str, ...]
    calibrations: tuple[str, ...]
    copies: tuple[Row, ...] = ()
    """Rows of corrupted copies of the domains; where they are named themselves, they are among the other rows too."""
    corrupted: Mapping[tuple[str, str], CorruptedDomain] = field(default_factory=dict)
    """What the copies are of, by data set and domain."""

    def only(
        self,
        *,
        models: Sequence[str] | None = None,
        domains: Sequence[str] | None = None,
        calibrations: Sequence[str] | None = None,
    ) -> "Material":
        """Return that of these models, domains (as `DATA/DOMAIN`) and calibrations, in this order."""
        kept = (
            tuple(self.models if models is None else models),
            tuple(self.domains if domains is None else domains),
            tuple(self.calibrations if calibrations is None else calibrations),
        )
        order = [{name: i for i, name in enumerate(names)} for names in kept]

        def place(key: tuple[str, str, str]) -> tuple[int, ...]:
            return tuple(of.get(name, -1) for of, name in zip(order, key, strict=True))

        rows = [r for r in self.rows if min(place(_row_key(r))) >= 0]
        states = [s for s in self.states if min(place(_state_key(s))) >= 0]
        return Material(
            tuple(sorted(rows, key=lambda r: place(_row_key(r)))),
            tuple(sorted(states, key=lambda s: place(_state_key(s)))),
            *kept,
            tuple(
                r for r in self.copies if self._is_copy(r, kept[1]) and r.model in kept[0] and r.calibration in kept[2]
            ),
            self.corrupted,
        )

    def _is_copy(self, row: Row, domains: Sequence[str]) -> bool:
        """Tell if a row is of a corrupted copy of one of these domains, or of one of them that is a copy."""
        return not _domains_of_copy(row, self.corrupted).isdisjoint(domains)


def chosen_material(runs: JoinedRuns, choice: Choice) -> Material:
    """Return what is chosen; a ConfigError names what the runs have not, with the nearest names.

    Of a calibration with several seeds it is the mean, unless a seed is named.
    """
    wanted = [(n, names) for n, names in (("model", choice.models), ("domain", choice.domains)) if names]
    corrupted = runs.corrupted
    alone = tuple(row for row in runs.rows if (row.dataset, row.domain) not in corrupted)
    rows = pick_rows(runs.rows if choice.domains or not alone else alone, wanted, "figures")
    named = pick_rows(rows, [("calibration", choice.calibrations)] if choice.calibrations else [], "figures")
    if choice.score and choice.score not in {row.score for row in rows}:
        known = dict.fromkeys(row.score for row in rows if row.score)
        raise ConfigError(f"figures: no number has the score {choice.score!r}; {suggestion(choice.score, known)}")
    if not choice.calibrations:
        hidden = parts_of_means({row.calibration for row in rows})
        rows = named = tuple(row for row in rows if row.calibration not in hidden)
    kept = {_row_key(row) for row in rows}
    domains = _in_order(rows, "domain", choice.domains)
    of_copies = [row for row in runs.rows if not _domains_of_copy(row, corrupted).isdisjoint(domains)]
    shown = {row.model for row in rows}, {row.calibration for row in rows}
    states = [s for s in runs.states if (s.model, f"{s.dataset}/{s.domain}", s.calibration) in kept]
    return Material(
        rows,
        tuple(asdict(state) for state in states),
        _in_order(rows, "model", choice.models),
        domains,
        _in_order(named, "calibration", choice.calibrations),
        tuple(row for row in of_copies if row.model in shown[0] and row.calibration in shown[1]),
        corrupted,
    )


def _domains_of_copy(row: Row, corrupted: Mapping[tuple[str, str], CorruptedDomain]) -> set[str]:
    """Return how the domain of a row is called, and the one that it is a corrupted copy of; nothing for any other."""
    found = corrupted.get((row.dataset, row.domain))
    return {f"{row.dataset}/{row.domain}", f"{row.dataset}/{found.clean}"} if found else set()


def score_of(rows: Iterable[Row], metric: str, wanted: str) -> str:
    """Return the score with which a metric is shown: the wanted one, else msp, else its first; empty if it has none."""
    found = dict.fromkeys(row.score for row in rows if row.metric == metric)
    return next((s for s in (wanted, USUAL_SCORE) if s and s in found), next(iter(found), ""))


def _in_order(rows: Sequence[Row], column: str, names: Sequence[str]) -> tuple[str, ...]:
    """Return what rows are called in a column, as the user has named it; calibrations begin with none."""
    names_of = row_names(column)
    found = dict.fromkeys(names_of(row) for row in rows)
    if column == "calibration" and not names:
        return tuple(sorted((called[0] for called in found), key=lambda name: name != NO_CALIBRATION))
    first = [min((names.index(n) for n in called if n in names), default=0) for called in found]
    return tuple(called[0] for _, called in sorted(zip(first, found, strict=True), key=lambda pair: pair[0]))


def _row_key(row: Row) -> tuple[str, str, str]:
    return row.model, f"{row.dataset}/{row.domain}", row.calibration


def _state_key(state: Mapping[str, Any]) -> tuple[str, str, str]:
    return state["model"], f"{state['dataset']}/{state['domain']}", state["calibration"]


@dataclass(frozen=True)
class Labels:
    """How names are written in figures and tables.

    A data set that all domains share is left out, and so is the split that all calibrations were fitted on.
    """

    short_domains: bool
    short_calibrations: bool

    @classmethod
    def of(cls, domains: Iterable[str], calibrations: Iterable[str]) -> "Labels":
        """Return how these domains (`DATA/DOMAIN`) and calibrations are written."""
        domains, fitted = list(domains), [c for c in calibrations if c != NO_CALIBRATION]
        names = [c.partition("@")[0] for c in fitted]
        return cls(
            len({d.partition("/")[0] for d in domains}) == 1,
            len({c.partition("@")[2] for c in fitted}) == 1 and len(set(names)) == len(names),
        )

    @staticmethod
    def text(name: str) -> str:
        """Return how any other name is written: nothing in it turns the writing or hides."""
        return printable(name)

    def domain(self, name: str) -> str:
        """Return how a domain is written."""
        return printable(name.partition("/")[2] if self.short_domains else name)

    def calibration(self, name: str) -> str:
        """Return how a calibration is written."""
        if name == NO_CALIBRATION:
            return "uncalibrated"
        return printable(name.partition("@")[0] if self.short_calibrations else name)

    def record(self, record: Mapping[str, Any]) -> dict[str, Any]:
        """Return the record of a chart with these names; nothing in any name turns the writing or hides."""
        shown = {key: printable(value) if isinstance(value, str) else value for key, value in record.items()}
        shown["calibration"] = self.calibration(record["calibration"])
        shown["domain"] = self.domain(record["domain"])
        if "series" in record:
            shown["series"] = shown["domain"] + printable(str(record["series"]).removeprefix(record["domain"]))
        return shown
