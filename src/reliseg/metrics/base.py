"""The interface of metrics, and the states that they read."""

import math
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import ClassVar, Literal

import numpy as np

from reliseg.conformal import PromisedThreshold
from reliseg.intervals import Link, Scale
from reliseg.labels import LabelSpace
from reliseg.metrics.image_pixels import ImagePixels
from reliseg.metrics.replicates import Replicates
from reliseg.metrics.set_counts import SetCounts
from reliseg.metrics.units import Places, Units
from reliseg.registry import Registry, plugin_errors
from reliseg.results import Value
from reliseg.stats import PixelStatistics, SampleTable
from reliseg.stats.bins import RIGHT, WRONG, edges
from reliseg.stats.filled.bins import FilledBins, FilledHistograms, near_confidences
from reliseg.stats.fixed import apart
from reliseg.stats.threshold import Threshold
from reliseg.types import Float64, Int64

Better = Literal["higher", "lower", "neither"]

NO_PIXELS = "no counted pixel"
_NUMBERS = 3
"""Numbers of an image beside those of its scores."""


@dataclass(frozen=True, eq=False)
class ImageSummary:
    """A few numbers of each image of a domain; NaN where an image has none. No metric reads their order."""

    rows: Float64[np.ndarray, "n k"]

    @classmethod
    def allocate(cls, images: int, scores: int) -> "ImageSummary":
        """Return rows of NaN, to be filled."""
        return cls(np.full((images, _NUMBERS + 2 * scores), np.nan))

    @classmethod
    def of(cls, table: SampleTable) -> "ImageSummary":
        """Return the numbers of each row. An image's IoU is over the classes present in its own annotation."""
        from reliseg.stats.filled.images import image_numbers  # numba is slow to import

        confidence, scores = apart(table.bin_confidence), apart(table.score_sums)
        return cls(image_numbers(table.pixels, table.class_pixels, table.bin_right, confidence, scores))

    def put(self, places: Places, other: "ImageSummary") -> None:
        """Set what no score tells, of the images at these places."""
        self.rows[places, :_NUMBERS] = other.rows[:, :_NUMBERS]

    def put_score(self, places: Places, score: int, other: "ImageSummary", other_score: int) -> None:
        """Set the means of a score, by its number, of the images at these places; its number there is another."""
        own, theirs = self._of_scores(), other._of_scores()
        for mean in (0, 1):  # over known pixels, and over all
            self.rows[places, _NUMBERS + mean * own + score] = other.rows[:, _NUMBERS + mean * theirs + other_score]

    def _of_scores(self) -> int:
        """Return the number of scores."""
        return (self.rows.shape[1] - _NUMBERS) // 2

    @property
    def known(self) -> Float64[np.ndarray, " n"]:
        """The number of known pixels."""
        return self.rows[:, 0]

    @property
    def miou(self) -> Float64[np.ndarray, " n"]:
        """The mean IoU over the classes of the image's own annotation."""
        return self.rows[:, 1]

    @property
    def ece(self) -> Float64[np.ndarray, " n"]:
        """The ECE of the image's known pixels."""
        return self.rows[:, 2]

    @property
    def scores(self) -> Float64[np.ndarray, "n s 2"]:
        """For each score, its mean over known and over all pixels."""
        images, numbers = self.rows.shape
        return self.rows[:, _NUMBERS:].reshape(images, 2, (numbers - _NUMBERS) // 2).transpose(0, 2, 1)

    def __len__(self) -> int:
        return len(self.rows)


@dataclass(frozen=True, eq=False)
class DomainState:
    """Everything that metrics may read of one domain under one calibration."""

    labels: LabelSpace
    scores: tuple[str, ...]
    pixels: PixelStatistics
    images: ImageSummary
    unreachable: tuple[int, ...] = ()
    """Classes that the model cannot predict (no class of it projects there)."""
    annotated: bool = True
    roles: tuple[int, ...] = ()
    """The numbers of pixels that are wrong, right, unknown and void."""
    thresholds: Mapping[str, Threshold] = field(default_factory=dict)
    """By score, where this calibration is 95 % right on the calibration split; empty where there is no such split."""
    promises: tuple[PromisedThreshold, ...] = ()
    """What pixels are accepted so that promises are kept, as was chosen on other images under the same calibration."""
    sets: Mapping[str, SetCounts] = field(default_factory=dict)
    """What sets of classes hold in each image, by the key of the promise that they are made for, in the same order."""
    label_pixels: Mapping[str, ImagePixels] = field(default_factory=dict)
    """The true pixels of single classes in each image, in the order of `units`: of those that promises are made of."""
    undefined_scores: Mapping[str, str] = field(default_factory=dict)
    """Scores that the model does not have, and why: all numbers that are made of them are undefined."""
    holds_reference: bool = False
    """Whether images of the reference are among its own."""
    units: Units | None = None
    """Its images or scenes one by one, for intervals; None where none are asked for."""

    def filled(self, score: str) -> FilledBins:
        """Return the fine histogram of a score, without its empty bins."""
        ranks = self.pixels.ranks
        if isinstance(ranks, FilledHistograms):
            return ranks.filled(score)
        if score not in self._filled:
            self._filled[score] = FilledBins.of(ranks[score])
        return self._filled[score]

    @cached_property
    def _filled(self) -> dict[str, FilledBins]:
        return {}

    @cached_property
    def near_bin_edges(self) -> Int64[np.ndarray, "2 k"]:
        """How many wrong and right pixels rounding may put on the other side of each edge between two bins."""
        return near_confidences(self.filled("msp"), edges()[1:-1])[[WRONG, RIGHT]]


@dataclass(frozen=True)
class Quantity:
    """The meaning of one number: its definition id, one line of text, and how to read it."""

    definition: str
    text: str
    better: Better
    low: float
    high: float
    link: Link | None = None
    """The scale on which its errors are even; if not given, the logit between its bounds, where it has two."""

    @property
    def scale(self) -> Scale:
        """The scale of its intervals."""
        is_bounded = math.isfinite(self.low) and math.isfinite(self.high)
        return Scale(self.link or ("logit" if is_bounded else "identity"), self.low, self.high)


def undefined_values(quantities: Mapping[str, Quantity], why: str, *, score: str = "") -> list[Value]:
    """Return all these numbers, undefined for one reason."""
    return [Value.undefined(name, why, q.definition, score=score) for name, q in quantities.items()]


@dataclass(frozen=True)
class Metric(ABC):
    """A frozen specification of one family of numbers: it holds parameters, never data."""

    needs_annotation: ClassVar[bool] = True
    """Whether it is left out for domains without annotation."""
    reads_thresholds: ClassVar[bool] = False
    """Whether it reads `thresholds`: calibration splits are then evaluated, and `fitted_on` names the split."""
    reads_promises: ClassVar[bool] = False
    """Whether it reads `promises`: none are made where a run asks for none."""
    reads_classwise: ClassVar[bool] = False
    """Whether it reads `pixels.classwise`: None where no metric of a run says so."""
    reads_images_alone: ClassVar[bool] = False
    """Whether it reads `images` alone: it is measured too where data sets of different classes are pooled."""
    by_default: ClassVar[bool] = True
    """Whether it is measured where nothing is said of metrics."""
    without_interval: ClassVar[str] = "what it is made of is not kept of each image"
    """Why numbers that have no replicates have none."""

    @abstractmethod
    def quantities(self) -> Mapping[str, Quantity]:
        """Return the numbers that it gives, by name, and their meaning."""

    @abstractmethod
    def compute(self, domain: DomainState, reference: DomainState | None) -> list[Value]:
        """Return the numbers of a domain, in the order of `quantities`; undefined ones carry the reason.

        `reference` is the in-domain data; None where none was named or the domain is itself the reference.
        """

    def replicates(self, domain: DomainState, reference: DomainState | None) -> Iterable[Replicates]:
        """Return its numbers without each of the domain's units, for intervals; those that are left out have none.

        Where states have units, `compute` was asked before. What is undefined there may be left out or NaN here.
        """
        return ()


def compute_values(metric: Metric, domain: DomainState, reference: DomainState | None) -> list[Value]:
    """Return the numbers of a domain; those of scores that the model does not have are undefined."""
    reasons = domain.undefined_scores
    with plugin_errors(metric):
        values = list(metric.compute(domain, reference))
    return [
        Value.undefined(v.metric, reasons[v.score], v.definition, label=v.label, score=v.score)
        if v.score in reasons
        else v
        for v in values
    ]


METRICS: Registry[Metric] = Registry(
    "reliseg.metrics", "families", "Metric", "metric", trial=lambda kind: kind().quantities()
)
