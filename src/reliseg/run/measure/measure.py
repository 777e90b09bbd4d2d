"""From stored statistics to rows of results. Shards are read one by one: a dozen numbers per image stay in memory."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from typing import NamedTuple, TypeAlias

from reliseg.data import MASKS_TO_DECODE, void_note
from reliseg.metrics import METRICS, DomainState, Metric, compute_values
from reliseg.plan.plan import IDENTITY, Reported, Target
from reliseg.plan.together import measured_together
from reliseg.results import Origin, Row, csv_line
from reliseg.run.context import ModelRun
from reliseg.run.evaluate.coverage import Coverages
from reliseg.run.measure.curves import curves_of
from reliseg.run.measure.image_table import image_lines
from reliseg.run.measure.jobs import BySplit, Job, Keys
from reliseg.run.measure.measured import Measured, keep, recall
from reliseg.run.measure.numbers import Number, replicates_by_value, unit_set, with_intervals, write_replicates_of
from reliseg.run.measure.promises import Promised, promises_of
from reliseg.run.measure.reading import States
from reliseg.run.measure.seed_means import with_means
from reliseg.run.measure.threads import measure_each
from reliseg.runtime.progress import Stage
from reliseg.stats import reliability
from reliseg.stats.bins import VOID_ROLE, edges
from reliseg.stats.fixed import real
from reliseg.stats.threshold import Threshold

Thresholds: TypeAlias = Mapping[tuple[str, str], Mapping[str, Threshold]]
"""By calibration split and calibration, then by score."""


@dataclass(frozen=True, eq=False)
class Chosen:
    """What was chosen on other images than those that are measured."""

    thresholds: Thresholds
    """Those of the model's calibration splits."""
    promised: Promised


def measure(coverages: Coverages, incomplete: Collection[Target], chosen: Chosen) -> Measured:
    """Return the numbers of one model, and write their replicates; `incomplete` are domains that get no rows."""
    return _Measurement(coverages, incomplete, chosen).whole()


def keep_measured(
    coverages: Coverages, incomplete: Collection[Target], chosen: Chosen, wanted: Collection[tuple[Reported, str]]
) -> None:
    """Measure one model on some domains under some calibrations, and keep what is found for `measure`."""
    _Measurement(coverages, incomplete, chosen).keep(wanted)


@dataclass(frozen=True, eq=False)
class _Group:
    """Calibrations that are measured together on one domain: those that a mean is made of, or one alone."""

    place: int
    """Of the domain, among those that are measured."""
    jobs: Sequence[Job]
    means: Mapping[str, Sequence[str]]
    """The means over their seeds, with what each is made of."""


class _Part(NamedTuple):
    """What is measured of one job: tables without rows, and the numbers that rows are made of."""

    measured: Measured
    numbers: list[Number]


class _Measurement:
    """Measures one model: calibration by calibration, so that the reference is read once under each.

    Calibrations that differ in their seeds alone are measured domain by domain: their mean needs the replicates of all.
    Several are measured at once. What was measured before is not measured again.
    """

    def __init__(self, coverages: Coverages, incomplete: Collection[Target], chosen: Chosen) -> None:
        run = coverages.run
        self._run, self._plan = run, run.plan
        self._chosen = chosen
        self._metrics = [METRICS.get(name)() for name in run.plan.metrics]
        self._targets = [t for t in run.plan.reported() if not any(m in incomplete for m in t.members())]
        self._states, self._keys = States(coverages, incomplete), Keys(coverages)

    def whole(self) -> Measured:
        """Return all that is measured."""
        every: dict[tuple[int, str], Measured] = {}
        for group, found in self._found(list(self._all_groups())):
            every |= {(group.place, calibration): measured for calibration, measured in found.items()}
        whole = Measured()
        for i, target in enumerate(self._targets):
            for calibration in self._plan.calibrations_for(target, self._run.name):
                whole.extend(self._told(target, every.pop((i, calibration))))
        return whole

    def keep(self, wanted: Collection[tuple[Reported, str]]) -> None:
        """Have these domains measured under these calibrations."""
        groups = [g for g in self._all_groups() if any((job.target, job.calibration) in wanted for job in g.jobs)]
        for _ in self._found(groups):
            pass

    def _found(self, groups: Sequence[_Group]) -> Iterator[tuple[_Group, dict[str, Measured]]]:
        """Yield what is measured of each group, in their order; what was not known is kept."""
        keys = [self._keys.of(group.jobs, group.means) for group in groups]
        known = [recall(self._run.context, key) for key in keys]
        missing = [group for group, found in zip(groups, known, strict=True) if found is None]
        jobs = [job for group in missing for job in group.jobs]
        self._states.expect((job.target, job.calibration) for job in jobs)
        progress, name, done = self._run.progress, self._run.name, len(groups) - len(missing)
        if missing:
            title = f"{name}: domains under calibrations"
            progress.begin(title, len(groups), Stage("measure", name, done=done, shards=done))
        read = [(job, job.target.members()) for job in jobs]
        with closing(measure_each(self._do, read, self._run.context.workers)) as parts:
            for group, key, before in zip(groups, keys, known, strict=True):
                found = self._group(group, parts) if before is None else before
                if before is None:
                    keep(self._run.context, key, found)
                    progress.advance()
                    progress.end_shard()
                yield group, found

    def _told(self, target: Reported, measured: Measured) -> Measured:
        """Say once what is unusual about a domain's masks; where these are few, the check has looked at all of them."""
        run = self._run
        is_first = run.name == next((source.name for source in run.plan.models), run.name)
        if is_first and isinstance(target, Target) and _is_looked_at(run, target):
            for note in measured.notes:
                run.progress.note(note)
        return measured

    def _all_groups(self) -> Iterator[_Group]:
        means = {target: self._plan.means_for(target, self._run.name) for target in self._targets}
        for target, names in measured_together(self._plan, self._run.name):
            if target in means:
                jobs = [self._job(target, calibration) for calibration in names]
                of_names = {mean: parts for mean, parts in means[target].items() if parts[0] in names}
                yield _Group(self._targets.index(target), jobs, of_names)

    def _job(self, target: Reported, calibration: str) -> Job:
        run = self._run
        return Job(
            target,
            _origin(run, target, calibration),
            _thresholds_by_split(run, target, calibration, self._chosen.thresholds),
            promises_of(run, target, calibration, self._chosen.promised),
            self._states.reference_of(target, calibration),
            self._states.holds_reference(target),
        )

    def _group(self, group: _Group, parts: Iterator[_Part]) -> dict[str, Measured]:
        """Return what is measured on a domain under each; means follow the last calibration they are made of.

        Replicates are written here: those that measure need not wait for the disk.
        """
        measured: dict[str, Measured] = {}
        numbers: dict[str, list[Number]] = {}
        for job in group.jobs:
            measured[job.calibration], numbers[job.calibration] = next(parts)
        current = iter(measured)
        last = Measured()
        for of_one in with_means(numbers, group.means):
            if not (of_one and of_one[0].row.calibration in group.means):
                last = measured[next(current)]
            last.files.append(write_replicates_of(self._run.context.folder.replicates, of_one))
            last.rows.extend(number.row for number in of_one)
        return measured

    def _do(self, job: Job) -> _Part:
        """Measure a domain under one calibration."""
        run, target, calibration, origin = self._run, job.target, job.calibration, job.origin
        state, reference = self._states.read(target, calibration)
        metrics = [m for m in self._metrics if m.reads_images_alone or target.classes is not None]
        lost = sum(len(m.domain.samples) for m in target.members()) - len(state.images)
        seen = _Views(
            [(origin, state)],
            [(replace(origin, fitted_on=name), replace(state, thresholds=t)) for name, t in job.thresholds],
            [
                (replace(origin, fitted_on=name), self._states.with_promises(target, calibration, state, p))
                for name, p in job.promises
            ],
        )
        numbers = [number.skipping(lost) for number in with_intervals(_numbers(metrics, seen, reference))]
        measured = Measured()
        if isinstance(target, Target) and state.annotated and calibration == IDENTITY:
            measured.notes.extend(_void_notes(target, state))
        if state.annotated and target.classes is not None:
            measured.reliability.extend(_reliability_lines([run.name, *target.names, calibration], state))
            measured.curves.append(curves_of(run.name, target.names, calibration, state).to_json())
        if isinstance(target, Target) and not target.domain.union:
            of_msp = job.thresholds[0][1].get("msp")
            measured.images.extend(image_lines(self._plan, run.name, target, calibration, state, of_msp))
        return _Part(measured, numbers)


def _is_looked_at(run: ModelRun, target: Target) -> bool:
    """Tell if a domain's masks are many, and are not told of by another name."""
    is_said = target.domain.union and all(member in run.plan.tests for member in target.members())
    return not is_said and not target.domain.clean and len(target.domain.samples) > MASKS_TO_DECODE


def _void_notes(target: Target, state: DomainState) -> Iterator[str]:
    """Yield a line where a domain has much void."""
    masks = f"all {len(target.domain.samples)} masks"
    if line := void_note(target.dataset, state.roles[VOID_ROLE], sum(state.roles), masks):
        yield f"{target}: {line}; reliseg check looks for the reason"


RELIABILITY_HEADER = "model,dataset,domain,calibration,bin,low,high,pixels,right,confidence\n"
"""The columns of `reliability.csv`: bins (low, high] of msp, their pixels, right ones, and sum of confidence."""


def _reliability_lines(origin: list[str], state: DomainState) -> Iterator[str]:
    counts, right, sums = reliability(state.pixels.top)
    bounds = edges()
    for b, (n, hits, total) in enumerate(zip(counts, right, real(sums), strict=True)):
        numbers = [b, float(bounds[b]), float(bounds[b + 1]), int(n), int(hits), float(total)]
        yield csv_line([*origin, *numbers])


def _thresholds_by_split(run: ModelRun, target: Reported, calibration: str, thresholds: Thresholds) -> BySplit:
    """Return splits with their thresholds for a target: a calibration's own split, all splits for identity.

    A calibration that was loaded without thresholds has none: its split is not here.
    """
    plan = run.plan
    names = [s.name for s in plan.splits() if s.classes == target.classes]
    names += [r.split for r in plan.loaded.get(run.name, ()) if r.classes == target.classes]
    reaching = [name for name in dict.fromkeys(names) if all(plan.split_reaches(name, m) for m in target.members())]
    by_split = [(name, thresholds[name, calibration]) for name in reaching if (name, calibration) in thresholds]
    return by_split or [(calibration.partition("@")[2], {})]


class _Views(NamedTuple):
    """A domain as metrics see it: once, for each calibration split with its thresholds, for each ground of promises."""

    alone: list[tuple[Origin, DomainState]]
    with_thresholds: list[tuple[Origin, DomainState]]
    with_promises: list[tuple[Origin, DomainState]]

    def of(self, metric: Metric) -> list[tuple[Origin, DomainState]]:
        """Return those that a metric reads."""
        if metric.reads_promises:
            return self.with_promises
        return self.with_thresholds if metric.reads_thresholds else self.alone


def _numbers(metrics: list[Metric], views: _Views, reference: DomainState | None) -> Iterator[Number]:
    ((_, state),) = views.alone
    known = int(state.images.known.sum())
    sets = tuple(unit_set(s.units) for s in (state, reference) if s and s.units)
    for metric in metrics:
        if metric.needs_annotation and not state.annotated:
            continue
        scales = {name: quantity.scale for name, quantity in metric.quantities().items()}
        for row_origin, row_state in views.of(metric):
            values = compute_values(metric, row_state, reference)
            replicates = replicates_by_value(metric, values, row_state, reference)
            for value, found in zip(values, replicates, strict=True):
                row = Row.of(row_origin, value, n_images=len(state.images), n_pixels=known)
                yield Number(row, scales[value.metric], found, sets, metric.without_interval)


def _origin(run: ModelRun, target: Reported, calibration: str) -> Origin:
    reference = run.plan.reference
    dataset, domain = target.names
    return Origin(
        model=run.name,
        dataset=dataset,
        domain=domain,
        reference="" if reference is None or reference == target else str(reference),
        calibration=calibration,
        fitted_on=calibration.partition("@")[2],
        seed=run.plan.seed_of(calibration, run.name),
    )
