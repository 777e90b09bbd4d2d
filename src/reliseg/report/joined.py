"""Several runs as one: their rows and curves, under names that tell models of equal names apart."""

from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

from reliseg.errors import DataError
from reliseg.report.compare.sides import run_names
from reliseg.results import Results, Row
from reliseg.results.corruptions import CorruptedDomain, corrupted_of_table, read_corruptions
from reliseg.results.curves import Curves, DomainCurves
from reliseg.results.names import CORRUPTIONS_FILE, CURVES_FILE
from reliseg.results.replicates import Lefts, Replicates


@dataclass(frozen=True, eq=False)
class JoinedRuns:
    """The rows of runs, and their curves if they are asked for; `missing` has a line for each run that lacks them."""

    rows: tuple[Row, ...]
    states: tuple[DomainCurves, ...] = ()
    missing: tuple[str, ...] = ()
    corrupted: Mapping[tuple[str, str], CorruptedDomain] = field(default_factory=dict)
    """The domains that are corrupted copies of others."""
    homes: Mapping[str, tuple[str, Results]] = field(default_factory=dict)
    """For each model its own name, and the run that it is of."""
    _replicates: dict[int, Replicates] = field(default_factory=dict)

    def lefts(self, row: Row) -> Lefts | None:
        """Return what a number is without each of its units; None where its run does not keep that."""
        if row.model not in self.homes:
            return None
        name, results = self.homes[row.model]
        if results.source is None:
            return None
        if id(results) not in self._replicates:
            self._replicates[id(results)] = results.replicates()
        return self._replicates[id(results)].of(replace(row, model=name))


def join_runs(runs: Mapping[str, str | Path | Results], *, with_curves: bool) -> JoinedRuns:
    """Return runs, by what users call them, or the rows that were read of them.

    A model has its run's name with it where several runs have one of its name.
    """
    rows: list[Row] = []
    states: list[DomainCurves] = []
    homes: dict[str, tuple[str, Results]] = {}
    missing = []
    corrupted: dict[tuple[str, str], CorruptedDomain] = {}
    read = [run if isinstance(run, Results) else Results.read(run) for run in runs.values()]
    for place, called, results in zip(runs, _model_names(run_names(runs), read), read, strict=True):
        homes |= {new: (old, results) for old, new in called.items()}
        rows += (row if called[row.model] == row.model else replace(row, model=called[row.model]) for row in results)
        corrupted |= _corrupted(results)
        curves = _curves(results) if with_curves else ()
        if curves is None:
            missing.append(
                f"{place} has no {CURVES_FILE}: no diagrams, curves, histograms and confusion matrices; "
                "reliseg results RUN writes it from what is stored"
            )
        states += (replace(s, model=called[s.model]) for s in curves or () if s.model in called)
    return JoinedRuns(tuple(rows), tuple(states), tuple(missing), corrupted, homes)


def _curves(results: Results) -> Sequence[DomainCurves] | None:
    """Return the curves of a run; None where it has none."""
    if results.source is None:
        return None
    folder = results.folder(CURVES_FILE)
    return Curves.read(folder).states if (folder / CURVES_FILE).exists() else None


def _corrupted(results: Results) -> dict[tuple[str, str], CorruptedDomain]:
    """Return the corrupted domains of a run; none where it is not there any more: its rows are like others then."""
    if results.source is None:
        return {}
    with suppress(DataError):
        return corrupted_of_table(read_corruptions(results.folder(CORRUPTIONS_FILE)))
    return {}


def _model_names(names: Sequence[str], runs: Sequence[Results]) -> list[dict[str, str]]:
    """Return for each run how its models are called."""
    found = [dict.fromkeys(row.model for row in run) for run in runs]
    counts = Counter(model for models in found for model in models)
    return [
        {model: f"{model} ({name})" if counts[model] > 1 else model for model in models}
        for name, models in zip(names, found, strict=True)
    ]
