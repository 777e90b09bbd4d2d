"""What is kept of each image or scene, so that numbers can be computed again without it."""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal, NamedTuple, TypeAlias

import numpy as np

from reliseg.metrics.class_rows import Numbers, by_class, no_class_tables, probabilities
from reliseg.metrics.exact import total
from reliseg.stats import Layout, SampleTable
from reliseg.stats.bins import COARSE_SHIFT, RELIABILITY_BINS, ROLES, VOID_ROLE
from reliseg.stats.built_in_scores import fine_bins
from reliseg.stats.filled.bins import FilledBins
from reliseg.stats.fixed import real
from reliseg.types import Float64, Int64, UInt32

Kind: TypeAlias = Literal["images", "scenes"]
UnitKind: TypeAlias = Kind | Literal["groups"]
Histograms: TypeAlias = Float64[np.ndarray, "m r k"]
PerUnit: TypeAlias = Float64[np.ndarray, " u"]

MOST_UNITS = 2048
"""More images or scenes are put into so many groups by their names, which are left out instead of them."""
SCENES_NEEDED = 8
"""From so many scenes on, and where they are fewer than the images, scenes are the units."""


def roles_of(score: str) -> int:
    """Return how many roles of pixels are kept of a score: of msp void ones too, for domains without annotation."""
    return ROLES if score == "msp" else VOID_ROLE


def scenes_are_units(scenes: int, images: int) -> bool:
    """Tell whether so many scenes with so many images are what is drawn, and not the images: these are alike then."""
    return SCENES_NEEDED <= scenes < images


@dataclass(frozen=True, eq=False)
class Rows:
    """Sums of pixels over sets of images, one row each: single images, units, or all units but one."""

    classes: Float64[np.ndarray, "m 3 t"]
    """Right pixels of each class, all known pixels of it, and those that are predicted as it."""
    bins: Float64[np.ndarray, "m 3 b"]
    """Known pixels, right ones and the sum of confidence, by bin of confidence."""
    losses: Float64[np.ndarray, "m 2"]
    """Sums of the negative log-likelihood and of the Brier score."""
    flips: Float64[np.ndarray, " m"]
    """Pixels whose predicted class a calibration changed."""
    by_class: Mapping[str, np.ndarray]
    """How sure pixels are, by class: see `class_rows`."""
    ranks: Mapping[str, Histograms]
    """By score, wrong, right and unknown pixels by coarse bin, the most confident first; of msp void ones too."""

    @property
    def known(self) -> Float64[np.ndarray, " m"]:
        """The number of known pixels."""
        return self.bins[:, 0].sum(axis=1)

    def __len__(self) -> int:
        return len(self.losses)

    def total(self) -> "Rows":
        """Return the sum of all rows, as one."""
        return self.each(total)

    def without_each(self, total: "Rows") -> "Rows":
        """Return for each row what is left of the `total` of all; scores and classes are computed when asked for."""
        return Rows(
            total.classes - self.classes,
            total.bins - self.bins,
            total.losses - self.losses,
            total.flips - self.flips,
            _Others(self.by_class, total.by_class),
            _Others(self.ranks, total.ranks),
        )

    def grouped(self, group: Int64[np.ndarray, " m"], groups: int) -> "Rows":
        """Return the sum of each group of rows, none of which is empty; `group` is the number of each row's."""
        return self.each(lambda a: sums_of_groups(a, group, groups))

    def each(self, change: Callable[[np.ndarray], np.ndarray]) -> "Rows":
        """Return rows whose arrays are changed in one way."""
        return Rows(
            change(self.classes),
            change(self.bins),
            change(self.losses),
            change(self.flips),
            {name: change(table) for name, table in self.by_class.items()},
            {score: change(counts) for score, counts in self.ranks.items()},
        )


@dataclass(frozen=True, eq=False)
class _Others(Mapping[str, np.ndarray]):
    """What is left of totals without each row, one array at a time."""

    rows: Mapping[str, np.ndarray]
    total: Mapping[str, np.ndarray]

    def __getitem__(self, name: str) -> np.ndarray:
        return np.asarray(self.total[name] - self.rows[name])

    def __iter__(self) -> Iterator[str]:
        return iter(self.rows)

    def __len__(self) -> int:
        return len(self.rows)


Places: TypeAlias = Sequence[int] | slice
"""Of images among the rows of a shard."""


class ShardRows:
    """The rows of a shard's images, filled in from the tables that hold them; of coarse bins only those with pixels."""

    def __init__(self, images: int, layout: Layout) -> None:
        self.classes = np.zeros((images, 3, layout.classes))
        self.bins = np.zeros((images, 3, RELIABILITY_BINS))
        self.losses = np.zeros((images, 2))
        self.flips = np.zeros(images)
        self.by_class = no_class_tables(images, layout)
        self.coarse: dict[str, list[FilledRows]] = {score: [] for score in layout.scores}

    def put(self, places: Places, table: SampleTable) -> None:
        """Set what no score tells, of the images at these places."""
        self.classes[places] = table.class_pixels
        for number, of_bin in enumerate((table.bin_counts, table.bin_right, real(table.bin_confidence))):
            self.bins[places, number] = of_bin
        self.losses[places] = real(table.losses)
        self.flips[places] = table.flips[:, 0]
        self._put_by_class(places, by_class(table))

    def put_classwise(self, places: Places, table: SampleTable) -> None:
        """Set how sure pixels are of each class, of the images at these places."""
        self._put_by_class(places, probabilities(table))

    def _put_by_class(self, places: Places, found: Numbers) -> None:
        for name, numbers in found.items():
            for number, of_class in enumerate(numbers):
                self.by_class[name][places, number] = of_class

    def put_score(self, places: Places, score: str, filled: np.ndarray, counts: np.ndarray) -> None:
        """Set which coarse bins of a score hold pixels, and how many of each role, of the images at these places."""
        self.coarse[score].append(FilledRows(places, filled, counts))

    def packed(self) -> "PackedRows":
        """Return what is to be kept."""
        return PackedRows(self.classes, self.bins, self.losses, self.flips, self.by_class, self.coarse)


@dataclass(frozen=True, eq=False)
class FilledRows:
    """The coarse bins of a score that hold pixels of some images of a shard, and how many of each role."""

    places: Places
    bins: Int64[np.ndarray, " f"]
    counts: UInt32[np.ndarray, "m r f"]


@dataclass(frozen=True, eq=False)
class PackedRows:
    """The rows of a shard's images: by score, the coarse bins of a piece's images after another's."""

    classes: np.ndarray
    bins: np.ndarray
    losses: np.ndarray
    flips: np.ndarray
    by_class: dict[str, np.ndarray]
    coarse: dict[str, list[FilledRows]]


class UnitImage(NamedTuple):
    """An image: its name and its scene's, of which no other has the same, and the digest of its files."""

    name: str
    scene: str
    digest: str


@dataclass(frozen=True, eq=False)
class Drawn:
    """What is taken as drawn at random, and so left out: images or scenes, or where they are many, groups of them."""

    kind: UnitKind
    names: tuple[str, ...]
    of_image: Int64[np.ndarray, " n"]
    """The number of the unit of each image."""

    @classmethod
    def of(cls, images: Sequence[UnitImage]) -> "Drawn":
        """Return the units of these images. Which group one is in follows from its name alone."""
        is_scenes = scenes_are_units(len({image.scene for image in images}), len(images))
        kind: UnitKind = "scenes" if is_scenes else "images"
        of_image = [image.scene if is_scenes else image.name for image in images]
        names = sorted(set(of_image))
        if len(names) > MOST_UNITS:
            groups = {name: f"group {_hash(name) % MOST_UNITS:04}" for name in names}
            of_image, kind = [groups[name] for name in of_image], "groups"
            names = sorted(set(of_image))
        number = {name: i for i, name in enumerate(names)}
        return cls(kind, tuple(names), np.array([number[name] for name in of_image], np.int64))


def _hash(name: str) -> int:
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big")


class GroupSums:
    """Sums over groups of images, added up shard by shard: what they take does not grow with the images."""

    def __init__(self, groups: int, layout: Layout) -> None:
        self.by_class = no_class_tables(groups, layout)
        self._ranks = {
            score: np.zeros((groups, roles_of(score), fine_bins(score).coarse_size)) for score in layout.scores
        }

    def add(self, shard: PackedRows, group: Int64[np.ndarray, " m"]) -> PackedRows:
        """Add the rows of a shard to those of their groups; return what is kept of its images one by one."""
        from reliseg.stats.filled.sparse import add_rows  # numba is slow to import

        for name, table in self.by_class.items():
            np.add.at(table, group, shard.by_class[name])
        for score, parts in shard.coarse.items():
            for part in parts:
                add_rows(part.counts, group[part.places], part.bins, self._ranks[score])
        return replace(shard, by_class={}, coarse={"msp": shard.coarse["msp"]})

    def ranks(self) -> tuple[dict[str, Int64[np.ndarray, " k"]], dict[str, Histograms]]:
        """Return by score the filled coarse bins, and the pixels in them."""
        filled = {score: np.flatnonzero(counts.any(axis=(0, 1))) for score, counts in self._ranks.items()}
        return filled, {score: self._ranks.pop(score)[:, :, bins] for score, bins in filled.items()}


class UnitRows:
    """The rows of a domain's images, shard by shard, until they are units. No more than `MOST_UNITS` are kept whole."""

    def __init__(self, images: Sequence[UnitImage], layout: Layout) -> None:
        self._images, self._shards, self._at = images, list[PackedRows](), 0
        self._drawn = Drawn.of(images) if len(images) > MOST_UNITS else None
        self._sums = GroupSums(len(self._drawn.names), layout) if self._drawn else None

    def add(self, shard: PackedRows) -> None:
        """Add the rows of the next images."""
        if self._sums is not None and self._drawn is not None:
            group = self._drawn.of_image[self._at : self._at + len(shard.losses)]
            self._at += len(group)
            shard = self._sums.add(shard, group)
        self._shards.append(shard)

    def units(self) -> "Units":
        """Return the units of all images."""
        return Units.of(self._shards, self._images, self._sums)


@dataclass(frozen=True, eq=False)
class Units:
    """The units of a domain under one calibration, in the order of their names: images, scenes, or groups of either."""

    kind: UnitKind
    names: tuple[str, ...]
    rows: Rows
    of_image: Int64[np.ndarray, " n"]
    """The number of the unit of each image of the domain, in the domain's order."""
    digests: tuple[str, ...]
    """Of the files of each unit's images."""
    coarse_bins: Mapping[str, Int64[np.ndarray, " k"]]
    """By score, the coarse bins that `rows` has."""
    image_names: tuple[str, ...]
    images: Rows
    """The rows of the single images, in the domain's order; of scores msp alone, and nothing by class."""

    @classmethod
    def of(
        cls, shards: Sequence[PackedRows], images: Sequence["UnitImage"], sums: "GroupSums | None" = None
    ) -> "Units":
        """Return the units of these images, which come in the order of the shards' rows.

        `sums` are those of groups, where images are so many that groups of them are the units.
        """
        drawn = Drawn.of(images)
        group, names = drawn.of_image, drawn.names
        filled = {score: _union(p.bins for shard in shards for p in shard.coarse[score]) for score in shards[0].coarse}
        classes, bins, losses, flips = (
            np.concatenate([getattr(shard, name) for shard in shards])
            for name in ("classes", "bins", "losses", "flips")
        )

        def add_up(a: np.ndarray) -> np.ndarray:
            return sums_of_groups(a, group, len(names))

        # one table after the other: what the shards have of it is let go
        by_class = {
            name: add_up(np.concatenate([shard.by_class.pop(name) for shard in shards]))
            for name in list(shards[0].by_class)
        }
        ranks, of_msp = {}, np.zeros(0)
        for score, places in filled.items():
            counts = _spread([(len(shard.losses), shard.coarse.pop(score)) for shard in shards], places, score)
            of_msp = counts if score == "msp" else of_msp
            if sums is None:
                ranks[score] = add_up(counts)
        if sums is not None:
            filled, ranks, by_class = *sums.ranks(), sums.by_class
        rows = Rows(add_up(classes), add_up(bins), add_up(losses), add_up(flips), by_class, ranks)
        files: list[list[str]] = [[] for _ in names]
        for i, image in zip(group, images, strict=True):
            files[i].append(f"{image.name} {image.digest}")
        digests = tuple(hashlib.sha256("\n".join(sorted(of_unit)).encode()).hexdigest() for of_unit in files)
        single = Rows(classes, bins, losses, flips, {}, {"msp": of_msp})
        every = tuple(image.name for image in images)
        return cls(drawn.kind, names, rows, group, digests, filled, every, single)

    @classmethod
    def of_table(cls, table: SampleTable, images: Sequence[UnitImage], layout: Layout) -> "Units":
        """Return the units of the images of one table, in its order."""
        rows, places = ShardRows(len(images), layout), list(range(len(images)))
        rows.put(places, table)
        if layout.classwise:
            rows.put_classwise(places, table)
        for number, score in enumerate(layout.scores):
            counts = table.coarse[:, number, : roles_of(score)].astype(np.uint32)
            filled = np.flatnonzero(counts.any(axis=(0, 1)))
            rows.put_score(places, score, filled, counts[:, :, filled])
        return cls.of([rows.packed()], images)

    def __len__(self) -> int:
        return len(self.names)

    @cached_property
    def with_classes(self) -> Int64[np.ndarray, "3 c"]:
        """How many units have right pixels of each class, pixels of its, and pixels that are predicted as it."""
        return np.asarray((self.rows.classes > 0).sum(axis=0))

    @cached_property
    def total(self) -> Rows:
        """The sum of all units."""
        return self.rows.total()

    @cached_property
    def without_each(self) -> Rows:
        """The sums without each of the units."""
        return self.rows.without_each(self.total)

    def sums(self, values: Float64[np.ndarray, " n"]) -> tuple[PerUnit, PerUnit]:
        """Return for each unit the sum of a number of its images, and how many have one; NaN is none."""
        there = ~np.isnan(values)
        group, values, n = self.of_image[there], values[there], len(self)
        order = np.lexsort((values, group))  # not that of names: it would change the last bits
        return np.bincount(group[order], values[order], n), np.bincount(group, minlength=n).astype(np.float64)


def sums_of_groups(a: np.ndarray, group: Int64[np.ndarray, " m"], groups: int) -> np.ndarray:
    """Return the sum of each group of rows, none of which is empty; `group` is the number of each row's.

    Counts of single images stay as narrow as they are.
    """
    if groups == len(a) and (np.diff(group) > 0).all():  # as they come
        return a
    order = np.argsort(group, kind="stable")
    rows = a[order]
    if groups == len(a):
        return rows
    return np.add.reduceat(rows.astype(np.float64), np.searchsorted(group[order], np.arange(groups)), axis=0)


def _union(filled: Iterable[np.ndarray]) -> Int64[np.ndarray, " k"]:
    """Return the bins that any shard has."""
    return np.unique(np.concatenate([np.zeros(0, np.int64), *filled]))


def _spread(
    shards: Sequence[tuple[int, Sequence[FilledRows]]], bins: Int64[np.ndarray, " k"], score: str
) -> UInt32[np.ndarray, "n r k"]:
    """Return the counts of a score of all shards, each of so many images, over these bins."""
    from reliseg.stats.filled.sparse import add_rows  # numba is slow to import

    whole = np.zeros((sum(images for images, _ in shards), roles_of(score), len(bins)), np.uint32)
    start = 0
    for images, parts in shards:
        for part in parts:
            row = np.arange(start, start + images)[part.places]
            add_rows(part.counts, row, np.searchsorted(bins, part.bins), whole)
        start += images
    return whole


def share_up_to(bins: Int64[np.ndarray, " k"], fine: FilledBins, last: int) -> Float64[np.ndarray, "r k"]:
    """Return for each role which share of each coarse bin lies in the fine bins up to `last`.

    Of the coarse bin that `last` is in, it is the share of the domain's pixels: fine bins are not kept for each unit.
    """
    at, counts = last >> COARSE_SHIFT, fine.counts
    share = np.repeat((bins < at)[None].astype(np.float64), len(counts), axis=0)
    start, stop, end = np.searchsorted(fine.places, [at << COARSE_SHIFT, last + 1, (at + 1) << COARSE_SHIFT])
    inside, before = counts[:, start:end].sum(axis=1), counts[:, start:stop].sum(axis=1)
    share[:, bins == at] = np.divide(before, inside, out=np.zeros(len(counts)), where=inside > 0)[:, None]
    return share
