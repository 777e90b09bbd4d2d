"""Which pieces add up to all samples of a shard, and what is missing: for each score, as pieces may hold other ones."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from reliseg.run.store.piece_files import StoredHead
from reliseg.stats import Layout

BASE = ""
"""The part that every piece holds. No score has this name, or that of an extra part."""


def extra_part(name: str) -> str:
    """Return the part of one of `stats.pixels.EXTRAS`: pieces hold it whose layout says so."""
    return f"+{name}"


CLASSWISE = extra_part("classwise")


@dataclass(frozen=True, eq=False)
class Piece:
    """A piece that is whole, and the file it lies in."""

    path: Path
    stored: StoredHead

    @cached_property
    def samples(self) -> frozenset[str]:
        """The ids of its samples."""
        return frozenset(self.stored.head.hashes)

    def holds(self, part: str, codes: Mapping[str, str]) -> bool:
        """Tell if it counts a score, or an extra part; `codes` are those of scores of other packages now."""
        if part == BASE:
            return True
        layout, head = self.stored.layout, self.stored.head
        if part in layout.scores:
            return head.codes.get(part) == codes.get(part)
        return part in map(extra_part, layout.extras)


@dataclass(frozen=True, eq=False)
class Missing:
    """What a shard lacks: these samples, with these statistics."""

    samples: frozenset[str]
    layout: Layout


@dataclass(frozen=True, eq=False)
class Cover:
    """The pieces of a shard under one calibration, each sample once, for each part of the statistics."""

    sources: Mapping[str, tuple[Piece, ...]]
    """By part: `BASE`, the extra ones that are wanted, and each score."""
    samples: frozenset[str]
    """Those that all parts hold."""
    is_even: bool
    """True if no part holds more samples than another: then what is there can be measured."""
    missing: Missing | None
    """None where everything is there."""

    def pieces(self) -> tuple[Piece, ...]:
        """Return all pieces that are used, each once."""
        return tuple({piece.path: piece for pieces in self.sources.values() for piece in pieces}.values())


def cover(pieces: Iterable[Piece], ids: Collection[str], layout: Layout, codes: Mapping[str, str]) -> Cover:
    """Return how pieces whose files are as they were cover these samples. The largest are used first."""
    every = frozenset(ids)
    ordered = sorted((p for p in pieces if p.samples <= every), key=lambda p: (-len(p.samples), p.path.name))
    parts = [BASE, *map(extra_part, layout.extras), *layout.scores]
    sources = {part: _apart(p for p in ordered if p.holds(part, codes)) for part in parts}
    held = {part: frozenset().union(*(piece.samples for piece in found)) for part, found in sources.items()}
    lacking = {part: every - there for part, there in held.items() if there != every}
    return Cover(
        sources,
        frozenset.intersection(*held.values()),
        len(set(held.values())) == 1,
        _missing(lacking, every, layout) if lacking else None,
    )


def _apart(pieces: Iterable[Piece]) -> tuple[Piece, ...]:
    """Return the pieces that share no sample with those before."""
    chosen: list[Piece] = []
    seen: set[str] = set()
    for piece in pieces:
        if not seen & piece.samples:
            chosen.append(piece)
            seen |= piece.samples
    return tuple(chosen)


def _missing(lacking: Mapping[str, frozenset[str]], every: frozenset[str], layout: Layout) -> Missing:
    """Return what is to be counted: where parts lack different samples, all of them, so that one piece holds them."""
    kinds = set(lacking.values())
    samples = kinds.pop() if len(kinds) == 1 else every
    scores = tuple(s for s in layout.scores if s in lacking or s == "msp")  # a layout has msp at least
    extras = [name for name in layout.extras if extra_part(name) in lacking]
    return Missing(samples, replace(layout, scores=scores).with_extras(extras))


def same_parts(pieces: Collection[Piece]) -> bool:
    """Tell if these pieces hold the same statistics, so that they can be added up."""
    return len({(p.stored.layout, tuple(sorted(p.stored.head.codes.items()))) for p in pieces}) <= 1
