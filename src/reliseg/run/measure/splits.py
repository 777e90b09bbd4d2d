"""The calibration splits themselves: the thresholds they give, and what calibrations do to their own fitting data."""

import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from pydantic import ValidationError

from reliseg.calibration.records.record import Record
from reliseg.calibration.records.thresholds import ByScore
from reliseg.metrics import METRICS, DomainState, compute_values
from reliseg.plan.plan import IDENTITY, Target
from reliseg.results import Value, csv_line
from reliseg.run.evaluate.coverage import Coverages
from reliseg.run.measure.jobs import Keys
from reliseg.run.measure.measure import Thresholds
from reliseg.run.measure.states import load_state
from reliseg.run.measure.threads import measure_each
from reliseg.run.store.kept import KeptFiles
from reliseg.runtime.checked import checker
from reliseg.stats.threshold import Threshold

FITS_HEADER = "model,calibration,score,metric,before,after,why,n_images,n_pixels,definition\n"
"""The columns of `fits.csv`: numbers of a calibration's own split, without it (identity) and with it."""

_REPORTED = {
    "likelihood": ("nll",),
    "calibration_error": ("ece",),
    "segmentation": ("pixel_accuracy",),
    "flips": ("flip_rate",),
    "transfer": ("transfer_coverage95",),
}


@dataclass(frozen=True)
class SplitNumbers:
    """What one model's calibration splits say: the thresholds, and the lines of `fits.csv`."""

    thresholds: Thresholds
    lines: list[str]
    incomplete: frozenset[str]
    """Splits with samples that were not evaluated."""

    def with_thresholds(self, record: Record) -> Record | None:
        """Return a record with the thresholds of its split, before and after calibration; None where there are none."""
        thresholds = {c: self.thresholds.get((record.split, c), {}) for c in (IDENTITY, record.name)}
        is_known = all(thresholds.values()) and record.split not in self.incomplete
        return replace(record, thresholds=thresholds) if is_known else None


def measure_splits(
    coverages: Coverages, incomplete: Collection[Target], only: Collection[str] | None = None
) -> SplitNumbers:
    """Read the statistics of every split under each calibration: of each only a few numbers stay in memory.

    A split with a domain in `incomplete` gives no threshold. Of calibrations `only` these are read, beside identity.
    """
    run = coverages.run
    whole, lines, thresholds = [], list[str](), dict[tuple[str, str], Mapping[str, Threshold]]()
    incomplete_splits: set[str] = set()
    every = run.plan.splits()
    for split in every if only is None else [split.under(only) for split in every]:
        failed = [m for m in split.members if m in incomplete]
        if not failed:
            whole.append(split)
            continue
        incomplete_splits.add(split.name)
        why = f"calibration split {split.name}: samples of {failed[0]} were not evaluated"
        none = dict.fromkeys(run.plan.settings.scores, Threshold(why=why))
        thresholds |= {(split.name, calibration): none for calibration in split.calibrations}
    summaries = _summaries(coverages, [(s.members, name) for s in whole for name in s.calibrations])
    for split in whole:
        before: _Summary | None = None
        for calibration, summary in zip(split.calibrations, summaries, strict=False):
            thresholds[split.name, calibration] = summary.thresholds
            if before is None:  # identity is the first
                before = summary
            else:
                lines += _lines([run.name, calibration], before, summary)
    return SplitNumbers(thresholds, lines, frozenset(incomplete_splits))


def _summaries(coverages: Coverages, asked: Sequence[tuple[Sequence[Target], str]]) -> Iterator["_Summary"]:
    """Yield the numbers of domains under calibrations, in their order; what is known is not measured again."""
    keys, kept = Keys(coverages), coverages.run.context.kept
    names = [keys.of_members(["a split", _REPORTED], members, calibration) for members, calibration in asked]
    known = [_recall(kept, key) for key in names]
    jobs = [(job, job[0]) for job, found in zip(asked, known, strict=True) if found is None]

    def summarize(job: tuple[Sequence[Target], str]) -> _Summary:
        return _Summary.of(load_state(coverages, *job))

    with closing(measure_each(summarize, jobs, coverages.run.context.workers)) as measured:
        for key, before in zip(names, known, strict=True):
            found = next(measured) if before is None else before
            if before is None:
                kept.write(key, _packed(found))
            yield found


def stored_thresholds(records: Iterable[Record]) -> dict[tuple[str, str], ByScore]:
    """Return the thresholds that lie beside records; of a split that several speak of, those of the first."""
    thresholds: dict[tuple[str, str], ByScore] = {}
    for record in records:
        for calibration, by_score in record.thresholds.items():
            thresholds.setdefault((record.split, calibration), by_score)
    return thresholds


@dataclass(frozen=True)
class _Summary:
    """The numbers of a split under one calibration."""

    thresholds: Mapping[str, Threshold]
    values: list[Value]
    images: int
    pixels: int

    @classmethod
    def of(cls, state: DomainState) -> "_Summary":
        thresholds = {score: _threshold(state, score) for score in state.scores}
        state = replace(state, thresholds=thresholds)
        values = [
            value
            for family, names in _REPORTED.items()
            for value in compute_values(METRICS.get(family)(), state, None)
            if value.metric in names
        ]
        return cls(thresholds, values, len(state.images), int(state.images.known.sum()))


@dataclass(frozen=True)
class _Kept:
    """The same in a file."""

    thresholds: dict[str, tuple[int | None, list[int], str]]
    values: list[Value]
    images: int
    pixels: int


def _packed(summary: _Summary) -> dict[str, Any]:
    thresholds = {score: [t.last, t.possible.tolist(), t.why] for score, t in summary.thresholds.items()}
    return vars(summary) | {"thresholds": thresholds, "values": [vars(value) for value in summary.values]}


def _recall(kept: KeptFiles, key: str) -> _Summary | None:
    """Return what is known of a split under a calibration; None where that is not known."""
    content = kept.read(key)
    if content is None:
        return None
    try:
        found = checker(_Kept).validate_python(json.loads(content))
    except (ValueError, RecursionError, ValidationError):
        return None
    thresholds = {score: Threshold(t[0], np.array(t[1], np.int64), t[2]) for score, t in found.thresholds.items()}
    return _Summary(thresholds, found.values, found.images, found.pixels)


def _threshold(state: DomainState, score: str) -> Threshold:
    if score in state.undefined_scores:
        return Threshold(why=state.undefined_scores[score])
    return Threshold.of_pair(state.filled(score).right_and_wrong)


def _lines(origin: list[str], before: _Summary, after: _Summary) -> Iterator[str]:
    for old, new in zip(before.values, after.values, strict=True):
        why = new.why or old.why
        cells = (new.score, new.metric, old.value, new.value, why, after.images, after.pixels, new.definition)
        yield csv_line([*origin, *cells])
