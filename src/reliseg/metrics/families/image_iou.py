"""Segmentation quality of single images: reliability lives in the tail."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from reliseg.errors import count_text
from reliseg.metrics.base import DomainState, Metric, Quantity
from reliseg.metrics.replicates import Replicates, mean_replicates
from reliseg.results import Value
from reliseg.types import Float64, Int64

_WORST = (5, 10)


@dataclass(frozen=True)
class ImageIou(Metric):
    """mIoU of each image over the classes of its annotation: the mean over images, and over the worst of them."""

    def quantities(self) -> Mapping[str, Quantity]:
        """Return the numbers that it gives, by name."""
        numbers = {
            "image_miou": Quantity(
                "iou/image/mean-of-classes-in-truth",
                "mIoU of each image over the classes in its annotation, averaged over images",
                "higher",
                0,
                1,
            )
        }
        for q in _WORST:
            numbers[f"worst{q}_miou"] = Quantity(
                f"iou/image/mean-of-worst-{q}%",
                f"mean mIoU of the worst {q} % of images, ceil({q} n / 100) of n; undefined below {100 // q} images",
                "higher",
                0,
                1,
            )
        return numbers

    def compute(self, domain: DomainState, reference: DomainState | None) -> list[Value]:
        """Return the values; images without known pixels are left out."""
        definitions = {name: q.definition for name, q in self.quantities().items()}
        values = np.sort(domain.images.miou[~np.isnan(domain.images.miou)])
        n = len(values)
        if n == 0:
            return [Value.undefined(name, "no image with a counted pixel", d) for name, d in definitions.items()]
        result = [Value.exact("image_miou", math.fsum(values) / n, definitions["image_miou"])]
        for q in _WORST:
            name, k = f"worst{q}_miou", math.ceil(q * n / 100)
            if n < 100 // q:
                why = f"{count_text(n, 'image')}, at least {100 // q} are needed"
                result.append(Value.undefined(name, why, definitions[name]))
            else:
                result.append(Value.exact(name, math.fsum(values[:k]) / k, definitions[name]))
        return result

    def replicates(self, domain: DomainState, reference: DomainState | None) -> Iterator[Replicates]:
        """Yield the values without each unit."""
        if domain.units is None:
            return
        miou, units = domain.images.miou, domain.units
        yield mean_replicates("image_miou", miou, units)
        order = np.argsort(miou, kind="stable")[: int((~np.isnan(miou)).sum())]
        rising, unit = miou[order], units.of_image[order]
        for q in _WORST:
            yield Replicates(f"worst{q}_miou", _worst(rising, q), (_worst_without_each(rising, unit, len(units), q),))


def _worst(rising: Float64[np.ndarray, " n"], q: int) -> float:
    """Return the mean of the first q % of these values; NaN where there are too few."""
    n = len(rising)
    return float(rising[: math.ceil(q * n / 100)].mean()) if n >= 100 // q else math.nan


def _worst_without_each(
    rising: Float64[np.ndarray, " n"], unit: Int64[np.ndarray, " n"], units: int, q: int
) -> Float64[np.ndarray, " u"]:
    """Return the same of the values without those of each unit.

    All that can be among the worst stand in the first places, as many as there are worst and a unit's own.
    """
    own = np.bincount(unit, minlength=units)
    left = len(rising) - own
    worst = -(-q * left // 100)
    first = int((worst + own).max(initial=0))
    found = np.full(units, np.nan)
    there = np.flatnonzero(left >= 100 // q)
    changes = np.isin(there, unit[:first])
    for u in there[changes]:
        found[u] = rising[:first][unit[:first] != u][: worst[u]].mean()
    others = there[~changes]  # most: without any of them the worst are the same
    means = {count: rising[:count].mean() for count in np.unique(worst[others]).tolist()}
    found[others] = [means[count] for count in worst[others].tolist()]
    return found
