"""Store -> metrics -> results. Reads shards one by one: a dozen numbers per image stay in memory."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TypeAlias

from reliseg.labels import LabelSpace
from reliseg.metrics import METRICS, DomainState, ImageSummary, Metric
from reliseg.plan.plan import Plan, Target, shards
from reliseg.results import Origin, Row, csv_line
from reliseg.run.evaluate.shard_files import StoredScoreHistograms, gone, load_shard
from reliseg.run.measure.seed_means import with_means
from reliseg.stats import PixelStatistics, reliability
from reliseg.stats.bins import edges
from reliseg.stats.fixed import real
from reliseg.stats.threshold import Threshold

Thresholds: TypeAlias = Mapping[tuple[str, str], Mapping[str, Threshold]]
"""By calibration split and calibration, then by score."""


def measure(
    plan: Plan, model: str, labels: LabelSpace, folder: Path, incomplete: Collection[str], thresholds: Thresholds
) -> tuple[list[Row], list[str]]:
    """The rows of one model, in the order of the plan, and the lines of its reliability table.

    `labels` are the model's, `folder` holds its shards; `incomplete` names domains that get no rows; `thresholds`
    are those of the model's calibration splits.
    """
    metrics = [METRICS.get(name)() for name in plan.settings.metrics]
    rows: list[Row] = []
    lines: list[str] = []
    for target in plan.tests:
        if any(str(m) in incomplete for m in target.members()):
            continue
        found: dict[str, list[Row]] = {}
        for calibration in plan.calibrations_for(target.dataset, model):
            state = state_of(plan, target.members(), calibration, labels, folder)
            reference = _reference(plan, model, target, calibration, incomplete)
            other = state_of(plan, reference.members(), calibration, labels, folder) if reference else None
            chosen = _chosen(plan, model, target, calibration, thresholds)
            found[calibration] = list(_rows(metrics, state, other, _origin(plan, model, target, calibration), chosen))
            if state.annotated:
                lines += _reliability_lines([model, target.dataset.name, target.domain.name, calibration], state)
        rows += with_means(found, plan.means_for(target.dataset, model))
    return rows, lines


RELIABILITY_HEADER = "model,dataset,domain,calibration,bin,low,high,pixels,right,confidence\n"
"""The columns of `reliability.csv`: bins (low, high] of msp, their pixels, right ones, and sum of confidence."""


def _reliability_lines(origin: list[str], state: DomainState) -> Iterator[str]:
    counts, right, sums = reliability(state.pixels.top)
    bounds = edges()
    for b, (n, hits, total) in enumerate(zip(counts, right, real(sums), strict=True)):
        numbers = [b, float(bounds[b]), float(bounds[b + 1]), int(n), int(hits), float(total)]
        yield csv_line([*origin, *numbers])


def _chosen(
    plan: Plan, model: str, target: Target, calibration: str, thresholds: Thresholds
) -> list[tuple[str, Mapping[str, Threshold]]]:
    """The thresholds for a target, and their split: its own for a calibration, those of all splits for identity.

    None for a calibration that was loaded without: its split is not here.
    """
    names = [s.name for s in plan.splits() if s.classes == target.dataset.labels.classes]
    names += [r.split for r in plan.loaded_for(target.dataset, model)]
    found = [
        (name, thresholds[name, calibration]) for name in dict.fromkeys(names) if (name, calibration) in thresholds
    ]
    return found or [(calibration.partition("@")[2], {})]


def _rows(
    metrics: list[Metric],
    state: DomainState,
    reference: DomainState | None,
    origin: Origin,
    chosen: list[tuple[str, Mapping[str, Threshold]]],
) -> Iterator[Row]:
    known = int(state.images.known.sum())
    by_split = [(replace(origin, fitted_on=name), replace(state, thresholds=found)) for name, found in chosen]
    for metric in metrics:
        if metric.needs_annotation and not state.annotated:
            continue
        for whence, read in by_split if metric.reads_thresholds else [(origin, state)]:
            for value in metric.compute(read, reference):
                yield Row.of(whence, value, n_images=len(state.images), n_pixels=known)


def _reference(plan: Plan, model: str, target: Target, calibration: str, incomplete: Collection[str]) -> Target | None:
    """The in-domain target; None for the reference itself, and where this calibration does not reach it."""
    reference = plan.reference
    if reference is None or str(reference) == str(target):
        return None
    if any(str(m) in incomplete for m in reference.members()):
        return None
    return reference if calibration in plan.calibrations_for(reference.dataset, model) else None


def _origin(plan: Plan, model: str, target: Target, calibration: str) -> Origin:
    return Origin(
        model=model,
        dataset=target.dataset.name,
        domain=target.domain.name,
        reference="" if plan.reference is None or str(plan.reference) == str(target) else str(plan.reference),
        calibration=calibration,
        fitted_on=calibration.partition("@")[2],
        seed=plan.seed_of(calibration, model),
    )


def state_of(plan: Plan, members: Sequence[Target], calibration: str, labels: LabelSpace, folder: Path) -> DomainState:
    """All stored statistics of these domains under a calibration, added up; ranks only as they are asked for."""
    dataset = members[0].dataset
    layout = plan.layout(dataset)
    parts = [shard for member in members for shard in shards(member)]
    paths = [folder / shard.path for shard in parts]
    pixels = PixelStatistics.zero_without_ranks(layout)
    images = ImageSummary.allocate(sum(len(shard.samples) for shard in parts), len(layout.scores))
    done = 0
    for path in paths:
        stored = load_shard(path, (calibration,), ranks=False)
        if stored is None:
            raise gone(path)
        observed = stored.observed[calibration]
        pixels = pixels + observed.pixels
        rows = ImageSummary.of(observed.samples).rows
        images.rows[done : done + len(rows)] = rows
        done += len(rows)
    return DomainState(
        labels=dataset.labels,
        scores=layout.scores,
        pixels=replace(pixels, ranks=StoredScoreHistograms(paths, calibration, layout.scores)),
        images=images,
        unreachable=_unreachable(members, labels),
        annotated=all(m.domain.annotated for m in members),
    )


def _unreachable(members: Sequence[Target], labels: LabelSpace) -> tuple[int, ...]:
    """Those of any data set: a calibration split may hold domains of several, with the same classes."""
    return tuple(sorted({c for m in members for c in m.dataset.projection(labels).unreachable}))
