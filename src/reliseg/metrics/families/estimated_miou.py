"""The mIoU of a model where nothing is annotated, as its probabilities tell."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from reliseg.metrics.base import NO_PIXELS, DomainState, Metric, Quantity
from reliseg.metrics.families.segmentation import miou_replicates, miou_value
from reliseg.metrics.many import ratio
from reliseg.metrics.replicates import Replicates
from reliseg.metrics.units import Rows
from reliseg.results import Value
from reliseg.stats.fixed import real, total
from reliseg.types import Float64

_KNOWN, _ALL = "estimated-miou/known-pixels", "estimated-miou/all-pixels"
_ESTIMATE, _ERROR = "estimated_miou", "estimated_miou_error"
_QUANTITIES = {
    _ESTIMATE: Quantity(
        _KNOWN,
        "estimate of mIoU: mean over classes of S(c, c) / (N(c) + S(c) - S(c, c)), where N(c) are the pixels that are "
        "predicted as c, S(c, c) is the sum of p_c over them, and S(c) over all pixels; a class that is predicted "
        "nowhere is left out, one that the model cannot predict is 0 (without annotation over all pixels: "
        f"{_ALL})",
        "neither",
        0,
        1,
    ),
    _ERROR: Quantity(f"{_KNOWN}/absolute-error", "|estimated_miou - mIoU|", "lower", 0, 1, link="identity"),
}
Sums = Float64[np.ndarray, "m c"]


@dataclass(frozen=True)
class EstimatedMiou(Metric):
    """An estimate of mIoU that reads no annotation of the domain, and how far off it is where there is one.

    Intersections and unions are what the probabilities expect them to be if they are calibrated. Sums are over known
    pixels, or over all pixels where a domain is not annotated. Whether a class occurs that is predicted nowhere cannot
    be told: mIoU counts it as 0 where it does, and the estimate leaves it out.
    """

    needs_annotation: ClassVar[bool] = False
    reads_classwise: ClassVar[bool] = True

    def quantities(self) -> Mapping[str, Quantity]:
        """Return the numbers that it gives, by name."""
        return _QUANTITIES

    def compute(self, domain: DomainState, reference: DomainState | None) -> list[Value]:
        """Return the values; the error is undefined without annotation. A ValueError without class-wise statistics."""
        kind, wrong = _KNOWN if domain.annotated else _ALL, _QUANTITIES[_ERROR].definition
        predicted, own, every = _sums(domain)
        why = ""
        if not predicted.any() and not every.any():
            why = NO_PIXELS if domain.annotated else "no pixel"
        value = float(_mean(predicted, own, every, domain)[0])
        if not why and np.isnan(value):
            why = "no class is predicted"
        if why:
            return [Value.undefined(_ESTIMATE, why, kind), Value.undefined(_ERROR, why, wrong)]
        found = Value.exact(_ESTIMATE, value, kind)
        if not domain.annotated:
            return [found, Value.undefined(_ERROR, "the domain is not annotated", wrong)]
        return [found, Value.exact(_ERROR, abs(value - miou_value(domain).value), wrong)]

    def replicates(self, domain: DomainState, reference: DomainState | None) -> Iterator[Replicates]:
        """Yield its numbers without each unit."""
        units = domain.units
        if units is None:
            return
        centre, left = (
            _mean(*_sums_of_rows(rows, domain.annotated), domain) for rows in (units.total, units.without_each)
        )
        yield Replicates(_ESTIMATE, float(centre[0]), (left,))
        miou = miou_replicates(domain)
        if domain.annotated and miou is not None:
            error = abs(float(centre[0]) - miou.centre)
            yield Replicates(_ERROR, error, (np.abs(left - miou.lefts[0]),), doubt=miou.doubt)


def _mean(predicted: Sums, own: Sums, every: Sums, domain: DomainState) -> Float64[np.ndarray, " m"]:
    """Return the mean over the classes that count, of each row; NaN where none does."""
    present = list(domain.labels.present)
    iou = np.minimum(ratio(own, predicted + every - own), 1)
    iou[:, list(domain.unreachable)] = 0
    iou = iou[:, present]
    there = (predicted > 0)[:, present] | np.isin(present, domain.unreachable)
    return ratio(np.where(there, iou, 0).sum(axis=1), there.sum(axis=1).astype(np.float64))


def _sums(domain: DomainState) -> tuple[Sums, Sums, Sums]:
    """Return the pixels predicted as each class, the sum of its probability over them, and over all; as one row."""
    pixels = domain.pixels
    if pixels.classwise is None:
        raise ValueError("class-wise statistics were not counted; ask for them: Layout(..., classwise=True)")
    classes = len(pixels.top.counts)
    predicted, own = pixels.top.counts.sum(axis=(0, 2)), real(total(pixels.top.confidence, axis=(0, 2)))
    every = real(total(pixels.classwise.probability, axis=1))
    if not domain.annotated:
        predicted, own = predicted + pixels.uncounted.counts, own + real(pixels.uncounted.confidence)
        every = every + real(pixels.classwise.uncounted)
    return predicted[None, :classes].astype(np.float64), own[None, :classes], every[None]


def _sums_of_rows(rows: Rows, known: bool) -> tuple[Sums, Sums, Sums]:
    """Return the same of rows of sums."""
    predicted, own = rows.by_class["guesses"].sum(axis=3).swapaxes(0, 1)
    every = rows.by_class["probabilities"][:, 1].sum(axis=2)
    if not known:
        others = rows.by_class["uncounted"][:, :, : predicted.shape[1]]
        predicted, own = predicted + others[:, 0], own + others[:, 1]
        every = every + rows.by_class["uncounted_probabilities"][:, 0]
    return predicted, own, every
