"""What was promised of the pixels that are accepted, and what was kept of it."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from reliseg.conformal import PromisedThreshold
from reliseg.metrics.base import NO_PIXELS, DomainState, Metric, Quantity, undefined_values
from reliseg.metrics.image_pixels import SCORE, ImagePixels
from reliseg.metrics.many import ratio
from reliseg.metrics.mean_of_means import MeanOfMeans
from reliseg.metrics.replicates import Replicates
from reliseg.metrics.units import Units
from reliseg.results import Value
from reliseg.stats.bins import COARSE_SHIFT, RIGHT, WRONG
from reliseg.stats.ranking import Bracketed
from reliseg.stats.rounding import pixels_near_edges
from reliseg.types import Int64

_PROMISED, _KEPT, _COVERAGE, _RISK = "promised_share", "kept_share", "coverage", "accepted_risk"
_SCENES = "promise/kept/mean-over-scenes"
_QUANTITIES = {
    _PROMISED: Quantity(
        "promise/promised",
        "share that was promised: at most so much of an image is accepted and wrong, on average over images; every "
        "definition of this family ends with the promise, risk=0.05 or risk=0.05,confidence=0.95",
        "neither",
        0,
        1,
    ),
    _KEPT: Quantity(
        "promise/kept/mean-over-images",
        "what became of the promise here: mean over images of the share of all known pixels of an image that are "
        f"accepted and wrong; at most promised_share where it is kept ({_SCENES}: mean over scenes of these means, "
        "where scenes were drawn)",
        "lower",
        0,
        1,
    ),
    _COVERAGE: Quantity("promise/coverage/pooled", "share of the known pixels that are accepted", "higher", 0, 1),
    _RISK: Quantity("promise/risk/pooled", "error rate among the accepted pixels", "lower", 0, 1),
}


@dataclass(frozen=True)
class KeptPromises(Metric):
    """Conformal risk control (Angelopoulos et al., ICLR 2024): which share of an image is accepted and wrong.

    The threshold is chosen on images that no calibration has read: the most whole coarse bins of `msp`, a quarter of
    an octave of its odds each, are accepted for which `n/(n+1)` times the mean loss of the `n` images `+ 1/(n+1)` is
    at most the promised share; with a confidence, those which the betting bound of Waudby-Smith and Ramdas shows to
    keep it. The loss of an image is the share of all its known pixels that are accepted and wrong. So the expected loss
    of a new image is at most the promised share, if it is drawn as those were: no more is promised, and nothing of
    domains that differ. Where images of a scene are alike, scenes take their place. A `kept_share` above
    `promised_share` says that the promise is broken on a domain; where its interval holds `promised_share`, that is
    not decided. Rows of a class are about its true pixels, over images that have some: the share that is accepted as
    something else, the share that is accepted, and the share of something else among the accepted ones. `fitted_on`
    names the calibration split, or the domains, that the threshold was chosen on.
    """

    reads_promises: ClassVar[bool] = True
    by_default: ClassVar[bool] = False
    without_interval: ClassVar[str] = "it was asked for, not measured"

    def quantities(self) -> Mapping[str, Quantity]:
        """Return the numbers that it gives, by name."""
        return _QUANTITIES

    def compute(self, domain: DomainState, reference: DomainState | None) -> list[Value]:
        """Return the values of each promise; undefined where no threshold could be chosen."""
        promises = _own(domain)
        if not promises:
            return undefined_values(_QUANTITIES, "no promise is made here; see accept:", score=SCORE)
        values = [value for threshold in promises for value in _values(threshold, domain)]
        order = list(_QUANTITIES)
        return sorted(values, key=lambda value: order.index(value.metric))

    def replicates(self, domain: DomainState, reference: DomainState | None) -> Iterator[Replicates]:
        """Yield its numbers without each unit of the domain; the threshold is taken as it is."""
        if domain.units is None:
            return
        for threshold in _own(domain):
            if threshold.bins is not None:
                pixels = _pixels(threshold, domain)
                if pixels is not None:
                    yield from _replicates(threshold, threshold.bins, pixels, domain.units)


def _own(domain: DomainState) -> list[PromisedThreshold]:
    """Return the promises of what is accepted."""
    return [threshold for threshold in domain.promises if not threshold.promise.of_sets]


def _definition(metric: str, threshold: PromisedThreshold) -> str:
    """Return the definition of a number with what was promised behind it."""
    by_scenes = metric == _KEPT and threshold.units == "scenes"
    return f"{_SCENES if by_scenes else _QUANTITIES[metric].definition}/{threshold.promise.key}"


def _values(threshold: PromisedThreshold, domain: DomainState) -> Iterator[Value]:
    """Yield the values of one promise."""
    label, units = threshold.promise.label, domain.units
    definitions = {metric: _definition(metric, threshold) for metric in _QUANTITIES}
    yield Value.exact(_PROMISED, threshold.promise.risk, definitions[_PROMISED], label=label, score=SCORE)
    pixels = _pixels(threshold, domain)
    why, numbers = threshold.why or _why_undefined(pixels), dict[str, Bracketed]()
    if not why and units is not None and pixels is not None and threshold.bins is not None:
        numbers = _numbers(threshold, threshold.bins, pixels, domain, units)
    for metric in (_KEPT, _COVERAGE, _RISK):
        definition = definitions[metric]
        if why or math.isnan(numbers[metric][0]):
            yield Value.undefined(metric, why or "no pixel is accepted", definition, label=label, score=SCORE)
        else:
            yield Value.between(metric, numbers[metric], definition, label=label, score=SCORE)


def _pixels(threshold: PromisedThreshold, domain: DomainState) -> ImagePixels | None:
    """Return the pixels of each image that a promise is about; None where images are not known one by one."""
    if threshold.promise.label:
        return domain.label_pixels.get(threshold.promise.label)
    return None if domain.units is None else ImagePixels.of(domain.units)


def _why_undefined(pixels: ImagePixels | None) -> str:
    if pixels is None:
        return "its images are not known one by one"
    return "" if pixels.counted.any() else NO_PIXELS


def _numbers(
    threshold: PromisedThreshold, bins: int, pixels: ImagePixels, domain: DomainState, units: Units
) -> dict[str, Bracketed]:
    """Return what was kept, the coverage and the risk, each with what rounding may do at the threshold."""
    wrong, right = (int(of_images.sum()) for of_images in pixels.accepted(bins))
    (wrong_up, right_up), (wrong_down, right_down) = _near_threshold(domain, bins)
    n, accepted = int(pixels.counted.sum()), wrong + right
    means = MeanOfMeans.of(pixels.kept(bins), units, threshold.units)
    least = pixels.counted[pixels.counted > 0].min()
    kept, most = means.value, means.largest_weight / least
    return {
        _KEPT: (kept, max(0.0, kept - wrong_down * most), min(1.0, kept + wrong_up * most)),
        _COVERAGE: (
            accepted / n,
            max(0, accepted - wrong_down - right_down) / n,
            min(n, accepted + wrong_up + right_up) / n,
        ),
        _RISK: (
            _rate(wrong, right),
            _rate(max(0, wrong - wrong_down), right + right_up),
            _rate(wrong + wrong_up, max(0, right - right_down)),
        ),
    }


def _rate(wrong: int, right: int) -> float:
    return wrong / (wrong + right) if wrong + right else math.nan


def _near_threshold(domain: DomainState, bins: int) -> Int64[np.ndarray, "2 2"]:
    """Return the wrong and right pixels that may be surer than the threshold, and those that may be less sure."""
    counts, after = domain.pixels.ranks[SCORE].counts[[WRONG, RIGHT]], bins << COARSE_SHIFT
    surer = pixels_near_edges(counts, np.array([after]))[0][:, 0]
    less_sure = pixels_near_edges(counts, np.array([after - 1]))[1][:, 0]
    return np.stack([surer, less_sure])


def _replicates(threshold: PromisedThreshold, bins: int, pixels: ImagePixels, units: Units) -> Iterator[Replicates]:
    """Yield the numbers of one promise without each unit."""
    label = threshold.promise.label
    means = MeanOfMeans.of(pixels.kept(bins), units, threshold.units)
    yield Replicates(_KEPT, means.value, (means.without_each(units),), label, SCORE, _definition(_KEPT, threshold))
    wrong, right = (units.sums(of_images.astype(np.float64))[0] for of_images in pixels.accepted(bins))
    counted = units.sums(pixels.counted.astype(np.float64))[0]
    for metric, part, whole in ((_COVERAGE, wrong + right, counted), (_RISK, wrong, wrong + right)):
        centre = float(ratio(part.sum(keepdims=True), whole.sum(keepdims=True))[0])
        left = ratio(part.sum() - part, whole.sum() - whole)
        yield Replicates(metric, centre, (left,), label, SCORE, _definition(metric, threshold))
