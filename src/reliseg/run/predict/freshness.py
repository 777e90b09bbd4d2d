"""Is a stored result still valid: would it be computed from the same inputs now?"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from reliseg.calibration.records.record import Hashes
from reliseg.data import DataSet, Sample, sample_sha256
from reliseg.errors import SampleError
from reliseg.models import Model
from reliseg.plan.plan import Target


@dataclass(frozen=True)
class StoredInputs:
    """What a stored result was computed from, as it says itself."""

    model: str
    """The model's fingerprint."""
    samples: Hashes
    """sha256 by sample, by domain."""
    calibrations: Mapping[str, str] = field(default_factory=dict)
    """Fingerprints by name."""


@dataclass(frozen=True)
class Change:
    """Why a stored result is not valid any more, and the file that shows it, if it is one."""

    reason: str
    file: Path | None = None


@dataclass(frozen=True, eq=False)
class Inputs:
    """What a result would be computed from now."""

    model: Model
    samples: Mapping[Target, Sequence[Sample]]
    calibrations: Mapping[str, str] = field(default_factory=dict)

    def change_since(self, result: Path, before: StoredInputs) -> Change | None:
        """Return why a stored result is not valid any more, or None: what it was computed from is what there is now.

        Samples that it was not computed from yet are no change: see `missing`.
        """
        return next(filter(None, (part(self, result, before) for part in _PARTS)), None)

    def missing(self, before: StoredInputs) -> list[Sample]:
        """Return the samples that a stored result was not computed from."""
        return [s for t, samples in self.samples.items() for s in samples if s.id not in before.samples.get(str(t), {})]


def _model_change(now: Inputs, result: Path, before: StoredInputs) -> Change | None:
    return None if now.model.fingerprint() == before.model else Change("another model")


def _calibration_change(now: Inputs, result: Path, before: StoredInputs) -> Change | None:
    return None if now.calibrations == before.calibrations else Change("other calibrations")


def _sample_change(now: Inputs, result: Path, before: StoredInputs) -> Change | None:
    """Look for a sample that has left: a result cannot be parted."""
    here = {str(target): {s.id for s in samples} for target, samples in now.samples.items()}
    is_part = all(hashes.keys() <= here.get(domain, set()) for domain, hashes in before.samples.items())
    return None if is_part else Change("other samples")


def _file_change(now: Inputs, result: Path, before: StoredInputs) -> Change | None:
    """Look for an image, mask or stored prediction that was changed after the result was written.

    A file that is not newer counts as unchanged, as `make` does. Newer images and masks may be copies: they are
    compared with the sha256 that the result was made from. A file that is missing changes nothing.
    """
    written = _change_time(result) or 0

    def newer(files: Iterable[Path]) -> Path | None:
        return next((file for file in files if (_change_time(file) or 0) > written), None)

    for target, samples in now.samples.items():
        hashes = before.samples.get(str(target), {})
        for sample in (s for s in samples if s.id in hashes):
            prediction = newer(now.model.files(sample.id))
            if prediction is not None:
                return Change("newer files", prediction)
            picture = newer(_pictures(target.dataset, sample))
            if picture is not None and not _has_hash(target.dataset, sample, hashes[sample.id]):
                return Change("newer files", picture)
    return None


_PARTS: tuple[Callable[[Inputs, Path, StoredInputs], Change | None], ...] = (
    _model_change,
    _calibration_change,
    _sample_change,
    _file_change,
)
"""All that a stored result must agree in to be used again."""


def _pictures(dataset: DataSet, sample: Sample) -> Iterator[Path]:
    yield dataset.root / sample.image
    if sample.mask is not None:
        yield dataset.root / sample.mask


def _has_hash(dataset: DataSet, sample: Sample, digest: str) -> bool:
    try:
        return sample_sha256(dataset, sample) == digest
    except SampleError:
        return False


def _change_time(path: Path) -> int | None:
    """Return when a file was changed, in nanoseconds; None where it is not there."""
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return None
