"""The interface of metrics, and what they read."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
from jaxtyping import Float64

from reliseg.labels import LabelSpace
from reliseg.registry import Registry
from reliseg.results import Value
from reliseg.stats import PixelStatistics, SampleTable
from reliseg.stats.bins import RIGHT
from reliseg.stats.fixed import real

Better = Literal["higher", "lower", "neither"]

NO_PIXELS = "no counted pixel"


@dataclass(frozen=True, eq=False)
class ImageSummary:
    """A few numbers of each image of a domain; NaN where an image has none. No metric reads their order.

    `known` is the number of known pixels; `scores` holds per score the mean over known and over all pixels.
    """

    known: Float64[np.ndarray, " n"]
    miou: Float64[np.ndarray, " n"]
    ece: Float64[np.ndarray, " n"]
    scores: Float64[np.ndarray, "n s 2"]

    @classmethod
    def of(cls, table: SampleTable) -> "ImageSummary":
        """The numbers of each row. An image's IoU is over the classes present in its own annotation."""
        known = table.pixels[:, : RIGHT + 1].sum(axis=1)
        every = table.pixels.sum(axis=1)
        sums = real(table.score_sums)
        with np.errstate(invalid="ignore", divide="ignore"):
            gaps = np.abs(table.bin_right - real(table.bin_confidence)).sum(axis=1)
            means = [sums[:, :, : RIGHT + 1].sum(axis=2) / known[:, None], sums.sum(axis=2) / every[:, None]]
            return cls(known.astype(np.float64), _image_iou(table), gaps / known, np.stack(means, axis=-1))

    @classmethod
    def union(cls, parts: "list[ImageSummary]", scores: int) -> "ImageSummary":
        """All images, in this order."""
        empty = (np.zeros(0), np.zeros(0), np.zeros(0), np.zeros((0, scores, 2)))
        columns = zip(empty, *((p.known, p.miou, p.ece, p.scores) for p in parts), strict=True)
        return cls(*(np.concatenate(column) for column in columns))

    def __len__(self) -> int:
        return len(self.known)


def _image_iou(table: SampleTable) -> Float64[np.ndarray, " n"]:
    classes = table.confusion.shape[1]
    hit = np.einsum("ncc->nc", table.confusion[:, :, :classes]).astype(np.float64)
    rows = table.confusion.sum(axis=2)
    union = rows + table.confusion[:, :, :classes].sum(axis=1) - hit
    iou = np.divide(hit, union, out=np.full_like(hit, np.nan), where=rows > 0)
    present = (rows > 0).sum(axis=1)
    total = np.nansum(iou, axis=1)
    return np.divide(total, present, out=np.full(len(iou), np.nan), where=present > 0)


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


@dataclass(frozen=True)
class Quantity:
    """What one number means: its definition id, one line of text, and how to read it."""

    definition: str
    text: str
    better: Better
    low: float
    high: float


@dataclass(frozen=True)
class Metric(ABC):
    """A frozen specification of one family of numbers: it holds parameters, never data."""

    needs_annotation: ClassVar[bool] = True
    """Whether it is left out for domains without annotation."""
    by_default: ClassVar[bool] = True
    """Whether it is measured where nothing is said of metrics."""

    @abstractmethod
    def quantities(self) -> Mapping[str, Quantity]:
        """The names it yields, and their meaning."""

    @abstractmethod
    def compute(self, domain: DomainState, reference: DomainState | None) -> list[Value]:
        """The numbers of a domain, in the order of `quantities`; undefined ones carry the reason.

        `reference` is the in-domain data; None where none was named or the domain is itself the reference.
        """


METRICS: Registry[Metric] = Registry("reliseg.metrics", "Metric", "metric")
