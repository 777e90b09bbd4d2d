"""Segmentation quality, from one confusion matrix over the whole domain."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from reliseg.metrics.base import NO_PIXELS, DomainState, Metric, Quantity, undefined_values
from reliseg.metrics.many import ratio
from reliseg.metrics.replicates import Replicates, few_units, replicates_of
from reliseg.metrics.units import Rows, Units
from reliseg.results import Value
from reliseg.types import Float64

_MEANS = {
    "miou": Quantity(
        "iou/domain/mean-of-present-classes",
        "mean IoU of the present classes, from the confusion matrix of the domain; a class without an IoU is left out",
        "higher",
        0,
        1,
    ),
    "pixel_accuracy": Quantity(
        "pixel-accuracy/domain", "share of the known pixels that are predicted right", "higher", 0, 1
    ),
    "mean_class_accuracy": Quantity(
        "recall/domain/mean-of-present-classes", "mean recall of the classes that occur", "higher", 0, 1
    ),
    "fw_iou": Quantity(
        "iou/domain/weighted-by-pixels", "mean IoU weighted by the pixels of each class", "higher", 0, 1
    ),
    "dice": Quantity(
        "dice/domain/mean-of-present-classes",
        "mean Dice coefficient (F1) of the present classes",
        "higher",
        0,
        1,
    ),
}
_BY_CLASS = {
    "iou": Quantity("iou/domain", "intersection over union of a class: M_cc / (row + column - M_cc)", "higher", 0, 1),
    "class_share": Quantity("class-share/domain", "share of a class among the known pixels", "neither", 0, 1),
}


@dataclass(frozen=True)
class Segmentation(Metric):
    """IoU, accuracies and Dice of the pooled confusion matrix (Everingham et al. 2010; Long et al. 2015)."""

    def quantities(self) -> Mapping[str, Quantity]:
        """Return the numbers that it gives, by name."""
        return _MEANS | _BY_CLASS

    def compute(self, domain: DomainState, reference: DomainState | None) -> list[Value]:
        """Return all values; undefined without known pixels, of a class where it neither occurs nor is predicted."""
        matrix, present = domain.pixels.top.confusion.astype(np.float64), list(domain.labels.present)
        if not matrix.sum():
            return _undefined_values([domain.labels.classes[c] for c in present])
        hit, row, column = _of_classes(matrix, present)
        iou = _ratio(hit, row + column - hit)
        share = row / matrix.sum()
        means = {
            "miou": np.nanmean(iou),
            "pixel_accuracy": np.trace(matrix) / matrix.sum(),
            "mean_class_accuracy": np.nanmean(_ratio(hit, row)),
            "fw_iou": np.nansum(share * iou),
            "dice": np.nanmean(_ratio(2 * hit, row + column)),
        }
        values = [Value.exact(name, float(v), _MEANS[name].definition) for name, v in means.items()]
        for name, numbers in (("iou", iou), ("class_share", share)):
            for c, number in zip(present, numbers, strict=True):
                values.append(_class_value(name, float(number), domain.labels.classes[c]))
        return values

    def replicates(self, domain: DomainState, reference: DomainState | None) -> Iterator[Replicates]:
        """Yield its numbers without each unit."""
        units, present = domain.units, list(domain.labels.present)
        if units is None or not units.total.known.any():
            return
        rare = _rare_classes(domain, units)
        doubt = next(filter(None, rare.values()), "")
        for number in replicates_of(lambda rows: mean_numbers(rows, present), units):
            yield number if number.metric == "pixel_accuracy" else replace(number, doubt=doubt)
        for name, centres, lefts in zip(
            _BY_CLASS, _class_numbers(units.total, present), _class_numbers(units.without_each, present), strict=True
        ):
            for i, c in enumerate(present):
                label = domain.labels.classes[c]
                yield Replicates(name, float(centres[0, i]), (lefts[:, i],), label=label, doubt=rare[c])


def miou_value(domain: DomainState) -> Value:
    """Return the mIoU of a domain alone, as `Segmentation` gives it."""
    matrix, definition = domain.pixels.top.confusion.astype(np.float64), _MEANS["miou"].definition
    if not matrix.sum():
        return Value.undefined("miou", NO_PIXELS, definition)
    hit, row, column = _of_classes(matrix, list(domain.labels.present))
    return Value.exact("miou", float(np.nanmean(_ratio(hit, row + column - hit))), definition)


def _of_classes(matrix: Float64[np.ndarray, "c p"], present: list[int]) -> tuple[Float64[np.ndarray, " k"], ...]:
    """Return the right pixels of each present class, all of it, and those that are predicted as it."""
    return np.diagonal(matrix)[present], matrix.sum(axis=1)[present], matrix[:, :-1].sum(axis=0)[present]


def miou_replicates(domain: DomainState) -> Replicates | None:
    """Return the mIoU of a domain without each of its units; None where it has no replicates."""
    units, present = domain.units, list(domain.labels.present)
    if units is None or not units.total.known.any():
        return None
    centre, left = (_mean(_class_numbers(rows, present)[0]) for rows in (units.total, units.without_each))
    doubt = next(filter(None, _rare_classes(domain, units).values()), "")
    return Replicates("miou", float(centre[0]), (left,), doubt=doubt)


def _rare_classes(domain: DomainState, units: Units) -> dict[int, str]:
    """Return for each present class why its numbers are in doubt, or nothing."""
    n = units.with_classes[1].tolist()
    return {c: few_units(units, domain.labels.classes[c], n[c]) for c in domain.labels.present}


def mean_numbers(rows: Rows, present: Sequence[int]) -> dict[str, Float64[np.ndarray, " m"]]:
    """Return the numbers over all classes, of sums."""
    hit, true, predicted = rows.classes[:, :, list(present)].swapaxes(0, 1)
    iou, share = ratio(hit, true + predicted - hit), ratio(true, rows.known[:, None])
    return {
        "miou": _mean(iou),
        "pixel_accuracy": ratio(rows.classes[:, 0].sum(axis=1), rows.known),
        "mean_class_accuracy": _mean(ratio(hit, true)),
        "fw_iou": np.nansum(share * iou, axis=1),
        "dice": _mean(ratio(2 * hit, true + predicted)),
    }


def _class_numbers(rows: Rows, present: Sequence[int]) -> list[Float64[np.ndarray, "m c"]]:
    """Return the IoU and the share of each class, of sums."""
    hit, true, predicted = rows.classes[:, :, list(present)].swapaxes(0, 1)
    return [ratio(hit, true + predicted - hit), ratio(true, rows.known[:, None])]


def _mean(values: Float64[np.ndarray, "m c"]) -> Float64[np.ndarray, " m"]:
    """Return the mean over the classes that have a value."""
    there = ~np.isnan(values)
    return ratio(np.where(there, values, 0).sum(axis=1), there.sum(axis=1).astype(np.float64))


def _undefined_values(labels: list[str]) -> list[Value]:
    means = undefined_values(_MEANS, NO_PIXELS)
    by_class = [Value.undefined(n, NO_PIXELS, q.definition, label=c) for n, q in _BY_CLASS.items() for c in labels]
    return means + by_class


def _class_value(name: str, number: float, label: str) -> Value:
    definition = _BY_CLASS[name].definition
    if np.isnan(number):
        return Value.undefined(name, "the class neither occurs nor is predicted", definition, label=label)
    return Value.exact(name, number, definition, label=label)


def _ratio(a: Float64[np.ndarray, " c"], b: Float64[np.ndarray, " c"]) -> Float64[np.ndarray, " c"]:
    return np.divide(a, b, out=np.full_like(a, np.nan), where=b > 0)
