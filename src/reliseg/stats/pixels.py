"""The statistics of pixels: fixed in size, whatever the number of images.

A new one takes three files:

1. here: a `Statistic`, its line in `_PARTS`, and its field of `PixelStatistics`;
2. `kernels/reference.py`: its definition in NumPy, a line of `observe`;
3. `kernels/cpu/tables.py`: its table, a function that adds a block to it, and a line of `add_block` and `statistics`.

`kernels/gpu` may follow: until then it gives zeros, the self-test sees that, and the CPU counts what a GPU predicts,
which a run says in a note. What is stored before lacks the new arrays and is evaluated anew.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from reliseg.stats.base import Statistic
from reliseg.stats.bins import RELIABILITY_BINS, RIGHT, ROLES, WRONG
from reliseg.stats.built_in_scores import fine_bins
from reliseg.stats.fixed import total
from reliseg.types import Int64, Limbs

EXTRAS = ("classwise", "by_label", "sets")
"""Fields of a layout: what is counted only where something reads it."""


@dataclass(frozen=True)
class Layout:
    """The extent of the statistics: the number of a data set's classes, and the scores, of which one is `msp`."""

    classes: int
    scores: tuple[str, ...]
    classwise: bool = True
    """Whether the probabilities of all classes are counted, not only the largest."""
    by_label: bool = False
    """Whether confidence is counted by label and bin of each image."""
    sets: bool = False
    """Whether the probabilities of classes other than the prediction are counted by label and bin of each image."""

    def __post_init__(self) -> None:
        if "msp" not in self.scores:
            raise ValueError("calibration errors read msp: it must be among the scores")

    @property
    def columns(self) -> int:
        """Number of columns of a prediction: the classes, and `other`."""
        return self.classes + 1

    @property
    def extras(self) -> tuple[str, ...]:
        """The names of what is counted because it was asked for: some of `EXTRAS`."""
        return tuple(name for name in EXTRAS if getattr(self, name))

    def with_extras(self, names: Collection[str]) -> "Layout":
        """Return the layout that asks for these of `EXTRAS`, and no others."""
        return Layout(self.classes, self.scores, **{name: name in names for name in EXTRAS})


@dataclass(frozen=True, eq=False)
class TopLabel(Statistic):
    """Known pixels by label, prediction (the last one is `other`) and bin of top-label confidence."""

    LIMBS: ClassVar[frozenset[str]] = frozenset({"confidence"})
    counts: Int64[np.ndarray, "t y b"]
    confidence: Int64[np.ndarray, "t y b 2"]

    @classmethod
    def zero(cls, layout: Layout) -> "TopLabel":
        """Return the statistic of no pixels."""
        shape = (layout.classes, layout.columns, RELIABILITY_BINS)
        return cls(np.zeros(shape, np.int64), np.zeros((*shape, 2), np.int64))

    @property
    def confusion(self) -> Int64[np.ndarray, "t y"]:
        """Return the confusion matrix M[label, prediction]."""
        return self.counts.sum(axis=2)


@dataclass(frozen=True, eq=False)
class ConfidentErrors(Statistic):
    """Known pixels of each class that are predicted wrong with confidence above 0.90 and above 0.99."""

    counts: Int64[np.ndarray, "t 2"]

    @classmethod
    def zero(cls, layout: Layout) -> "ConfidentErrors":
        """Return the statistic of no pixels."""
        return cls(np.zeros((layout.classes, 2), np.int64))


@dataclass(frozen=True, eq=False)
class ClassWise(Statistic):
    """For each class c, over all known pixels: counts, hits (label = c) and sums of p_c by bin of p_c.

    `uncounted` are the sums of p_c over the pixels that are not known.
    """

    LIMBS: ClassVar[frozenset[str]] = frozenset({"probability", "uncounted"})
    counts: Int64[np.ndarray, "c b"]
    hits: Int64[np.ndarray, "c b"]
    probability: Int64[np.ndarray, "c b 2"]
    uncounted: Int64[np.ndarray, "c 2"]

    @classmethod
    def zero(cls, layout: Layout) -> "ClassWise":
        """Return the statistic of no pixels."""
        c, b = layout.classes, RELIABILITY_BINS
        return cls(*(np.zeros(shape, np.int64) for shape in ((c, b), (c, b), (c, b, 2), (c, 2))))


@dataclass(frozen=True, eq=False)
class Uncounted(Statistic):
    """Pixels that are not known, unknown or void, by prediction, and their top-label confidence."""

    LIMBS: ClassVar[frozenset[str]] = frozenset({"confidence"})
    counts: Int64[np.ndarray, " y"]
    confidence: Int64[np.ndarray, "y 2"]

    @classmethod
    def zero(cls, layout: Layout) -> "Uncounted":
        """Return the statistic of no pixels."""
        return cls(np.zeros(layout.columns, np.int64), np.zeros((layout.columns, 2), np.int64))


@dataclass(frozen=True, eq=False)
class Losses(Statistic):
    """Sums over known pixels of the negative log-likelihood (nats) and of the Brier score.

    `impossible` counts the pixels whose label has probability 0 before calibration, where a model gives probabilities:
    their negative log-likelihood is infinite, and its sum here is none.
    """

    LIMBS: ClassVar[frozenset[str]] = frozenset({"nll", "brier"})
    nll: Int64[np.ndarray, " 2"]
    brier: Int64[np.ndarray, " 2"]
    impossible: Int64[np.ndarray, " 1"]

    @classmethod
    def zero(cls, layout: Layout) -> "Losses":
        """Return the statistic of no pixels."""
        return cls(np.zeros(2, np.int64), np.zeros(2, np.int64), np.zeros(1, np.int64))


@dataclass(frozen=True, eq=False)
class Flips(Statistic):
    """Known pixels whose predicted class a transform changed."""

    counts: Int64[np.ndarray, " 1"]

    @classmethod
    def zero(cls, layout: Layout) -> "Flips":
        """Return the statistic of no pixels."""
        return cls(np.zeros(1, np.int64))


@dataclass(frozen=True, eq=False)
class FineConfidence(Statistic):
    """Sums of top-label confidence over the known pixels of each fine bin of msp."""

    LIMBS: ClassVar[frozenset[str]] = frozenset({"sums"})
    sums: Int64[np.ndarray, "b 2"]

    @classmethod
    def zero(cls, layout: Layout) -> "FineConfidence":
        """Return the statistic of no pixels."""
        return cls(np.zeros((fine_bins("msp").size, 2), np.int64))


@dataclass(frozen=True, eq=False)
class ScoreHistogram(Statistic):
    """Pixels by role (wrong, right, unknown, void) and fine bin of one score, the most confident bin first."""

    counts: Int64[np.ndarray, "4 b"]

    @classmethod
    def zero_of(cls, score: str) -> "ScoreHistogram":
        """Return the statistic of no pixels."""
        return cls(np.zeros((ROLES, fine_bins(score).size), np.int64))

    @property
    def known(self) -> Int64[np.ndarray, " b"]:
        """Return the known pixels of each bin."""
        return self.counts[WRONG] + self.counts[RIGHT]


_PARTS: Mapping[str, type[TopLabel | Uncounted | ConfidentErrors | ClassWise | Losses | Flips | FineConfidence]] = {
    "top": TopLabel,
    "uncounted": Uncounted,
    "confident": ConfidentErrors,
    "classwise": ClassWise,
    "losses": Losses,
    "flips": Flips,
    "confidence": FineConfidence,
}


@dataclass(frozen=True)
class PixelStatistics:
    """All statistics of pixels together; `+` merges each. A ValueError where only one side has class-wise ones."""

    top: TopLabel
    uncounted: Uncounted
    confident: ConfidentErrors
    losses: Losses
    flips: Flips
    confidence: FineConfidence
    ranks: Mapping[str, ScoreHistogram]
    classwise: ClassWise | None = None
    """None where the layout does not ask for it."""

    @classmethod
    def zero(cls, layout: Layout) -> "PixelStatistics":
        """Return the statistic of no pixels."""
        return replace(cls.zero_without_ranks(layout), ranks={s: ScoreHistogram.zero_of(s) for s in layout.scores})

    @classmethod
    def zero_without_ranks(cls, layout: Layout) -> "PixelStatistics":
        """Return the statistics of no pixels, without the histogram of any score."""
        parts = {name: part.zero(layout) for name, part in _PARTS.items() if layout.classwise or name != "classwise"}
        return cls(**parts, ranks={})  # type: ignore[arg-type]

    def __add__(self, other: "PixelStatistics") -> "PixelStatistics":
        if (self.classwise is None) != (other.classwise is None):
            raise ValueError("only one of two statistics that are added has class-wise ones; count both or neither")
        parts = {name: part + getattr(other, name) for name, part in self.parts()}
        ranks = {s: r + other.ranks[s] for s, r in self.ranks.items()}
        return PixelStatistics(**parts, ranks=ranks)

    def parts(self) -> Iterator[tuple[str, Statistic]]:
        """Yield every statistic but the scores' histograms, by name."""
        named = ((name, getattr(self, name)) for name in _PARTS)
        return ((name, part) for name, part in named if part is not None)

    def items(self) -> Iterator[tuple[str, np.ndarray]]:
        """Yield all arrays as `part.field` and `ranks.score.field`, one after the other."""
        for name, part in self.parts():
            yield from ((f"{name}.{field}", array) for field, array in part.arrays().items())
        for score in self.ranks:
            yield f"ranks.{score}.counts", self.ranks[score].counts

    def arrays(self) -> dict[str, np.ndarray]:
        """Return all arrays by name."""
        return dict(self.items())

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, np.ndarray]) -> "PixelStatistics":
        """Return the statistics that have these arrays: the inverse of `arrays`."""
        nested: dict[str, dict[str, np.ndarray]] = {}
        for key, array in arrays.items():
            part, _, field = key.rpartition(".")
            nested.setdefault(part, {})[field] = array
        named = [name for name in _PARTS if name in nested or name != "classwise"]
        parts = {name: _PARTS[name].from_arrays(nested[name]) for name in named}
        prefix = "ranks."
        ranks = {k[len(prefix) :]: ScoreHistogram.from_arrays(v) for k, v in nested.items() if k.startswith(prefix)}
        return cls(**parts, ranks=ranks)  # type: ignore[arg-type]


def limb_arrays() -> frozenset[str]:
    """Return the names of the arrays that are two-limb sums: all others are plain counts."""
    return frozenset(f"{name}.{field}" for name, part in _PARTS.items() for field in part.LIMBS)


def reliability(top: TopLabel) -> tuple[Int64[np.ndarray, " b"], Int64[np.ndarray, " b"], Limbs]:
    """Return pixels, right ones and sums of confidence of each bin, over all labels and predictions."""
    right = np.einsum("ccb->b", top.counts[:, :-1])
    return top.counts.sum(axis=(0, 1)), right, total(top.confidence, axis=(0, 1))
