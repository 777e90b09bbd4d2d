"""Small random worlds: logits and truth of a few images, their statistics, and what is known of each pixel apart."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from scipy.special import log_softmax, logsumexp

from reliseg.kernels import reference
from reliseg.labels import LabelSpace
from reliseg.metrics import DomainState, ImageSummary
from reliseg.stats import Layout, LogitView, PixelStatistics, SampleTable
from reliseg.stats.built_in_scores import BUILT_IN_SCORES

UNKNOWN, VOID = 254, 255
SCORES = tuple(BUILT_IN_SCORES)


def space(classes: int, absent: Iterable[int] = ()) -> LabelSpace:
    names = tuple(f"class-{c}" for c in range(classes))
    return LabelSpace("test", names, tuple((c, c, c) for c in range(classes)), frozenset(absent))


def view_of(logits: np.ndarray, groups: Sequence[int], columns: int, slope: float = 1.0) -> LogitView:
    """Pixels in one row, at full resolution: nothing is interpolated."""
    size = (1, logits.shape[1])
    planes = np.ascontiguousarray(logits[:, None, :], np.float32)
    return LogitView(planes, size, False, np.asarray(groups), np.full(columns, slope))


@dataclass(frozen=True, eq=False)
class World:
    """Pixels of several images. `groups[m]` is the column of model class m, `classes` being `other`."""

    classes: int
    groups: tuple[int, ...]
    logits: np.ndarray
    truth: np.ndarray
    image: np.ndarray
    scores: tuple[str, ...] = SCORES
    absent: tuple[int, ...] = ()

    @property
    def layout(self) -> Layout:
        return Layout(self.classes, self.scores)

    @property
    def labels(self) -> LabelSpace:
        return space(self.classes, self.absent)

    def observe(self, chosen: np.ndarray | slice = slice(None), sample: str = "a"):
        """The reference's statistics of some pixels, taken as one image."""
        view = view_of(self.logits[:, chosen], self.groups, self.classes + 1)
        return reference.observe(view, self.truth[None, chosen], sample, self.layout)

    def table(self) -> SampleTable:
        numbers = np.unique(self.image)
        return SampleTable.union([self.observe(np.flatnonzero(self.image == i), f"{i:04}")[1] for i in numbers])

    def domain(self, *, annotated: bool = True) -> DomainState:
        unreachable = tuple(c for c in range(self.classes) if c not in self.groups)
        if not len(self.truth):
            return empty_domain(self.layout, self.labels, annotated=annotated)
        images = ImageSummary.of(self.table())
        return DomainState(self.labels, self.scores, self.observe()[0], images, unreachable, annotated)

    def only(self, chosen: np.ndarray) -> "World":
        return replace(self, logits=self.logits[:, chosen], truth=self.truth[chosen], image=self.image[chosen])

    # What each pixel is, computed apart from reliseg.

    @cached_property
    def z(self) -> np.ndarray:
        """Logits of the columns; the logsumexp of those that meet."""
        z = np.full((self.classes + 1, self.logits.shape[1]), -np.inf)
        for column in range(self.classes + 1):
            members = [m for m, g in enumerate(self.groups) if g == column]
            if len(members) == 1:
                z[column] = self.logits[members[0]]
            elif members:
                z[column] = logsumexp(self.logits[members].astype(np.float64), axis=0)
        return z

    @property
    def probabilities(self) -> np.ndarray:
        return np.exp(log_softmax(self.z, axis=0))

    @property
    def guess(self) -> np.ndarray:
        return self.z.argmax(axis=0)

    @property
    def known(self) -> np.ndarray:
        return self.truth < UNKNOWN

    @property
    def right(self) -> np.ndarray:
        return self.guess == self.truth

    def confidence(self, score: str) -> np.ndarray:
        """The score of each pixel as its definition says; no effort is made beyond float64."""
        if score == "max_logit":
            return self.z.max(axis=0)
        if score == "neg_energy":
            return logsumexp(self.z, axis=0)
        p = np.sort(self.probabilities, axis=0)
        if score == "neg_entropy":
            return np.where(p > 0, p * np.log(np.where(p > 0, p, 1)), 0).sum(axis=0)
        return p[-1] if score == "msp" else p[-1] - p[-2]

    def surety(self, score: str) -> np.ndarray:
        """A number per pixel with the order of the score, that does not saturate for msp and margin."""
        z = np.sort(self.z, axis=0)
        if score == "msp":
            return z[-1] - logsumexp(z[:-1], axis=0)
        if score == "margin":
            tail = log_softmax(z, axis=0)
            # log(1 - margin) = log(sum of all but the first + the second)
            log_tail = np.logaddexp(logsumexp(tail[:-1], axis=0), tail[-2])
            return np.where(log_tail < -1, -log_tail, self.confidence("margin"))
        return self.confidence(score)

    def tied(self, score: str) -> np.ndarray:
        """The fine bin of each pixel as METRICS.md words it: leading bits of a coordinate, higher = surer."""
        z = np.sort(self.z, axis=0)
        if score == "msp":
            odds = np.exp(logsumexp(z[:-1] - z[-1], axis=0))
            return -leading(odds, -64, 8)
        if score == "neg_entropy":
            r = np.exp(z[:-1] - z[-1])
            gaps = np.where(r > 0, r * np.where(r > 0, z[-1] - z[:-1], 0), 0).sum(axis=0)
            return -leading(np.log1p(r.sum(axis=0)) + gaps / (1 + r.sum(axis=0)), -64, 3)
        if score == "margin":
            r = np.exp(z[:-1] - z[-1])
            tail = (r.sum(axis=0) + r[-1]) / (1 + r.sum(axis=0))
            unsure = np.minimum(
                leading((1 - r[-1]) / (1 + r.sum(axis=0)), -24, 0), leading(np.array([0.49999]), -24, 0)
            )
            return np.where(tail.astype(np.float32) < 0.5, 10**6 - leading(tail, -64, 0), unsure)
        value = self.confidence(score)
        return (np.sign(value) * (leading(np.abs(value), -12, 15, last=False) + 12 * 4096 + 1)).astype(np.int64)


def leading(values: np.ndarray, low: int, high: int, *, last: bool = True) -> np.ndarray:
    """Octave and 12 bits of the mantissa as one integer, by frexp; clipped to one below 2**low, and to 2**high."""
    mantissa, exponent = np.frexp(np.asarray(values, np.float64).astype(np.float32).astype(np.float64))
    index = (exponent - 1) * 4096 + np.floor((2 * mantissa - 1) * 4096).astype(np.int64)
    index = np.where(values == 0, low * 4096 - 1, index)
    return np.clip(index, low * 4096 - 1, high * 4096 - (not last))


def world(
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
    """Random logits, and truth that agrees with them more or less; rounded to `step` there are many ties."""
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


def of_pixels(z: np.ndarray, truth: Sequence[int], *, scores: tuple[str, ...] = SCORES) -> World:
    """One image from logits (c x p) and truth."""
    z = np.asarray(z, np.float32)
    return World(len(z), tuple(range(len(z))), z, np.asarray(truth, np.uint8), np.zeros(z.shape[1], np.int64), scores)


def empty_domain(layout: Layout, labels: LabelSpace, *, annotated: bool = True) -> DomainState:
    images = ImageSummary.of(SampleTable.empty(layout))
    return DomainState(labels, layout.scores, PixelStatistics.zero(layout), images, (), annotated)


WORLDS: dict[str, World] = {
    "plain": world(1),
    "two classes": world(2, classes=2, pixels=300),
    "ties": world(3, step=1.0),
    "poor": world(4, noise=30.0),
    "good": world(5, noise=0.5, spread=4.0),
    "unsure": world(6, spread=0.02, noise=0.02),
    "projected": world(7, classes=4, groups=(0, 1, 2, 3, 0, 4, 4)),
    "unreachable": world(8, classes=4, groups=(0, 1, 3, 3)),
    "absent": world(9, classes=5, absent=(1, 3)),
    "few": world(12, pixels=9, images=2, void=0, unknown=0.3, classes=2),
}
"""Worlds that between them show every case of the definitions."""
