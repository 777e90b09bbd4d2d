"""How accurate a model is where nothing is annotated, as its confidence tells."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np

from reliseg.metrics.base import NO_PIXELS, DomainState, Metric, Quantity
from reliseg.metrics.many import ratio
from reliseg.metrics.replicates import Replicates
from reliseg.metrics.units import Rows, Units
from reliseg.results import Value
from reliseg.stats.bins import RIGHT, WRONG
from reliseg.stats.fixed import exact_sum
from reliseg.stats.ranking import Bracketed
from reliseg.types import Float64, Int, Int64

_KNOWN, _ALL = "estimated-accuracy/known-pixels", "estimated-accuracy/all-pixels"
_SCORE = "msp"
_WAYS = {
    "confidence": "mean confidence",
    "doc": "accuracy on the reference, less the fall of the mean confidence from there to here (difference of "
    "confidences, Guillory et al., ICCV 2021): mean confidence, corrected by the calibration gap of the reference",
    "atc": "share of pixels above the confidence below which lies as large a share of the reference as its error rate "
    "(average thresholded confidence, Garg et al., ICLR 2022; inside the bin of the threshold in proportion)",
}
"""The first compares nothing; the others need the reference."""


def _quantities() -> Iterator[tuple[str, Quantity]]:
    for way, text in _WAYS.items():
        text = f"estimate of the share of right pixels: {text}"
        yield (
            f"estimated_accuracy_{way}",
            Quantity(f"{_KNOWN}/{way}", f"{text} (without annotation over all pixels: {_ALL}/{way})", "neither", 0, 1),
        )
        yield (
            f"estimated_accuracy_{way}_error",
            Quantity(
                f"{_KNOWN}/{way}/absolute-error",
                f"|estimated_accuracy_{way} - share of right pixels|",
                "lower",
                0,
                1,
                link="identity",
            ),
        )


_QUANTITIES = dict(_quantities())


@dataclass(frozen=True)
class EstimatedAccuracy(Metric):
    """Estimates of accuracy that read no annotation of the domain, and how far off they are where there is one.

    They are made of the maximum softmax probability under the calibration of the row, over known pixels, or over all
    pixels where a domain is not annotated. None can be trusted unseen: they say what a model believes, and under a
    shift it may believe wrongly. Where the reference is not annotated those that need it are undefined.
    """

    needs_annotation: ClassVar[bool] = False

    def quantities(self) -> Mapping[str, Quantity]:
        """Return the numbers that it gives, by name."""
        return _QUANTITIES

    def compute(self, domain: DomainState, reference: DomainState | None) -> list[Value]:
        """Return the values; without a reference those that need none; errors are undefined without annotation."""
        values = []
        here, there = _Read.of(domain), None if reference is None else _Read.of(reference)
        for way in _WAYS if reference is not None else ("confidence",):
            name, why = f"estimated_accuracy_{way}", _why_undefined(way, here, there)
            kind = _KNOWN if domain.annotated else _ALL
            error, wrong = f"{name}_error", _QUANTITIES[f"{name}_error"].definition
            if why:
                values.append(Value.undefined(name, why, f"{kind}/{way}", score=_SCORE))
                values.append(Value.undefined(error, why, wrong, score=_SCORE))
                continue
            found = _estimate(way, here, there)
            values.append(Value.between(name, found, f"{kind}/{way}", score=_SCORE))
            if domain.annotated:
                values.append(Value.between(error, _distance(found, here.accuracy), wrong, score=_SCORE))
            else:
                values.append(Value.undefined(error, "the domain is not annotated", wrong, score=_SCORE))
        return values

    def replicates(self, domain: DomainState, reference: DomainState | None) -> Iterator[Replicates]:
        """Yield its numbers without each unit of the domain, then without each of the reference."""
        units, known = domain.units, domain.annotated
        if units is None:
            return
        confidence = [_mean_confidence(rows, known) for rows in (units.total, units.without_each)]
        accuracy = [_share_right(rows) for rows in (units.total, units.without_each)] if known else []
        yield from _numbers("confidence", confidence[0], confidence[1:], accuracy)
        if reference is None or reference.units is None or not reference.annotated:
            return
        at, source = confidence[0], reference.units
        accuracy += [np.repeat(accuracy[0], len(source))] if known else []
        gap, *gaps = (_share_right(r) - _mean_confidence(r, True) for r in (source.total, source.without_each))
        lefts = [np.clip(n, 0, 1) for n in (confidence[1] + gap, at + gaps[0])]
        yield from _numbers("doc", np.clip(at + gap, 0, 1), lefts, accuracy)
        bins = np.union1d(units.coarse_bins[_SCORE], source.coarse_bins[_SCORE])
        here, left_out = (_coarse(units, rows, bins, known) for rows in (units.total, units.without_each))
        there, others = (_coarse(source, rows, bins, True) for rows in (source.total, source.without_each))
        shares = [_above(there, here), _above(there, left_out), _above(others, here)]
        yield from _numbers("atc", shares[0], shares[1:], accuracy)


@dataclass(frozen=True, eq=False)
class _Read:
    """What is read of a domain: its known pixels, or all where it is not annotated."""

    annotated: bool
    places: Int[np.ndarray, " b"]
    """The fine bins that hold pixels, the most confident first."""
    counts: Int64[np.ndarray, " b"]
    right: int
    confidence: float
    """The sum over the pixels."""

    @classmethod
    def of(cls, domain: DomainState) -> "_Read":
        """Return what is read of a domain."""
        filled, known = domain.filled(_SCORE), domain.annotated
        counts = filled.counts[[WRONG, RIGHT] if known else slice(None)].sum(axis=0)
        confidence = exact_sum(domain.pixels.confidence.sums)
        if not known:
            confidence += exact_sum(domain.pixels.uncounted.confidence)
        return cls(known, filled.places, counts, int(filled.counts[RIGHT].sum()), confidence)

    @cached_property
    def pixels(self) -> int:
        """Their number."""
        return int(self.counts.sum())

    @property
    def accuracy(self) -> float:
        """The share of right ones."""
        return self.right / self.pixels

    @property
    def mean_confidence(self) -> float:
        """The mean confidence."""
        return min(1.0, self.confidence / self.pixels)

    def up_to(self, bins: Sequence[int]) -> list[int]:
        """Return how many pixels there are up to each of these bins."""
        reached = np.append(0, np.cumsum(self.counts))
        found: list[int] = reached[np.searchsorted(self.places, bins, side="right")].tolist()
        return found


def _why_undefined(way: str, domain: _Read, reference: _Read | None) -> str:
    """Return why there is no estimate; empty where there is one."""
    if not domain.pixels:
        return NO_PIXELS if domain.annotated else "no pixel"
    if way == "confidence" or reference is None:
        return ""
    if not reference.annotated:
        return "the reference is not annotated"
    return "" if reference.pixels else "the reference has no counted pixel"


def _estimate(way: str, domain: _Read, reference: _Read | None) -> Bracketed:
    value = domain.mean_confidence
    if way == "atc":
        assert reference is not None
        return _average_thresholded_confidence(reference, domain)
    if way == "doc":
        assert reference is not None
        value = min(1.0, max(0.0, reference.accuracy + value - reference.mean_confidence))
    return value, value, value


def _average_thresholded_confidence(reference: _Read, target: _Read) -> Bracketed:
    """Return the share of the target's pixels above the threshold of the reference.

    A pixel may be counted in the bin beside its own, as confidence is computed in float32. So the threshold lies at
    most a bin beside the one that is found, and so does each pixel: that is what the bracket leaves room for.
    """
    right, reached = reference.right, np.cumsum(reference.counts)
    at = int(np.searchsorted(reached, right)) if right else 0
    inside, bin_ = int(reference.counts[at]), int(reference.places[at]) if right else 0
    part = (right - int(reached[at] - inside)) / inside if right else 0.0
    least, before, through, most = target.up_to([bin_ - 3, bin_ - 1, bin_, bin_ + 2])
    return (before + part * (through - before)) / target.pixels, least / target.pixels, most / target.pixels


def _distance(estimate: Bracketed, accuracy: float) -> Bracketed:
    value, *ends = (abs(number - accuracy) for number in estimate)
    return value, 0.0 if estimate[1] <= accuracy <= estimate[2] else min(ends), max(ends)


def _numbers(
    way: str,
    centre: Float64[np.ndarray, " 1"],
    lefts: list[Float64[np.ndarray, " u"]],
    accuracy: list[Float64[np.ndarray, " u"]],
) -> Iterator[Replicates]:
    """Yield an estimate and its error, if there are accuracies: with all units, then without each."""
    name = f"estimated_accuracy_{way}"
    yield Replicates(name, float(centre[0]), tuple(lefts), score=_SCORE)
    if accuracy:
        errors = tuple(np.abs(left - of) for left, of in zip(lefts, accuracy[1:], strict=True))
        yield Replicates(f"{name}_error", abs(float(centre[0] - accuracy[0][0])), errors, score=_SCORE)


def _mean_confidence(rows: Rows, known: bool) -> Float64[np.ndarray, " m"]:
    """Return the mean confidence of known pixels, or of all."""
    confidence, pixels = rows.bins[:, 2].sum(axis=1), rows.known
    if not known:
        others = rows.by_class["uncounted"].sum(axis=2)
        pixels, confidence = pixels + others[:, 0], confidence + others[:, 1]
    return ratio(confidence, pixels)


def _share_right(rows: Rows) -> Float64[np.ndarray, " m"]:
    return ratio(rows.bins[:, 1].sum(axis=1), rows.known)


def _coarse(
    units: Units, rows: Rows, bins: Int64[np.ndarray, " k"], known: bool
) -> tuple[Float64[np.ndarray, "m k"], Float64[np.ndarray, " m"]]:
    """Return the known pixels in these coarse bins, or all, and how many of all bins are right."""
    counts = rows.ranks[_SCORE]
    pixels = np.zeros((len(counts), len(bins)))
    read = counts[:, WRONG] + counts[:, RIGHT] if known else counts.sum(axis=1)
    pixels[:, np.searchsorted(bins, units.coarse_bins[_SCORE])] = read
    return pixels, counts[:, RIGHT].sum(axis=1)


def _above(
    reference: tuple[Float64[np.ndarray, "m k"], Float64[np.ndarray, " m"]],
    domain: tuple[Float64[np.ndarray, "n k"], Float64[np.ndarray, " n"]],
) -> Float64[np.ndarray, " u"]:
    """Return the share above the threshold, of each row of the one and the only row of the other."""
    (source, right), (target, _) = reference, domain
    reached = np.cumsum(source, axis=1)
    at = np.minimum((reached < right[:, None]).sum(axis=1), source.shape[1] - 1)
    one = np.arange(len(source))
    part = ratio(right - (reached[one, at] - source[one, at]), source[one, at])
    above = np.cumsum(target, axis=1)
    inside = above[:, at] - target[:, at] + np.nan_to_num(part) * target[:, at]
    return ratio(inside, above[:, -1:]).ravel()
