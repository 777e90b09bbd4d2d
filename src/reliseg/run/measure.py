"""Store -> metrics -> results. Reads shards one by one: memory does not grow with their number."""

from collections.abc import Collection, Iterator
from pathlib import Path

from reliseg.data import DataSet
from reliseg.labels import LabelSpace
from reliseg.metrics import METRICS, DomainState, ImageSummary, Metric
from reliseg.results import Origin, Row
from reliseg.run.plan import Plan, Target, shards
from reliseg.run.seeds import with_means
from reliseg.run.store import load_shard
from reliseg.stats import PixelStatistics, reliability
from reliseg.stats.bins import edges
from reliseg.stats.fixed import real


def measure(
    plan: Plan, model: str, labels: LabelSpace, folder: Path, incomplete: Collection[str]
) -> tuple[list[Row], list[str]]:
    """The rows of one model, in the order of the plan, and the lines of its reliability table.

    `labels` are the model's, `folder` holds its shards; `incomplete` names domains that get no rows.
    """
    metrics = [METRICS.get(name)() for name in plan.settings.metrics or METRICS.names()]
    rows: list[Row] = []
    lines: list[str] = []
    for target in plan.tests:
        if any(str(m) in incomplete for m in target.members()):
            continue
        found: dict[str, list[Row]] = {}
        for calibration in plan.calibrations_for(target.dataset, model):
            state = _state(plan, target, calibration, labels, folder)
            reference = _reference(plan, model, target, calibration, incomplete)
            other = _state(plan, reference, calibration, labels, folder) if reference else None
            found[calibration] = list(_rows(metrics, state, other, _origin(plan, model, target, calibration)))
            if state.annotated:
                lines += _reliability_lines(f"{model},{target.dataset.name},{target.domain.name},{calibration}", state)
        rows += with_means(found, plan.means_for(target.dataset, model))
    return rows, lines


RELIABILITY_HEADER = "model,dataset,domain,calibration,bin,low,high,pixels,right,confidence\n"
"""The columns of `reliability.csv`: bins (low, high] of msp, their pixels, right ones, and sum of confidence."""


def _reliability_lines(origin: str, state: DomainState) -> Iterator[str]:
    counts, right, sums = reliability(state.pixels.top)
    bounds = edges()
    for b, (n, hits, total) in enumerate(zip(counts, right, real(sums), strict=True)):
        yield f"{origin},{b},{float(bounds[b])!r},{float(bounds[b + 1])!r},{n},{hits},{float(total)!r}\n"


def _rows(metrics: list[Metric], state: DomainState, reference: DomainState | None, origin: Origin) -> Iterator[Row]:
    known = int(state.images.known.sum())
    for metric in metrics:
        if metric.needs_annotation and not state.annotated:
            continue
        for value in metric.compute(state, reference):
            yield Row.of(origin, value, n_images=len(state.images), n_pixels=known)


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


def _state(plan: Plan, target: Target, calibration: str, labels: LabelSpace, folder: Path) -> DomainState:
    layout = plan.layout(target.dataset)
    pixels, images = PixelStatistics.zero(layout), []
    for member in target.members():
        for shard in shards(member):
            stored = load_shard(folder / shard.path, (calibration,))
            if stored is None:
                raise FileNotFoundError(f"{folder / shard.path} is gone or broken since it was written")
            observed = stored.observed[calibration]
            pixels = pixels + observed.pixels
            images.append(ImageSummary.of(observed.samples))
    return DomainState(
        labels=target.dataset.labels,
        scores=layout.scores,
        pixels=pixels,
        images=ImageSummary.union(images, len(layout.scores)),
        unreachable=_unreachable(target.dataset, labels),
        annotated=all(m.domain.annotated for m in target.members()),
    )


def _unreachable(dataset: DataSet, labels: LabelSpace) -> tuple[int, ...]:
    return dataset.projection(labels).unreachable
