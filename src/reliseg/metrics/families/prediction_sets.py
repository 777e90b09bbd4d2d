"""Sets of classes that hold the true one with a promised frequency: how often they do, and how large they are."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from reliseg.conformal import PromisedThreshold
from reliseg.metrics.base import NO_PIXELS, DomainState, Metric, Quantity, undefined_values
from reliseg.metrics.many import ratio
from reliseg.metrics.mean_of_means import MeanOfMeans
from reliseg.metrics.replicates import Replicates
from reliseg.metrics.set_counts import SetCounts
from reliseg.metrics.units import Units
from reliseg.results import Value
from reliseg.stats.ranking import Bracketed
from reliseg.types import Float64

_PROMISED, _KEPT, _SIZE, _COVERAGE = "sets_promised_share", "sets_kept_share", "set_size", "set_coverage"
_OF_CLASS = {_SIZE: "class_set_size", _COVERAGE: "class_set_coverage"}
_SCENES = "sets/missed/mean-over-scenes"
_QUANTITIES = {
    _PROMISED: Quantity(
        "sets/promised",
        "share that was promised: the sets of at most so many of an image's pixels lack the true class, on average "
        "over images; every definition of this family ends with the promise, risk=0.05 or risk=0.05,confidence=0.95",
        "neither",
        0,
        1,
    ),
    _KEPT: Quantity(
        "sets/missed/mean-over-images",
        "what became of the promise here: mean over images of the share of the known pixels of an image whose set "
        f"lacks the true class; at most sets_promised_share where it is kept ({_SCENES}: mean over scenes of these "
        "means, where scenes were drawn)",
        "lower",
        0,
        1,
    ),
    _SIZE: Quantity("sets/size/pooled", "mean number of classes in the set of a known pixel", "lower", 1, math.inf),
    _COVERAGE: Quantity(
        "sets/coverage/pooled", "share of the known pixels whose set has the true class", "higher", 0, 1
    ),
    _OF_CLASS[_SIZE]: Quantity(
        "sets/size/label", "mean number of classes in the set of a pixel of the class", "lower", 1, math.inf
    ),
    _OF_CLASS[_COVERAGE]: Quantity(
        "sets/coverage/label", "share of the pixels of the class whose set has it", "higher", 0, 1
    ),
}


@dataclass(frozen=True)
class PredictionSets(Metric):
    """Conformal prediction sets (Angelopoulos et al., ICLR 2024, for a share of pixels).

    The set of a pixel holds the predicted class, and each class whose probability is at least a threshold. This is
    chosen on images that no calibration has read: bins of probability are left out, the least probable first, as long
    as `n/(n+1)` times the mean share of an image's known pixels whose set lacks the true class `+ 1/(n+1)` is at most
    the promised share, or, with a confidence, as long as the betting bound shows that it is kept. Bins are 16 an octave
    of the odds; those below about 1e-6 are one. A set that must not miss anything holds all classes.
    """

    reads_promises: ClassVar[bool] = True
    by_default: ClassVar[bool] = False
    without_interval: ClassVar[str] = "it was asked for, not measured"

    def quantities(self) -> Mapping[str, Quantity]:
        """Return the numbers that it gives, by name."""
        return _QUANTITIES

    def compute(self, domain: DomainState, reference: DomainState | None) -> list[Value]:
        """Return the values of each promise; undefined where no threshold could be chosen."""
        promises = [threshold for threshold in domain.promises if threshold.promise.of_sets]
        if not promises:
            return undefined_values(_QUANTITIES, "no promise of sets is made here; see sets:")
        values = [value for threshold in promises for value in _values(threshold, domain)]
        order = list(_QUANTITIES)
        return sorted(values, key=lambda value: order.index(value.metric))

    def replicates(self, domain: DomainState, reference: DomainState | None) -> Iterator[Replicates]:
        """Yield its numbers without each unit of the domain; the threshold is taken as it is."""
        for threshold in domain.promises:
            counts = domain.sets.get(threshold.promise.key) if threshold.promise.of_sets else None
            if counts is not None and domain.units is not None:
                yield from _replicates(threshold, counts, domain)


def _definition(metric: str, threshold: PromisedThreshold) -> str:
    """Return the definition of a number with what was promised behind it."""
    by_scenes = metric == _KEPT and threshold.units == "scenes"
    return f"{_SCENES if by_scenes else _QUANTITIES[metric].definition}/{threshold.promise.key}"


def _values(threshold: PromisedThreshold, domain: DomainState) -> Iterator[Value]:
    """Yield the values of one promise."""
    definitions = {metric: _definition(metric, threshold) for metric in _QUANTITIES}
    yield Value.exact(_PROMISED, threshold.promise.risk, definitions[_PROMISED])
    counts = domain.sets.get(threshold.promise.key)
    why = threshold.why or ("" if counts is not None and domain.units is not None else "its sets are not counted")
    if not why and counts is not None and not counts.known.any():
        why = NO_PIXELS
    numbers: dict[str, Bracketed] = {}
    if not why and counts is not None and domain.units is not None:
        numbers = _numbers(threshold, counts, domain.units)
    for metric in (_KEPT, _SIZE, _COVERAGE):
        if why:
            yield Value.undefined(metric, why, definitions[metric])
        else:
            yield Value.between(metric, numbers[metric], definitions[metric])
    for label, name in enumerate(domain.labels.classes):
        for metric in _OF_CLASS.values():
            n = 0 if counts is None else int(counts.known[:, label].sum())
            if why or counts is None or not n:
                yield Value.undefined(metric, why or "no pixel of this class", definitions[metric], label=name)
                continue
            missed, others = int(counts.missed[:, label].sum()), int(counts.others[:, label].sum())
            value = 1 + others / n if metric == _OF_CLASS[_SIZE] else (n - missed) / n
            yield replace(Value.exact(metric, value, definitions[metric]), label=name)


def _numbers(threshold: PromisedThreshold, counts: SetCounts, units: Units) -> dict[str, Bracketed]:
    """Return what was kept, the size and the coverage, each with what rounding may do at the threshold."""
    known, (let_in, kept_out, more, fewer) = counts.known.sum(axis=1), counts.near.sum(axis=0).tolist()
    n, missed, others = int(known.sum()), int(counts.missed.sum()), int(counts.others.sum())
    means = MeanOfMeans.of(_missed(counts), units, threshold.units)
    kept, most = means.value, means.largest_weight / int(known[known > 0].min())
    return {
        _KEPT: (kept, max(0.0, kept - let_in * most), min(1.0, kept + kept_out * most)),
        _SIZE: (1 + others / n, 1 + max(0, others - fewer) / n, 1 + (others + more) / n),
        _COVERAGE: ((n - missed) / n, max(0, n - missed - kept_out) / n, min(n, n - missed + let_in) / n),
    }


def _missed(counts: SetCounts) -> Float64[np.ndarray, " n"]:
    """Return the share of each image's pixels whose set lacks the true class; NaN where it has none."""
    return ratio(counts.missed.sum(axis=1).astype(np.float64), counts.known.sum(axis=1).astype(np.float64))


def _replicates(threshold: PromisedThreshold, counts: SetCounts, domain: DomainState) -> Iterator[Replicates]:
    """Yield the numbers of one promise without each unit."""
    units = domain.units
    assert units is not None
    means = MeanOfMeans.of(_missed(counts), units, threshold.units)
    lefts = (means.without_each(units),)
    yield Replicates(_KEPT, means.value, lefts, definition=_definition(_KEPT, threshold))
    named: list[tuple[slice | int, str]] = [(slice(None), ""), *enumerate(domain.labels.classes)]
    for labels, name in named:
        known, missed, others = (
            units.sums(np.asarray(a[:, labels]).reshape(len(a), -1).sum(axis=1).astype(np.float64))[0]
            for a in (counts.known, counts.missed, counts.others)
        )
        for metric, part in ((_SIZE, known + others), (_COVERAGE, known - missed)):
            own = _OF_CLASS[metric] if name else metric
            centre = float(ratio(part.sum(keepdims=True), known.sum(keepdims=True))[0])
            left = ratio(part.sum() - part, known.sum() - known)
            yield Replicates(own, centre, (left,), name, definition=_definition(own, threshold))
