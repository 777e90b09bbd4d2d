"""The five numbers of OOD detection, image-level and local: in-domain against OOD, each way round."""

from collections.abc import Iterator, Mapping, Sequence

from reliseg.metrics import many
from reliseg.metrics.base import Quantity
from reliseg.metrics.many import Counts
from reliseg.metrics.replicates import Replicates
from reliseg.results import Value
from reliseg.stats.filled.bins import Bins, FilledPair

_MEASURES = {
    "auroc": (
        "auroc",
        "probability that an in-domain {unit} is more confident than an OOD one; ties count half",
        "higher",
    ),
    "aupr_in": (
        "aupr/step/in-positive",
        "average precision: in-domain {unit}s are positive, ordered by falling confidence",
        "higher",
    ),
    "aupr_out": (
        "aupr/step/out-positive",
        "average precision: OOD {unit}s are positive, ordered by rising confidence",
        "higher",
    ),
    "fpr95_in": (
        "fpr95/no-interpolation/in-positive",
        "share of OOD {unit}s that are accepted when 95 % of the in-domain ones are accepted",
        "lower",
    ),
    "fpr95_out": (
        "fpr95/no-interpolation/out-positive",
        "share of in-domain {unit}s that are flagged when 95 % of the OOD ones are flagged",
        "lower",
    ),
}


def detection_quantities(prefix: str, definition: str, unit: str) -> Mapping[str, Quantity]:
    """Return the five numbers of a detection task: `ood_auroc`, ... under ids such as `ood/known-pixels/auroc`."""
    return {
        f"{prefix}_{name}": Quantity(f"{definition}/{rule}", text.format(unit=unit), better, 0, 1)  # type: ignore[arg-type]
        for name, (rule, text, better) in _MEASURES.items()
    }


def detection_values(names: Mapping[str, Quantity], pixels: FilledPair, score: str) -> list[Value]:
    """Return the five numbers of what is in-domain and what is OOD; there is some of both."""
    from reliseg.stats.filled.ranked import rankings  # numba is slow to import

    return [
        Value.between(name, numbers, q.definition, score=score)
        for (name, q), numbers in zip(names.items(), rankings(pixels), strict=True)
    ]


def exact_detection_values(names: Mapping[str, Quantity], inside: Bins, outside: Bins, score: str) -> list[Value]:
    """Return the same of histograms over distinct scores that are known exactly; there is some of both."""
    from reliseg.stats.filled.ties import measures

    return [
        Value.exact(name, number, q.definition, score=score)
        for (name, q), number in zip(names.items(), measures(inside, outside), strict=True)
    ]


def detection_replicates(
    names: Mapping[str, Quantity], inside: Sequence[Counts], outside: Sequence[Counts], score: str
) -> Iterator[Replicates]:
    """Yield the five numbers without each unit.

    `inside` and `outside` are histograms of sums, one row for each: first of all units, then of those without each one
    of the first sample, then of the second, where there are two.
    """
    numbers = [many.rankings(a, b) for a, b in zip(inside, outside, strict=True)]
    for k, (name, q) in enumerate(names.items()):
        centre, *lefts = (of_all[k] for of_all in numbers)
        yield Replicates(name, float(centre[0]), tuple(lefts), score=score, definition=q.definition)
