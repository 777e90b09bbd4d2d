"""The rows of several runs as one table: a state for each model, domain and calibration."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, TypeVar

from reliseg.report.page.run_files import Place, RunFiles
from reliseg.report.page.terms import OF_CLASSES, SHOWN
from reliseg.report.table import parts_of_means
from reliseg.results import Row

T = TypeVar("T")


class State(NamedTuple):
    """What the numbers of one line were measured on, in the names that the page shows."""

    model: str
    domain: str
    calibration: str


Number = tuple[str, str]
"""A metric and its score; of a single class, a metric and the class."""


@dataclass(frozen=True)
class Table:
    """The numbers of all runs. Each is the first definition of its metric, as in the table at the end of a run."""

    states: dict[State, dict[Number, Row]] = field(default_factory=dict)
    classes: dict[State, dict[Number, Row]] = field(default_factory=dict)
    references: dict[str, str] = field(default_factory=dict)
    """The domain that each domain is compared with."""
    origins: dict[State, int] = field(default_factory=dict)
    """The place of the run that a state is of, among all."""

    @property
    def models(self) -> list[str]:
        """The models, in the order of the runs."""
        return list(dict.fromkeys(s.model for s in self.states))

    @property
    def domains(self) -> list[str]:
        """The domains, in the order of the runs."""
        return list(dict.fromkeys(s.domain for s in self.states))

    @property
    def calibrations(self) -> list[str]:
        """The calibrations; what changes nothing is first."""
        found = dict.fromkeys(s.calibration for s in self.states)
        return sorted(found, key=lambda name: name != "identity")  # stable: the others keep their order

    @property
    def numbers(self) -> list[Number]:
        """The metrics with their scores, in the order in which the page names them."""
        found = dict.fromkeys(number for numbers in self.states.values() for number in numbers)
        return sorted(found, key=lambda number: SHOWN.index(number[0]))

    def row(self, state: State, metric: str, score: str = "") -> Row | None:
        """Return a number that is defined, or None. A metric that ranks no pixels is asked for without a score."""
        row = self.states.get(state, {}).get((metric, score))
        return row if row is not None and not row.why else None


@dataclass(frozen=True)
class Names:
    """How the page calls what stands in the files of a run."""

    model: Callable[[int, str], str]
    domain: Callable[[str, str], str]


def names_of(runs: Sequence[RunFiles]) -> Names:
    """Return the names: a model has its run's name with it where two runs have one of its name.

    A domain has its data set's name with it where there are several data sets.
    """
    models = Counter(model for run in runs for model in {row.model for row in run.results})
    several = len({row.dataset for run in runs for row in run.results}) > 1
    titles = run_titles(runs)
    return Names(
        lambda run, model: f"{model} ({titles[run]})" if models[model] > 1 else model,
        lambda dataset, domain: f"{dataset}/{domain}" if several else domain,
    )


def run_titles(runs: Sequence[RunFiles]) -> list[str]:
    """Return the runs' names, with a number where they are equal."""
    counts = Counter(run.name for run in runs)
    return [f"{run.name} #{i}" if counts[run.name] > 1 else run.name for i, run in enumerate(runs, 1)]


def join_runs(runs: Sequence[RunFiles], names: Names) -> Table:
    """Return the numbers that the page shows, of all runs."""
    table, shown, of_classes = Table(), frozenset(SHOWN), frozenset(OF_CLASSES)
    hidden = parts_of_means({row.calibration for run in runs for row in run.results})
    for index, run in enumerate(runs):
        for row in run.results:
            if row.calibration in hidden:
                continue
            state = State(names.model(index, row.model), names.domain(row.dataset, row.domain), row.calibration)
            if row.class_ and row.metric in of_classes:
                table.classes.setdefault(state, {}).setdefault((row.metric, row.class_), row)
            elif not row.class_ and row.metric in shown:
                _put(table.states.setdefault(state, {}), row)
                table.origins.setdefault(state, index)
                if row.reference:
                    table.references[state.domain] = names.domain(*_parts(row.reference))
    return table


def _put(numbers: dict[Number, Row], row: Row) -> None:
    """Keep the first definition that has a value."""
    number = (row.metric, row.score)
    if number not in numbers or (numbers[number].why and not row.why):
        numbers[number] = row


def _parts(reference: str) -> tuple[str, str]:
    dataset, _, domain = reference.partition("/")
    return dataset, domain


def by_state(
    table: Table,
    runs: Sequence[RunFiles],
    names: Names,
    placed: Callable[[RunFiles], Iterable[tuple[Place, T]]],
) -> dict[State, list[T]]:
    """Return what the runs have of each state of the table, as `placed` gives it of a run."""
    found: dict[State, list[T]] = {}
    for index, run in enumerate(runs):
        for (model, dataset, domain, calibration), record in placed(run):
            state = State(names.model(index, model), names.domain(dataset, domain), calibration)
            if state in table.states:
                found.setdefault(state, []).append(record)
    return found
