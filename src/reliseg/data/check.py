"""Problems of a domain's files, looked for before a long run."""

import math
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace

import numpy as np

from reliseg.data.base import DataSet, Domain, Sample
from reliseg.data.decode import check_sizes, load, mask_colors
from reliseg.data.misreading import CountedMap, blurred_reading, id_counts, other_reading, palette_reading, void_note
from reliseg.errors import SampleError, count_text, image_size_text
from reliseg.labels import UNKNOWN, VOID, LabelMap, LabelSpace
from reliseg.remote import RemoteFolder
from reliseg.types import Int64

MASKS_TO_DECODE = 8
"""So many masks of a domain are looked at where not all are."""
_MAX_LINES = 3
_FEW = 4
"""Good data shows more than a quarter of its classes in a few masks; wrongly encoded ids are 0 and 1, or 0 and 255."""


@dataclass(frozen=True)
class SizedSample:
    """A sample with its size (height, width)."""

    sample: Sample
    size: tuple[int, int]

    def __str__(self) -> str:
        return f"{self.sample.id} ({image_size_text(self.size)})"


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
    `full` decode everything. Outside this machine a header takes the whole file: without `full`, eight samples are
    fetched, and of the others the list tells which files are empty. `progress` is called with the samples done and
    their number.
    """
    where, total = f"{dataset.name}/{domain.name}", len(domain.samples)
    errors: list[SampleError] = []
    masks = _Masks(dataset)
    ends: list[SizedSample] = []
    with ThreadPoolExecutor(workers) as pool:
        looks = pool.map(lambda i: _look(dataset, domain.samples[i], full, full or i < MASKS_TO_DECODE), range(total))
        for done, look in enumerate(looks, start=1):
            errors += [look.error] if look.error else []
            ends = extremes([*ends, look.sized]) if look.sized else ends
            masks.add(look)
            if progress is not None:
                progress(done, total)
    problems = first_lines([f"{where}: {error}" for error in errors], where)
    notes = [f"{where}: {line}" for line in masks.notes()]
    left = total - MASKS_TO_DECODE
    if left > 0 and not full and isinstance(dataset.root, RemoteFolder):
        verb = "is" if left == 1 else "are"
        notes.append(f"{where}: {count_text(left, 'sample')} {verb} fetched when the run needs them, and not before")
    if full and masks.number == total and not masks.pixels[:UNKNOWN].any():
        return DomainCheck((*problems, *notes))  # no number would come of it
    return DomainCheck(tuple(problems), tuple(notes), frozenset(error.sample for error in errors), tuple(ends))


def extremes(samples: Sequence[SizedSample]) -> list[SizedSample]:
    """Return the first sample of the fewest and the first of the most pixels; one, where all have the same size."""

    def key(sized: SizedSample) -> tuple[int, tuple[int, int]]:
        return math.prod(sized.size), sized.size

    ends = [min(samples, key=key), max(samples, key=key)] if samples else []
    return ends[: len({sized.size for sized in ends})]


@dataclass(frozen=True, eq=False)
class _Look:
    """What was seen of a sample."""

    error: SampleError | None = None
    """Why it cannot be used."""
    sized: SizedSample | None = None
    """Itself, with its size, if it can."""
    pixels: Int64[np.ndarray, " ids"] | None = None
    """The pixels of each id of the label space, if its mask was decoded."""
    reading: str = ""
    """What the ids of its mask look like, if not like what they should be."""


def _look(dataset: DataSet, sample: Sample, full: bool, decode: bool) -> _Look:
    """Return what is seen of a sample: sizes in headers, with `decode` its mask too, and with `full` its image."""
    label_map = dataset.label_map
    counted = CountedMap.around(label_map) if decode and isinstance(label_map, LabelMap) else None
    error, size, pixels = None, None, None
    try:
        if decode:
            loaded = load(replace(dataset, label_map=counted or label_map), sample, image=full)
            size, truth = loaded.size, loaded.truth
            pixels = None if truth is None else id_counts(truth, VOID + 1)
        elif isinstance(dataset.root, RemoteFolder):
            _check_not_empty(dataset.root, sample)
        else:
            size = check_sizes(dataset, sample)
    except SampleError as reason:
        error = reason
    reading = ""
    if counted is not None and sample.mask is not None:
        reading = (
            other_reading(dataset, counted) or _palette_reading(dataset, sample, counted) or blurred_reading(counted)
        )
    return _Look(error, SizedSample(sample, size) if size else None, pixels, reading)


def _check_not_empty(root: RemoteFolder, sample: Sample) -> None:
    for path in sample.files:
        facts = root.listed.get(path)
        if facts is not None and facts.size == 0:
            raise SampleError(sample.id, f"{root / path}: the file is empty; copy it again")


def _palette_reading(dataset: DataSet, sample: Sample, counted: CountedMap) -> str:
    if dataset.encoding != "index":
        return ""
    try:
        return palette_reading(dataset, counted, mask_colors(dataset, sample))
    except SampleError:  # it is said already why the file is not read
        return ""


@dataclass(eq=False)
class _Masks:
    """What was seen of a domain's masks together."""

    dataset: DataSet
    number: int = 0
    pixels: Int64[np.ndarray, " ids"] = field(default_factory=lambda: np.zeros(VOID + 1, np.int64))
    readings: Counter[str] = field(default_factory=Counter)

    def add(self, look: _Look) -> None:
        """Add what was seen of one sample."""
        if look.pixels is not None:
            self.number += 1
            self.pixels += look.pixels
        if look.reading:
            self.readings[look.reading] += 1

    def notes(self) -> Iterator[str]:
        """Yield a line if the masks hold much void, or few classes, or look like something else."""
        looked_at = f"the {count_text(self.number, 'mask')} looked at"
        if self.number and not self.pixels[:UNKNOWN].any():
            yield (
                f"no pixel of {looked_at} belongs to a class: all are void or unknown; correct encoding or label_map, "
                "or set annotations: none"
            )
        elif line := void_note(self.dataset, int(self.pixels[VOID]), int(self.pixels.sum()), looked_at):
            yield line if self.readings else f"{line}; if that is not so, correct mask, encoding or label_map"
        for reading, number in self.readings.most_common(1):
            yield f"in {count_text(number, 'mask')}, {reading}"
        if self.number and not self.readings:
            yield from _few_class_notes(self.dataset.labels, self.pixels, looked_at)


def first_lines(lines: Sequence[str], where: str) -> list[str]:
    """Return the first three lines, and a line with the number of the others."""
    more = len(lines) - _MAX_LINES
    return [*lines[:_MAX_LINES], f"{where}: ... and {more} more"] if more > 0 else list(lines)


def _few_class_notes(labels: LabelSpace, pixels: Int64[np.ndarray, " ids"], looked_at: str) -> Iterator[str]:
    """Yield a line if few of the classes occur in these masks, taken together."""
    occurring = [labels.classes[c] for c in labels.present if pixels[c]]
    lacking = len(labels.present) - len(occurring)
    if pixels[:UNKNOWN].any() and lacking and len(occurring) <= max(1, len(labels.present) // _FEW):
        yield (
            f"{lacking} of {len(labels.present)} classes do not occur in {looked_at}, only "
            f"{', '.join(occurring) or 'absent ones'}; if there should be more, correct encoding or label_map"
        )
