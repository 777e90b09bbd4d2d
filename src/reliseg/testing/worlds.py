"""Small drawn worlds: logits and truth of a few images, and the statistics that metrics read."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from reliseg.conformal import Promise, PromisedThreshold
from reliseg.kernels import reference
from reliseg.labels import UNKNOWN, VOID, LabelSpace
from reliseg.metrics import DomainState, ImageSummary
from reliseg.metrics.units import UnitImage, Units
from reliseg.stats import Layout, LogitView, PixelStatistics, SampleTable
from reliseg.stats.bins import RIGHT, WRONG
from reliseg.stats.built_in_scores import BUILT_IN_SCORES
from reliseg.stats.threshold import Threshold
from reliseg.types import Float32, Float64, Int64, UInt8

SCORES = tuple(BUILT_IN_SCORES)


def space(classes: int, absent: Iterable[int] = ()) -> LabelSpace:
    """Return a label space of so many classes, `class-0` and so on."""
    names = tuple(f"class-{c}" for c in range(classes))
    return LabelSpace("test", names, tuple((c, c, c) for c in range(classes)), frozenset(absent))


def view_of(logits: Float32[np.ndarray, "m p"], groups: Sequence[int], columns: int, slope: float = 1.0) -> LogitView:
    """Return pixels in one row, at full resolution: nothing is interpolated."""
    size = (1, logits.shape[1])
    planes = np.ascontiguousarray(logits[:, None, :], np.float32)
    return LogitView(planes, size, False, np.asarray(groups), np.full(columns, slope))


@dataclass(frozen=True, eq=False)
class World:
    """Pixels of several images. `groups[m]` is the column of model class m, `classes` being `other`."""

    classes: int
    groups: tuple[int, ...]
    logits: Float32[np.ndarray, "m p"]
    truth: UInt8[np.ndarray, " p"]
    image: Int64[np.ndarray, " p"]
    scores: tuple[str, ...] = SCORES
    absent: tuple[int, ...] = ()

    @property
    def layout(self) -> Layout:
        """What is counted."""
        return Layout(self.classes, self.scores)

    @property
    def labels(self) -> LabelSpace:
        """The label space of the truth."""
        return space(self.classes, self.absent)

    def observe(
        self, pixels: Int64[np.ndarray, " k"] | slice = slice(None), sample: str = "a"
    ) -> tuple[PixelStatistics, SampleTable]:
        """Return the reference's statistics of some pixels, as if they were one image."""
        view = view_of(self.logits[:, pixels], self.groups, self.classes + 1)
        return reference.observe(view, self.truth[None, pixels], sample, self.layout)

    def table(self) -> SampleTable:
        """Return the statistics of each image, a row each."""
        numbers = np.unique(self.image)
        return SampleTable.union([self.observe(np.flatnonzero(self.image == i), f"{i:04}")[1] for i in numbers])

    def domain(self, *, annotated: bool = True) -> DomainState:
        """Return what a metric reads of this world."""
        unreachable = tuple(c for c in range(self.classes) if c not in self.groups)
        if not len(self.truth):
            return empty_domain(self.layout, self.labels, annotated=annotated)
        table = self.table()
        names = [UnitImage(i, i, digest="") for i in table.ids]
        return DomainState(
            self.labels,
            self.scores,
            self.observe()[0],
            ImageSummary.of(table),
            unreachable,
            annotated,
            units=Units.of_table(table, names, self.layout),
        )

    def reverse_classes(self) -> "_ReversedWorld":
        """Return the same world with its classes in reverse order, under the same names."""
        last = self.classes - 1
        return _ReversedWorld(
            self.classes,
            tuple(last - g if g <= last else g for g in self.groups),
            self.logits,
            np.where(self.truth <= last, last - self.truth, self.truth).astype(np.uint8),
            self.image,
            self.scores,
            tuple(last - c for c in self.absent),
        )


class _ReversedWorld(World):
    @property
    def labels(self) -> LabelSpace:
        """The label space of the truth: its names in reverse order."""
        space_ = super().labels
        return replace(space_, classes=space_.classes[::-1])


def empty_domain(layout: Layout, labels: LabelSpace, *, annotated: bool = True) -> DomainState:
    """Return a domain without images."""
    images = ImageSummary.of(SampleTable.empty(layout))
    return DomainState(labels, layout.scores, PixelStatistics.zero(layout), images, (), annotated)


def drawn_world(
    seed: int,
    *,
    classes: int = 5,
    pixels: int = 400,
    images: int = 4,
    spread: float = 3.0,
    noise: float = 3.0,
    groups: Sequence[int] | None = None,
    void: float = 0.1,
    unknown: float = 0.1,
    step: float = 0.0,
    absent: Sequence[int] = (),
    scores: tuple[str, ...] = SCORES,
) -> World:
    """Draw logits, and truth that agrees with them more or less; rounded to `step` there are many ties."""
    g = np.random.default_rng(seed)
    groups = tuple(range(classes)) if groups is None else tuple(groups)
    logits = g.normal(0, spread, (len(groups), pixels))
    logits = np.round(logits / step) * step if step else logits
    allowed = [c for c in range(classes) if c not in absent]
    votes = np.full((classes, pixels), -np.inf)
    for m, column in enumerate(groups):
        if column in allowed:
            votes[column] = np.maximum(votes[column], logits[m] + g.normal(0, noise, pixels))
    for c in allowed:
        if c not in groups:
            votes[c] = g.normal(0, spread, pixels)
    truth = votes.argmax(axis=0)
    kind = g.random(pixels)
    truth = np.where(kind < void, VOID, np.where(kind < void + unknown, UNKNOWN, truth))
    image = np.sort(np.concatenate([np.arange(images), g.integers(0, images, pixels - images)]))
    return World(classes, groups, logits.astype(np.float32), truth.astype(np.uint8), image, scores, tuple(absent))


def world_of(
    z: Float64[np.ndarray, "c p"] | Sequence[Any], truth: Sequence[int], *, scores: tuple[str, ...] = SCORES
) -> World:
    """Return one image with these logits and this truth."""
    z = np.asarray(z, np.float32)
    return World(len(z), tuple(range(len(z))), z, np.asarray(truth, np.uint8), np.zeros(z.shape[1], np.int64), scores)


WORLDS: Mapping[str, Callable[[], World]] = {
    "plain": lambda: drawn_world(1),
    "two classes": lambda: drawn_world(2, classes=2, pixels=300),
    "ties": lambda: drawn_world(3, step=1.0),
    "poor": lambda: drawn_world(4, noise=30.0),
    "good": lambda: drawn_world(5, noise=0.5, spread=4.0),
    "unsure": lambda: drawn_world(6, spread=0.02, noise=0.02),
    "projected": lambda: drawn_world(7, classes=4, groups=(0, 1, 2, 3, 0, 4, 4)),
    "unreachable": lambda: drawn_world(8, classes=4, groups=(0, 1, 3, 3)),
    "absent": lambda: drawn_world(9, classes=5, absent=(1, 3)),
    "few": lambda: drawn_world(12, pixels=9, images=2, void=0, unknown=0.3, classes=2),
}
"""Worlds that between them show every case of the definitions."""


def domains() -> dict[str, Callable[[], DomainState]]:
    """Return the domains that metrics are tried on, by name: usual ones, and what may break a metric."""
    three = Layout(3, SCORES)
    z = np.random.default_rng(0).normal(0, 3, (3, 12))
    ranked = [np.arange(12, 0, -1.0), np.zeros(12)]
    edges: dict[str, Callable[[], DomainState]] = {
        "no images": lambda: empty_domain(three, space(3)),
        "no images, not annotated": lambda: empty_domain(three, space(3), annotated=False),
        "all void": lambda: world_of(z, [VOID] * 12).domain(),
        "not annotated": lambda: world_of(z, [VOID] * 12).domain(annotated=False),
        "all unknown": lambda: world_of(z, [UNKNOWN] * 12).domain(),
        "one class": lambda: world_of(z, [1] * 12).domain(),
        "one pixel": lambda: world_of(z[:, :1], [0]).domain(),
        "one pixel, unknown": lambda: world_of(z[:, :1], [UNKNOWN]).domain(),
        "all right": lambda: world_of(z, z.argmax(axis=0).tolist()).domain(),
        "all wrong": lambda: world_of(z, z.argmin(axis=0).tolist()).domain(),
        "surely right": lambda: world_of(z * 1e3, z.argmax(axis=0).tolist()).domain(),
        "surely wrong": lambda: world_of(z * 1e3, z.argmin(axis=0).tolist()).domain(),
        "undecided": lambda: world_of(np.zeros((3, 12)), [0, 1, 2] * 4).domain(),
        "perfectly ranked": lambda: world_of(ranked, [0] * 7 + [1] * 5).domain(),
        "many images": lambda: drawn_world(30, images=25, pixels=250).domain(),
    }
    usual = {name: _domain_of(world) for name, world in WORLDS.items()}
    return usual | edges


def _domain_of(world: Callable[[], World]) -> Callable[[], DomainState]:
    return lambda: world().domain()


def full_domain(classes: int) -> DomainState:
    """Return a domain of so many classes in which every number is defined."""
    return drawn_world(40, classes=classes, images=25, pixels=500).domain()


def reference_domain() -> DomainState:
    """Return the in-domain data."""
    return drawn_world(31, images=6).domain()


def thresholds() -> Mapping[str, Threshold]:
    """Return thresholds of confidence, as a calibration split gives them."""
    ranks = drawn_world(32, noise=0.8, spread=4.0).domain().pixels.ranks
    return {s: Threshold.at_accuracy(r.counts[RIGHT], r.counts[WRONG]) for s, r in ranks.items()}


def promises() -> tuple[PromisedThreshold, ...]:
    """Return thresholds of promises: of images and of scenes, and one that could not be chosen."""
    return (
        PromisedThreshold(Promise(0.1), "test/cal", "images", 50, bins=250),
        PromisedThreshold(Promise(0.05, 0.95), "test/cal", "scenes", 90, bins=235),
        PromisedThreshold(Promise(0.01), "test/cal", "images", 50, why="a risk of 0.01 needs 99 images"),
    )


def unequal_domains() -> tuple[DomainState, DomainState]:
    """Return a good prediction and a bad one of equal images: the good one is better in every way that is measured.

    Of the good one's pixels 4 of 5 are right and sure, the wrong ones and those of unknown things are not. Of the bad
    one's 4 of 5 are wrong and surer still, as are those of unknown things; the right ones are not sure.
    """
    return _unequal(right=0.8, sure=10.0, unknown=0.5), _unequal(right=0.2, sure=14.0, unknown=14.0)


def _unequal(*, right: float, sure: float, unknown: float, classes: int = 4, images: int = 20) -> DomainState:
    pixels = 20 * classes * images
    place = np.arange(pixels)
    truth = place % classes
    hit = (place // classes) % 5 < round(5 * right)
    guess = np.where(hit, truth, (truth + 1) % classes)
    certain = hit if right > 0.5 else ~hit
    height = np.where(certain, sure, 0.5)
    is_unknown = (place // (5 * classes)) % 4 == 0
    height = np.where(is_unknown, unknown, height)
    z = np.zeros((classes, pixels))
    z[guess, place] = height
    ids = np.where(is_unknown, UNKNOWN, truth)
    return replace(world_of(z, ids.tolist()), image=place // (20 * classes)).domain()
