"""From stored statistics to rows of results. Shards are read one by one: a dozen numbers per image stay in memory."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeAlias

from reliseg.data import MASKS_TO_DECODE, void_note
from reliseg.metrics import METRICS, DomainState, Metric, compute_values
from reliseg.plan.plan import IDENTITY, Reported, Target
from reliseg.results import Origin, Row, csv_line
from reliseg.run.context import ModelRun
from reliseg.run.evaluate.coverage import Coverages
from reliseg.run.measure.curves import curves_of
from reliseg.run.measure.image_table import image_lines
from reliseg.run.measure.numbers import Number, replicates_by_value, unit_set, write_replicates_of
from reliseg.run.measure.seed_means import with_means
from reliseg.run.measure.states import load_state
from reliseg.stats import reliability
from reliseg.stats.bins import VOID_ROLE, edges
from reliseg.stats.fixed import real
from reliseg.stats.threshold import Threshold

Thresholds: TypeAlias = Mapping[tuple[str, str], Mapping[str, Threshold]]
"""By calibration split and calibration, then by score."""


@dataclass(frozen=True)
class Measured:
    """What is measured of one model."""

    rows: list[Row]
    """In the order of the plan."""
    reliability: list[str]
    """The lines of its reliability table."""
    curves: list[str]
    """What charts need, a line each."""
    images: list[str]
    """A line for each image of each domain, under each calibration."""
    files: list[Path]
    """The replicates that were written."""


def measure(coverages: Coverages, incomplete: Collection[Target], thresholds: Thresholds) -> Measured:
    """Return the numbers of one model, and write their replicates.

    `incomplete` are domains that get no rows; `thresholds` are those of the model's calibration splits.
    """
    run, plan = coverages.run, coverages.run.plan
    metrics = [METRICS.get(name)() for name in plan.settings.metrics]
    rows: list[Row] = []
    lines: list[str] = []
    curves: list[str] = []
    images: list[str] = []
    files: list[Path] = []
    folder = run.context.folder.replicates
    for target in plan.reported():
        if any(m in incomplete for m in target.members()):
            continue
        by_calibration: dict[str, list[Number]] = {}
        means = plan.means_for(target, run.name)
        of_seeds = {name for parts in means.values() for name in parts}
        holds_reference = _holds_reference(target, plan.reference)
        measured = [m for m in metrics if m.reads_images_alone or target.classes is not None]
        for calibration in plan.calibrations_for(target, run.name):
            state = replace(
                load_state(coverages, target.members(), calibration, with_units=True), holds_reference=holds_reference
            )
            reference = _reference(run, target, calibration, incomplete)
            other = load_state(coverages, reference.members(), calibration, with_units=True) if reference else None
            by_split = _thresholds_by_split(run, target, calibration, thresholds)
            origin = _origin(run, target, calibration)
            lost = sum(len(m.domain.samples) for m in target.members()) - len(state.images)
            numbers = [number.skipping(lost) for number in _numbers(measured, state, other, origin, by_split)]
            files.append(write_replicates_of(folder, numbers))
            by_calibration[calibration] = numbers if calibration in of_seeds else [n.bare() for n in numbers]
            if isinstance(target, Target) and state.annotated and calibration == IDENTITY:
                _note_void(run, target, state)
            if state.annotated and target.classes is not None:
                lines += _reliability_lines([run.name, *target.names, calibration], state)
                curves.append(curves_of(run.name, target.names, calibration, state).to_json())
            if isinstance(target, Target) and not target.domain.union:
                of_msp = by_split[0][1].get("msp")
                images += image_lines(plan, run.name, target, calibration, state, of_msp)
        for of_one in with_means(by_calibration, means):
            rows += [number.row for number in of_one]
            if of_one and of_one[0].row.calibration in means:
                files.append(write_replicates_of(folder, of_one))
    return Measured(rows, lines, curves, images, files)


def _holds_reference(target: Reported, reference: Target | None) -> bool:
    """Tell if images of the reference are among those of a target that is not the reference itself."""
    if reference is None or reference == target:
        return False
    inside = [m for m in target.members() if m.dataset == reference.dataset]
    if not inside:
        return False
    ids = {sample.id for member in reference.members() for sample in member.domain.samples}
    return any(sample.id in ids for member in inside for sample in member.domain.samples)


def _note_void(run: ModelRun, target: Target, state: DomainState) -> None:
    """Say once that a domain has much void; where a few masks are all that there are, the check has looked at them."""
    is_first = run.name == next((source.name for source in run.plan.models), run.name)
    is_said = target.domain.union and all(member in run.plan.tests for member in target.members())
    if is_first and not is_said and len(target.domain.samples) > MASKS_TO_DECODE:
        masks = f"all {len(target.domain.samples)} masks"
        if line := void_note(target.dataset, state.roles[VOID_ROLE], sum(state.roles), masks):
            run.progress.note(f"{target}: {line}; reliseg check looks for the reason")


RELIABILITY_HEADER = "model,dataset,domain,calibration,bin,low,high,pixels,right,confidence\n"
"""The columns of `reliability.csv`: bins (low, high] of msp, their pixels, right ones, and sum of confidence."""


def _reliability_lines(origin: list[str], state: DomainState) -> Iterator[str]:
    counts, right, sums = reliability(state.pixels.top)
    bounds = edges()
    for b, (n, hits, total) in enumerate(zip(counts, right, real(sums), strict=True)):
        numbers = [b, float(bounds[b]), float(bounds[b + 1]), int(n), int(hits), float(total)]
        yield csv_line([*origin, *numbers])


def _thresholds_by_split(
    run: ModelRun, target: Reported, calibration: str, thresholds: Thresholds
) -> list[tuple[str, Mapping[str, Threshold]]]:
    """Return splits with their thresholds for a target: a calibration's own split, all splits for identity.

    A calibration that was loaded without thresholds has none: its split is not here.
    """
    plan = run.plan
    names = [s.name for s in plan.splits() if s.classes == target.classes]
    names += [r.split for r in plan.loaded.get(run.name, ()) if r.classes == target.classes]
    reaching = [name for name in dict.fromkeys(names) if all(plan.split_reaches(name, m) for m in target.members())]
    by_split = [(name, thresholds[name, calibration]) for name in reaching if (name, calibration) in thresholds]
    return by_split or [(calibration.partition("@")[2], {})]


def _numbers(
    metrics: list[Metric],
    state: DomainState,
    reference: DomainState | None,
    origin: Origin,
    thresholds: list[tuple[str, Mapping[str, Threshold]]],
) -> Iterator[Number]:
    known = int(state.images.known.sum())
    by_split = [(replace(origin, fitted_on=name), replace(state, thresholds=t)) for name, t in thresholds]
    sets = tuple(unit_set(s.units) for s in (state, reference) if s and s.units)
    for metric in metrics:
        if metric.needs_annotation and not state.annotated:
            continue
        quantities = metric.quantities()
        for row_origin, row_state in by_split if metric.reads_thresholds else [(origin, state)]:
            values = compute_values(metric, row_state, reference)
            replicates = replicates_by_value(metric, values, row_state, reference)
            for value, found in zip(values, replicates, strict=True):
                row = Row.of(row_origin, value, n_images=len(state.images), n_pixels=known)
                scale = quantities[value.metric].scale
                yield Number(row, scale, found, sets, metric.without_interval).with_interval()


def _reference(run: ModelRun, target: Reported, calibration: str, incomplete: Collection[Target]) -> Target | None:
    """Return the in-domain target; None for the reference itself, and where this calibration does not reach it."""
    reference = run.plan.reference
    if reference is None or reference == target or any(m in incomplete for m in reference.members()):
        return None
    return reference if calibration in run.plan.calibrations_for(reference, run.name) else None


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
