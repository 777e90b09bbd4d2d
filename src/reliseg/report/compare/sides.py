"""What is put beside each other: models, calibrations, domains or runs, and which of them is the baseline."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from reliseg.errors import ConfigError, suggestion
from reliseg.results import Results, Row
from reliseg.results.readable import RESULTS_FILE
from reliseg.results.replicates import Lefts, Replicates

By = Literal["run", "model", "calibration", "domain"]

BY: Sequence[By] = ("run", "model", "calibration", "domain")
_COLUMNS: Mapping[By, tuple[str, ...]] = {
    "run": ("run",),
    "model": ("model",),
    "calibration": ("calibration", "fitted_on"),
    "domain": ("dataset", "domain"),
}
"""What tells two sides from each other."""
_ALL = ("run", "model", "dataset", "domain", "calibration", "fitted_on", "score", "class_", "definition")


@dataclass(frozen=True)
class ReadRun:
    """A run as it is compared: its name, its rows, and its numbers without single images; `place` is its folder.

    Rows that come from no folder have no `replicates`.
    """

    name: str
    rows: Sequence[Row]
    replicates: Replicates | None
    place: str = ""

    def lefts(self, row: Row) -> Lefts | None:
        """Return what a number is without each image, if that is known."""
        return None if self.replicates is None else self.replicates.of(row)


def read_runs(runs: Mapping[str, str | Path | Results]) -> list[ReadRun]:
    """Return runs, or the rows that were read of them, by what users call them."""
    read = []
    for name, (place, run) in zip(run_names(runs), runs.items(), strict=True):
        results = run if isinstance(run, Results) else Results.read(run)
        replicates = results.replicates() if results.source else None
        read.append(ReadRun(name, results.rows, replicates, place))
    return read


def run_names(places: Iterable[str]) -> list[str]:
    """Return how runs are called: by the last part of what users call them, where these differ."""
    every = [place.removesuffix(f"/{RESULTS_FILE}") for place in places]
    short = [Path(place).name for place in every]
    return short if len(set(short)) == len(short) and all(short) else every


@dataclass(frozen=True)
class Entry:
    """A row and the run that it is from."""

    row: Row
    run: ReadRun

    def side(self, by: By) -> str:
        """Return the name by which it is put beside others."""
        return {
            "run": self.run.name,
            "model": self.row.model,
            "calibration": self.row.calibration,
            "domain": f"{self.row.dataset}/{self.row.domain}",
        }[by]

    def is_called(self, by: By, name: str) -> bool:
        """Tell if this is a name of its side: a domain may be named without its data set, a run by its folder."""
        others = {"domain": self.row.domain, "run": self.run.place}
        return name in (self.side(by), others.get(by))

    def circumstances(self, by: By) -> tuple[str, ...]:
        """Return what it has in common with what it is compared with. A run alone tells no numbers apart."""
        columns = [column for column in _ALL if column not in _COLUMNS[by] and column != "run"]
        return tuple(getattr(self.row, column) for column in columns)


def choose_sides(entries: Sequence[Entry], by: By | None, baseline: str | None) -> tuple[By, str]:
    """Return by what entries are compared and the name of the baseline, chosen where they are not given."""
    if by is not None and by not in BY:
        raise ConfigError(f"by is {by!r}; {suggestion(str(by), BY)}")
    if by is None:
        by = _by_what_differs(entries) if baseline is None else _by_the_baseline(entries, baseline)
    sides = list(dict.fromkeys(entry.side(by) for entry in entries))
    if baseline is None:
        return by, _usual_baseline(entries, by)
    called = list(dict.fromkeys(entry.side(by) for entry in entries if entry.is_called(by, baseline)))
    if not called:
        raise ConfigError(f"--baseline {baseline!r}: no {by} has this name; {suggestion(baseline, sides)}")
    if len(called) > 1:
        raise ConfigError(f"--baseline {baseline!r} may be {' or '.join(called)}; give one of these names")
    return by, called[0]


def _by_what_differs(entries: Sequence[Entry]) -> By:
    for by in BY:
        if len({entry.side(by) for entry in entries}) > 1:
            return by
    raise ConfigError("there is nothing to compare: one run of one model, calibration and domain; give another run")


def _by_the_baseline(entries: Sequence[Entry], baseline: str) -> By:
    """Return what the baseline is one of."""
    found: list[By] = [by for by in BY if any(entry.is_called(by, baseline) for entry in entries)]
    if len(found) == 1:
        return found[0]
    if found:
        raise ConfigError(f"--baseline {baseline!r} is a {' and a '.join(found)}; say which by --by")
    known = suggestion(baseline, dict.fromkeys(entry.side(by) for by in BY for entry in entries))
    raise ConfigError(f"--baseline {baseline!r}: no run, model, calibration or domain has this name; {known}")


def _usual_baseline(entries: Sequence[Entry], by: By) -> str:
    """Return the calibration that changes nothing, the reference of the others, or what comes first."""
    sides = list(dict.fromkeys(entry.side(by) for entry in entries))
    usual: Mapping[By, Callable[[], str]] = {
        "calibration": lambda: "identity",
        "domain": lambda: next((entry.row.reference for entry in entries if entry.row.reference), ""),
    }
    name = usual[by]() if by in usual else ""
    return name if name in sides else sides[0]
