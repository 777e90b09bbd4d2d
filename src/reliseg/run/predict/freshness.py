"""Whether what was computed from files is of the files as they are now."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from reliseg.data import DataSet, Sample, sample_sha256
from reliseg.errors import SampleError
from reliseg.models import Model


def is_fresh(
    result: Path, model: Model, dataset: DataSet, samples: Iterable[Sample], hashes: Mapping[str, str]
) -> bool:
    """Whether the result is there, and nothing of the samples was changed after it was written."""
    return _time(result) is not None and first_newer_file(result, model, dataset, samples, hashes) is None


def first_newer_file(
    result: Path, model: Model, dataset: DataSet, samples: Iterable[Sample], hashes: Mapping[str, str]
) -> Path | None:
    """The first image, mask or stored prediction of the samples that was changed after the result was written.

    A file that is not newer is taken for unchanged, as `make` does. Newer images and masks may be copies: they are
    compared with the sha256 that the result was made from. A file that is missing changes nothing.
    """
    written = _time(result) or 0

    def newer(files: Iterable[Path]) -> Path | None:
        return next((file for file in files if (_time(file) or 0) > written), None)

    for sample in samples:
        prediction = newer(model.files(sample.id))
        if prediction is not None:
            return prediction
        picture = newer(_pictures(dataset, sample))
        if picture is not None and not _is_of(hashes.get(sample.id), dataset, sample):
            return picture
    return None


def _pictures(dataset: DataSet, sample: Sample) -> Iterator[Path]:
    yield dataset.root / sample.image
    if sample.mask is not None:
        yield dataset.root / sample.mask


def _is_of(digest: str | None, dataset: DataSet, sample: Sample) -> bool:
    try:
        return sample_sha256(dataset, sample) == digest
    except SampleError:
        return False


def _time(path: Path) -> int | None:
    """Nanoseconds; None where the file is not there."""
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return None
