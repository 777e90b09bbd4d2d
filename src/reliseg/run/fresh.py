"""Whether what was computed from files is as new as they are."""

from collections.abc import Iterable, Iterator
from pathlib import Path

from reliseg.data import DataSet, Sample
from reliseg.models import Model


def is_fresh(result: Path, model: Model, dataset: DataSet, samples: Iterable[Sample]) -> bool:
    """Whether the result is there, and nothing of the samples was changed after it was written."""
    return _time(result) is not None and changed_since(result, model, dataset, samples) is None


def changed_since(result: Path, model: Model, dataset: DataSet, samples: Iterable[Sample]) -> Path | None:
    """The first image, mask or stored prediction of the samples that was changed after the result was written.

    By the times of the files, as `make` does: their bytes are not read. A file that is missing changes nothing.
    """
    written = _time(result) or 0
    return next((f for s in samples for f in _files(model, dataset, s) if (_time(f) or 0) > written), None)


def _files(model: Model, dataset: DataSet, sample: Sample) -> Iterator[Path]:
    yield dataset.root / sample.image
    if sample.mask is not None:
        yield dataset.root / sample.mask
    yield from model.files(sample.id)


def _time(path: Path) -> int | None:
    """Nanoseconds; None where the file is not there."""
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return None
