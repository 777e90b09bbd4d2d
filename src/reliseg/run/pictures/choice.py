"""Which images are shown: the worst ones of each model on each domain, and one that is typical of the domain."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from math import isnan
from statistics import mean
from typing import TypeAlias

from reliseg.plan.plan import IDENTITY
from reliseg.results import ImageTable

Place: TypeAlias = tuple[str, str, str]
"""A model, a data set and a domain of it."""


@dataclass(frozen=True)
class Choice:
    """An image. `rank` is its place among the worst, from 1 on, or 0; `typical` as in `choose`."""

    sample: str
    rank: int
    typical: bool


def choose(images: ImageTable, number: int) -> dict[Place, list[Choice]]:
    """Return the images to be shown, by what they are before any calibration.

    Of each model on each domain these are the `number` images with the lowest mIoU, the worst first, and last the one
    that is typical: of all images of the domain, by the mean of all models, the one in the middle. So that one is the
    same for all models. Of a domain without annotation, the mean confidence (msp) stands in for mIoU.
    """
    states = images.by_state().items()
    values = {place[:3]: _values(of) for place, of in states if place[3] == IDENTITY}
    typical = _typical(values)
    chosen = {}
    for place, of in values.items():
        middle = typical[place[1:]]
        worst = sorted(of, key=lambda sample: (of[sample], sample))[:number]
        choices = [Choice(sample, rank, sample == middle) for rank, sample in enumerate(worst, 1)]
        if middle in of and middle not in worst:
            choices.append(Choice(middle, 0, True))
        chosen[place] = choices
    return chosen


def _values(images: ImageTable) -> dict[str, float]:
    """Return how good each image is, or, where that is not known of any, how sure it is."""
    for column in ("miou", "mean_msp"):
        values = {s: float(v) for s, v in zip(images["sample"], images[column], strict=True) if not isnan(v)}
        if values:
            return values
    return {}


def _typical(values: Mapping[Place, Mapping[str, float]]) -> dict[tuple[str, str], str]:
    """Return the image in the middle of each domain: of an even number of images, the lower of two."""
    by_domain: dict[tuple[str, str], list[Mapping[str, float]]] = defaultdict(list)
    for (_, *domain), of in values.items():
        by_domain[domain[0], domain[1]].append(of)
    found = {}
    for names, of_models in by_domain.items():
        shared = set.intersection(*map(set, of_models))
        ordered = sorted(shared, key=lambda sample: (mean(of[sample] for of in of_models), sample))
        found[names] = ordered[(len(ordered) - 1) // 2] if ordered else ""
    return found
