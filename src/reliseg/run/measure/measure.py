"""From stored statistics to rows of results. Shards are read one by one: a dozen numbers per image stay in memory."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeAlias

import numpy as np

from reliseg.data import MASKS_TO_DECODE, void_note
from reliseg.labels import LabelSpace
from reliseg.metrics import METRICS, DomainState, ImageSummary, Metric, compute_values
from reliseg.plan.plan import IDENTITY, Reported, Target
from reliseg.results import Origin, Row, csv_line
from reliseg.run.context import ModelRun
from reliseg.run.evaluate.coverage import Coverage, Coverages
from reliseg.run.measure.seed_means import with_means
from reliseg.run.predict.model_facts import ModelFacts
from reliseg.run.store.cover import BASE, CLASSWISE, Cover, Piece
from reliseg.run.store.piece_files import Observed, StoredScoreHistograms, load_piece, lost_piece_error
from reliseg.scores import SCORES
from reliseg.stats import PixelStatistics, reliability
from reliseg.stats.bins import ROLES, VOID_ROLE, edges
from reliseg.stats.fixed import real
from reliseg.stats.pixels import ClassWise
from reliseg.stats.threshold import Threshold

Thresholds: TypeAlias = Mapping[tuple[str, str], Mapping[str, Threshold]]
"""By calibration split and calibration, then by score."""


def measure(
    coverages: Coverages, incomplete: Collection[Target], thresholds: Thresholds
) -> tuple[list[Row], list[str]]:
    """Return the rows of one model, in the order of the plan, and the lines of its reliability table.

    `incomplete` are domains that get no rows; `thresholds` are those of the model's calibration splits.
    """
    run, plan = coverages.run, coverages.run.plan
    metrics = [METRICS.get(name)() for name in plan.settings.metrics]
    rows: list[Row] = []
    lines: list[str] = []
    for target in plan.reported():
        if any(m in incomplete for m in target.members()):
            continue
        by_calibration: dict[str, list[Row]] = {}
        holds_reference = _holds_reference(target, plan.reference)
        measured = [m for m in metrics if m.reads_images_alone or target.classes is not None]
        for calibration in plan.calibrations_for(target, run.name):
            state = replace(load_state(coverages, target.members(), calibration), holds_reference=holds_reference)
            reference = _reference(run, target, calibration, incomplete)
            other = load_state(coverages, reference.members(), calibration) if reference else None
            by_split = _thresholds_by_split(run, target, calibration, thresholds)
            origin = _origin(run, target, calibration)
            lost = sum(len(m.domain.samples) for m in target.members()) - len(state.images)
            rows_of = _rows(measured, state, other, origin, by_split)
            by_calibration[calibration] = [replace(row, skipped=lost) for row in rows_of] if lost else list(rows_of)
            if isinstance(target, Target) and state.annotated and calibration == IDENTITY:
                _note_void(run, target, state)
            if state.annotated and target.classes is not None:
                lines += _reliability_lines([run.name, *target.names, calibration], state)
        rows += with_means(by_calibration, plan.means_for(target, run.name))
    return rows, lines


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


def _rows(
    metrics: list[Metric],
    state: DomainState,
    reference: DomainState | None,
    origin: Origin,
    thresholds: list[tuple[str, Mapping[str, Threshold]]],
) -> Iterator[Row]:
    known = int(state.images.known.sum())
    by_split = [(replace(origin, fitted_on=name), replace(state, thresholds=t)) for name, t in thresholds]
    for metric in metrics:
        if metric.needs_annotation and not state.annotated:
            continue
        for row_origin, row_state in by_split if metric.reads_thresholds else [(origin, state)]:
            for value in compute_values(metric, row_state, reference):
                yield Row.of(row_origin, value, n_images=len(state.images), n_pixels=known)


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


def load_state(coverages: Coverages, members: Sequence[Target], calibration: str) -> DomainState:
    """Return the sum of the stored statistics of these domains; histograms are read only when they are asked for.

    Where data sets have different classes, their pixels do not add up: those of the state are none. Samples that are
    not stored are not in it.
    """
    run = coverages.run
    labels = _labels_of_all(members)
    layout = run.plan.layout(members[0].dataset)
    pixels = PixelStatistics.zero_without_ranks(layout)
    images = ImageSummary.allocate(sum(len(m.domain.samples) for m in members), len(layout.scores))
    roles = np.zeros(ROLES, np.int64)
    pieces: dict[str, list[Path]] = {score: [] for score in layout.scores}
    filled = 0
    for coverage in map(coverages.of, members):
        for _, cover in coverage.covers(calibration):
            part = _load_shard(coverage, cover)
            pixels = pixels + part.pixels if labels else pixels
            roles += part.roles
            images.rows[filled : filled + len(part.images)] = part.images.rows
            filled += len(part.images)
            for score in layout.scores:
                pieces[score] += [piece.path for piece in cover.sources[score]]
    return DomainState(
        labels=labels or members[0].dataset.labels,
        scores=layout.scores,
        pixels=replace(pixels, ranks=StoredScoreHistograms(pieces)),
        images=ImageSummary(images.rows[:filled]),
        unreachable=_unreachable(members, run.facts.labels),
        annotated=all(m.domain.annotated for m in members),
        roles=tuple(roles.tolist()),
        undefined_scores=_undefined_scores(run.facts, layout.scores),
    )


@dataclass(frozen=True, eq=False)
class _ShardState:
    """A shard's statistics without histograms of scores, and the numbers of its images in the order of their ids."""

    pixels: PixelStatistics
    roles: np.ndarray
    images: ImageSummary


def _load_shard(coverage: Coverage, cover: Cover) -> _ShardState:
    """Add up the pieces of a shard. Each part comes from pieces that hold it: one piece may hold other scores."""
    layout = coverage.layout
    pixels = PixelStatistics.zero_without_ranks(replace(layout, classwise=False))
    classwise = ClassWise.zero(layout) if layout.classwise else None
    roles = np.zeros(ROLES, np.int64)
    place = {sample: i for i, sample in enumerate(sorted(cover.samples))}
    images = ImageSummary.allocate(len(place), len(layout.scores))
    for piece in cover.pieces():
        observed = _observed(piece)
        rows = [place[sample] for sample in observed.samples.ids]
        summary = ImageSummary.of(observed.samples)
        if piece in cover.sources[BASE]:
            pixels = pixels + replace(observed.pixels, classwise=None, ranks={})
            roles += observed.samples.pixels.sum(axis=0)
            images.put(rows, summary)
        if classwise is not None and piece in cover.sources[CLASSWISE] and observed.pixels.classwise is not None:
            classwise = classwise + observed.pixels.classwise
        own = piece.stored.layout.scores
        for k, score in enumerate(layout.scores):
            if piece in cover.sources[score]:
                images.put_score(rows, k, summary, own.index(score))
    return _ShardState(replace(pixels, classwise=classwise), roles, images)


def _observed(piece: Piece) -> Observed:
    stored = load_piece(piece.path, ranks=False)
    if stored is None or stored.layout != piece.stored.layout:
        raise lost_piece_error(piece.path)
    return stored.observed


def _labels_of_all(members: Sequence[Target]) -> LabelSpace | None:
    """Return the labels of these domains together, with the classes absent that are so in all; None if they differ."""
    spaces = [m.dataset.labels for m in members]
    if any(space.classes != spaces[0].classes for space in spaces):
        return None
    return replace(spaces[0], absent=frozenset.intersection(*(space.absent for space in spaces)))


def _undefined_scores(model: ModelFacts, scores: Sequence[str]) -> dict[str, str]:
    reasons = {}
    for name in scores:
        score = SCORES.get(name)
        if score.needs_logits and model.gives_probabilities:
            reasons[name] = "the model gives probabilities, and this score needs logits"
        elif score.given_by_model and name not in model.gives_scores:
            reasons[name] = f"the model does not give it; it comes with {score.comes_with}"
    return reasons


def _unreachable(members: Sequence[Target], labels: LabelSpace) -> tuple[int, ...]:
    """Return the classes that no model class maps to in any data set: a split may hold domains of several."""
    return tuple(sorted({c for m in members for c in m.dataset.projection(labels).unreachable}))
