"""Problems of a domain's files, looked for before a long run."""

import math
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Bool

from reliseg.data.base import DataSet, Domain, Sample
from reliseg.data.decode import check_sizes, load
from reliseg.errors import SampleError, count_text
from reliseg.labels import UNKNOWN, VOID, LabelSpace

_MASKS_TO_DECODE = 8
_MAX_LINES = 3
_FEW = 4
"""Good data shows more than a quarter of its classes in a few masks; wrongly encoded ids are 0 and 1, or 0 and 255."""


@dataclass(frozen=True)
class SizedSample:
    """A sample with its size (height, width)."""

    sample: Sample
    size: tuple[int, int]

    def __str__(self) -> str:
        return f"{self.sample.id} ({self.size[1]} x {self.size[0]} pixels)"


@dataclass(frozen=True)
class DomainCheck:
    """The result of a look at the files of a domain."""

    problems: tuple[str, ...] = ()
    """A line each, at most three and then the number of those left out."""
    notes: tuple[str, ...] = ()
    """Suspicious things that may be as they should be."""
    failed: frozenset[str] = frozenset()
    """The ids of all samples that cannot be used."""
    extremes: tuple[SizedSample, ...] = field(default=(), compare=False)
    """The smallest and the largest of those that can; one, where all are of one size."""


def check_domain(
    dataset: DataSet,
    domain: Domain,
    *,
    full: bool = False,
    workers: int = 2,
    progress: Callable[[int, int], None] | None = None,
) -> DomainCheck:
    """Return the problems of a domain, and what is suspicious about its masks.

    Compare the sizes in the headers of every image and mask, and map the ids of the first eight masks; with
    `full` decode everything. `progress` is called with the samples done and their number.
    """

    def inspect(i: int) -> SampleError | tuple[SizedSample, Bool[np.ndarray, " ids"] | None]:
        """Return why a sample cannot be used; or its size, and which ids its mask has, if it was decoded."""
        sample, ids = domain.samples[i], None
        try:
            if full or i < _MASKS_TO_DECODE:
                loaded = load(dataset, sample, image=full)
                if loaded.truth is not None:
                    ids = np.bincount(loaded.truth.ravel(), minlength=VOID + 1) > 0
                return SizedSample(sample, loaded.size), ids
            return SizedSample(sample, check_sizes(dataset, sample)), ids
        except SampleError as error:
            return error

    where, total = f"{dataset.name}/{domain.name}", len(domain.samples)
    errors, masks = [], []
    ends: list[SizedSample] = []
    with ThreadPoolExecutor(workers) as pool:
        for done, outcome in enumerate(pool.map(inspect, range(total)), start=1):
            if isinstance(outcome, SampleError):
                errors.append(outcome)
            else:
                sized, ids = outcome
                ends = extremes([*ends, sized])
                masks += [] if ids is None else [ids]
            if progress is not None:
                progress(done, total)
    problems = first_lines([f"{where}: {error}" for error in errors], where)
    notes = [f"{where}: {line}" for line in _few_class_notes(dataset.labels, masks)]
    if full and len(masks) == total and not np.any(masks, axis=0)[:UNKNOWN].any():
        return DomainCheck((*problems, *notes))  # no number would come of it
    return DomainCheck(tuple(problems), tuple(notes), frozenset(error.sample for error in errors), tuple(ends))


def extremes(samples: Sequence[SizedSample]) -> list[SizedSample]:
    """Return the first sample of the fewest and the first of the most pixels; one, where all have the same size."""

    def key(sized: SizedSample) -> tuple[int, tuple[int, int]]:
        return math.prod(sized.size), sized.size

    ends = [min(samples, key=key), max(samples, key=key)] if samples else []
    return ends[: len({sized.size for sized in ends})]


def first_lines(lines: Sequence[str], where: str) -> list[str]:
    """Return the first three lines, and a line with the number of the others."""
    more = len(lines) - _MAX_LINES
    return [*lines[:_MAX_LINES], f"{where}: ... and {more} more"] if more > 0 else list(lines)


def _few_class_notes(labels: LabelSpace, masks: Sequence[Bool[np.ndarray, " ids"]]) -> Iterator[str]:
    """Yield a line if none or few of the classes occur in these masks, taken together."""
    if not masks:
        return
    ids, looked_at = np.any(masks, axis=0), f"the {count_text(len(masks), 'mask')} looked at"
    occurring = [labels.classes[c] for c in labels.present if ids[c]]
    lacking = len(labels.present) - len(occurring)
    if not ids[:UNKNOWN].any():
        yield (
            f"no pixel of {looked_at} belongs to a class: all are void or unknown; correct encoding or label_map, "
            "or set annotations: none"
        )
    elif lacking and len(occurring) <= max(1, len(labels.present) // _FEW):
        yield (
            f"{lacking} of {len(labels.present)} classes do not occur in {looked_at}, only "
            f"{', '.join(occurring) or 'absent ones'}; if there should be more, correct encoding or label_map"
        )
