"""Whether what was computed from files is as new as they are."""

from collections.abc import Iterable, Iterator
from pathlib import Path

from reliseg.data import DataSet, Sample
from reliseg.models import Model


def is_fresh(result: Path, model: Model, dataset: DataSet, samples: Iterable[Sample]) -> bool:
    """Whether no image, mask or stored prediction of the samples was changed after the result was written.

    By the times of the files, as `make` does: their bytes are not read. False where there is no result; a file that is
    missing changes nothing.
    """
    written = _time(result)
    return written is not None and all((_time(f) or 0) <= written for s in samples for f in _files(model, dataset, s))


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
