"""What is stored of some domains under one calibration, as metrics read it: shard by shard."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from reliseg.labels import LabelSpace
from reliseg.metrics import DomainState, ImageSummary
from reliseg.metrics.units import PackedRows, ShardRows, UnitImage, UnitRows
from reliseg.plan.plan import Target
from reliseg.plan.shards import Shard
from reliseg.run.evaluate.coverage import Coverage, Coverages
from reliseg.run.predict.model_facts import ModelFacts
from reliseg.run.store.cover import BASE, CLASSWISE, Cover, Piece, extra_part
from reliseg.run.store.histograms import StoredScoreHistograms
from reliseg.run.store.piece_files import Observed, load_piece, lost_piece_error
from reliseg.scores import SCORES
from reliseg.stats import PixelStatistics, SampleTable
from reliseg.stats.bins import ROLES
from reliseg.stats.pixels import ClassWise


def load_state(
    coverages: Coverages, members: Sequence[Target], calibration: str, *, with_units: bool = False
) -> DomainState:
    """Return the sum of the stored statistics of these domains; histograms are read only when they are asked for.

    With units, what intervals need of each image is read too: some kB for each score. Where data sets have different
    classes, their pixels do not add up: those of the state are none. Samples that are not stored are not in it.
    """
    run = coverages.run
    labels = _labels_of_all(members)
    layout = run.plan.layout(members[0].dataset)
    pixels = PixelStatistics.zero_without_ranks(layout)
    images = ImageSummary.allocate(sum(len(m.domain.samples) for m in members), len(layout.scores))
    roles = np.zeros(ROLES, np.int64)
    pieces: dict[str, list[Path]] = {score: [] for score in layout.scores}
    filled = 0
    covers = [(of, shard, cover) for of in map(coverages.of, members) for shard, cover in of.covers(calibration)]
    names = [name for of, shard, cover in covers for name in _unit_images(of.target, shard, cover)]
    rows = UnitRows(names, layout) if with_units and names and labels else None
    for coverage, _, cover in covers:
        part = _load_shard(coverage, cover, with_units=rows is not None)
        pixels = pixels + part.pixels if labels else pixels
        roles += part.roles
        images.rows[filled : filled + len(part.images)] = part.images.rows
        filled += len(part.images)
        if rows is not None and part.units is not None:
            rows.add(part.units)
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
        units=rows.units() if rows else None,
    )


def rows_of_images(
    coverages: Coverages, members: Sequence[Target], calibration: str, extra: str
) -> Iterator[tuple[Target, SampleTable]]:
    """Yield the rows of the images of these domains, a piece's at a time, which hold one of `stats.pixels.EXTRAS`.

    That must be among what the plan counts; other columns may be empty there.
    """
    for coverage in map(coverages.of, members):
        for _, cover in coverage.covers(calibration):
            for piece in cover.sources[extra_part(extra)]:
                yield coverage.target, _observed(piece).samples


def _unit_images(target: Target, shard: Shard, cover: Cover) -> Iterator[UnitImage]:
    """Yield what intervals call the images of a shard that are there, in the order of their ids."""
    hashes = {i: digest for piece in cover.sources[BASE] for i, digest in piece.stored.head.hashes.items()}
    scenes = {sample.id: sample.scene for sample in shard.samples}
    for sample in sorted(cover.samples):
        name = f"{target.dataset.name}/{sample}"
        yield UnitImage(name, f"{target.dataset.name}/{scenes[sample]}", hashes[sample])


@dataclass(frozen=True, eq=False)
class _ShardState:
    """A shard's statistics without histograms of scores, and the numbers of its images in the order of their ids."""

    pixels: PixelStatistics
    roles: np.ndarray
    images: ImageSummary
    units: PackedRows | None


def _load_shard(coverage: Coverage, cover: Cover, *, with_units: bool) -> _ShardState:
    """Add up the pieces of a shard. Each part comes from pieces that hold it: one piece may hold other scores."""
    layout = coverage.layout
    pixels = PixelStatistics.zero_without_ranks(layout.with_extras(()))
    classwise = ClassWise.zero(layout) if layout.classwise else None
    roles = np.zeros(ROLES, np.int64)
    place = {sample: i for i, sample in enumerate(sorted(cover.samples))}
    images = ImageSummary.allocate(len(place), len(layout.scores))
    units = ShardRows(len(place), layout) if with_units else None
    for piece in cover.pieces():
        observed = _observed(piece)
        rows = [place[sample] for sample in observed.samples.ids]
        summary = ImageSummary.of(observed.samples)
        if piece in cover.sources[BASE]:
            pixels = pixels + replace(observed.pixels, classwise=None, ranks={})
            roles += observed.samples.pixels.sum(axis=0)
            images.put(rows, summary)
            if units is not None:
                units.put(rows, observed.samples)
        if classwise is not None and piece in cover.sources[CLASSWISE] and observed.pixels.classwise is not None:
            classwise = classwise + observed.pixels.classwise
            if units is not None:
                units.put_classwise(rows, observed.samples)
        own = piece.stored.layout.scores
        for k, score in enumerate(layout.scores):
            if piece in cover.sources[score]:
                images.put_score(rows, k, summary, own.index(score))
                if units is not None:
                    units.put_score(rows, score, observed.samples, own.index(score))
    return _ShardState(replace(pixels, classwise=classwise), roles, images, units.packed() if units else None)


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
