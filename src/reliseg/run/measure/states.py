"""What is stored of some domains under one calibration, as metrics read it: shard by shard."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from reliseg.labels import LabelSpace
from reliseg.metrics import DomainState, ImageSummary
from reliseg.metrics.units import PackedRows, ShardRows, UnitImage, UnitRows, roles_of
from reliseg.plan.plan import Target
from reliseg.plan.shards import Shard
from reliseg.run.evaluate.coverage import Coverage, Coverages
from reliseg.run.predict.model_facts import ModelFacts
from reliseg.run.store.cover import BASE, CLASSWISE, Cover, Piece, extra_part
from reliseg.run.store.piece_files import PieceRows, lost_piece_error, open_piece
from reliseg.run.store.sums import HistogramSums, PixelSums, ReadHistograms
from reliseg.run.store.zip_members import UNREADABLE
from reliseg.scores import SCORES
from reliseg.stats import SampleTable
from reliseg.stats.bins import ROLES


def load_state(
    coverages: Coverages,
    members: Sequence[Target],
    calibration: str,
    *,
    with_units: bool = False,
    with_histograms: bool = True,
) -> DomainState:
    """Return the sum of the stored statistics of these domains, with the fine histograms of scores or without.

    With units, what intervals need of each image is read too: some kB for each score. Where data sets have different
    classes, their pixels do not add up: those of the state are none. Samples that are not stored are not in it.
    """
    run = coverages.run
    labels = _labels_of_all(members)
    layout = run.plan.layout(members[0].dataset)
    sums = _Sums(PixelSums(layout), HistogramSums(layout.scores if labels and with_histograms else ()))
    images = ImageSummary.allocate(sum(len(m.domain.samples) for m in members), len(layout.scores))
    roles = np.zeros(ROLES, np.int64)
    filled = 0
    covers = coverages.covers(members, calibration)
    names = [name for of, shard, cover in covers for name in _unit_images(of.target, shard, cover)]
    rows = UnitRows(names, layout) if with_units and names and labels else None
    for coverage, _, cover in covers:
        part = _load_shard(coverage, cover, sums if labels else None, with_units=rows is not None)
        roles += part.roles
        images.rows[filled : filled + len(part.images)] = part.images.rows
        filled += len(part.images)
        if rows is not None and part.units is not None:
            rows.add(part.units)
    return DomainState(
        labels=labels or members[0].dataset.labels,
        scores=layout.scores,
        pixels=replace(sums.pixels.statistics(), ranks=ReadHistograms(sums.histograms.filled())),
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

    That must be among what the plan counts; other columns may be empty there, and coarse bins of scores are.
    """
    for coverage, _, cover in coverages.covers(members, calibration):
        for piece in cover.sources[extra_part(extra)]:
            yield coverage.target, _read(piece).table


def _unit_images(target: Target, shard: Shard, cover: Cover) -> Iterator[UnitImage]:
    """Yield what intervals call the images of a shard that are there, in the order of their ids."""
    hashes = {i: digest for piece in cover.sources[BASE] for i, digest in piece.stored.head.hashes.items()}
    scenes = {sample.id: sample.scene for sample in shard.samples}
    for sample in sorted(cover.samples):
        name = f"{target.dataset.name}/{sample}"
        yield UnitImage(name, f"{target.dataset.name}/{scenes[sample]}", hashes[sample])


@dataclass(frozen=True, eq=False)
class _Sums:
    """Sums over all pieces that are read."""

    pixels: PixelSums
    histograms: HistogramSums


@dataclass(frozen=True, eq=False)
class _ShardState:
    """The numbers of a shard's images in the order of their ids."""

    roles: np.ndarray
    images: ImageSummary
    units: PackedRows | None


def _load_shard(coverage: Coverage, cover: Cover, sums: _Sums | None, *, with_units: bool) -> _ShardState:
    """Read the pieces of a shard, each once, and add its pixels to sums.

    Each part comes from pieces that hold it: one piece may hold other scores.
    """
    layout = coverage.layout
    roles = np.zeros(ROLES, np.int64)
    place = {sample: i for i, sample in enumerate(sorted(cover.samples))}
    images = ImageSummary.allocate(len(place), len(layout.scores))
    units = ShardRows(len(place), layout) if with_units else None
    for piece in cover.pieces():
        parts = {part for part, pieces in cover.sources.items() if piece in pieces}
        read = _read(piece, parts, sums)
        table = read.table
        rows = slice(None) if table.ids == tuple(place) else [place[sample] for sample in table.ids]
        summary = ImageSummary.of(table)
        if BASE in parts:
            roles += table.pixels.sum(axis=0)
            images.put(rows, summary)
            if units is not None:
                units.put(rows, table)
        if units is not None and layout.classwise and CLASSWISE in parts:
            units.put_classwise(rows, table)
        own = piece.stored.layout.scores
        for k, score in enumerate(layout.scores):
            if score in parts:
                images.put_score(rows, k, summary, own.index(score))
                if units is not None:
                    units.put_score(rows, score, *read.coarse.filled(own.index(score), roles_of(score)))
    return _ShardState(roles, images, units.packed() if units else None)


def _read(piece: Piece, parts: Collection[str] = (), sums: _Sums | None = None) -> PieceRows:
    """Return the rows of a piece, and add these parts of its pixels to sums.

    The piece was verified when it was found: that its statistics agree is not looked at again, their digests are.
    """
    try:
        with open_piece(piece.path) as opened:
            if opened.head.layout != piece.stored.layout:
                raise lost_piece_error(piece.path)
            rows = opened.rows()
            if sums is not None:
                sums.pixels.add(opened, parts)
                sums.histograms.add(opened, parts, int(rows.table.pixels.sum()))
            return rows
    except UNREADABLE as error:
        raise lost_piece_error(piece.path) from error


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
