"""Predictions that were stored before, by reliseg or by anything that can write NumPy files."""

import os
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from reliseg.errors import ModelError, SampleError, one_line
from reliseg.labels import LabelSpace
from reliseg.models.base import Input, Model, ModelOptions
from reliseg.models.file_hashes import hash_files
from reliseg.models.output_check import logits_problem, shape_text
from reliseg.prediction import Prediction
from reliseg.runtime.atomic_files import write_atomically
from reliseg.types import Feature, Logits

_SUFFIXES = (".npz", ".npy")


class _UnfitError(ValueError):
    """A file that holds no logits; the text ends an error line."""


@dataclass(frozen=True, eq=False)
class StoredModel(Model):
    """A folder of `<sample id>.npz` (or `STEM.npz`, anywhere in it, where stems are unique).

    A file holds `logits` (C x h x w, at any stride) and may hold `align_corners` and `feature`; a `.npy` file is
    logits alone. Nothing in a file is executed.
    """

    reads_images = False
    labels: LabelSpace
    folder: Path
    where: str
    align_corners: bool | None
    count: int
    """Number of files."""
    first_sha256: str
    """Of the first file: it tells the predictions of one network from those of another."""

    @classmethod
    def load(cls, options: ModelOptions) -> "StoredModel":
        """List the folder, and open one file to check its classes."""
        labels = options.require_labels()
        if options.precision != "float32":
            raise ModelError(
                f"model {options.name}: precision applies only to networks, and these logits are stored; leave it out"
            )
        folder = options.folder / options.where
        if not folder.is_dir():
            raise ModelError(f"model {options.name}: no folder {folder}; give the folder of the stored logits")
        first, count = None, 0
        for file in _prediction_files(folder):
            first = file if first is None else min(first, file)
            count += 1
        if first is None:
            raise ModelError(f"model {options.name}: no .npz or .npy file in {folder}; one per sample is needed")
        try:
            (digest,) = hash_files([folder / first]).values()
            model = cls(labels, folder, options.where, options.align_corners, count, digest)
            model._read(folder / first)
        except OSError as error:
            raise ModelError(f"model {options.name}: {folder / first} cannot be read ({error.strerror})") from error
        except _UnfitError as error:
            raise ModelError(f"model {options.name}: {folder / first} {error}") from error
        return model

    def predict(self, inputs: Sequence[Input]) -> list[Prediction]:
        """Read one file per input. May be called by several threads."""
        return [self._prediction(i) for i in inputs]

    def missing(self, ids: Sequence[str]) -> list[str]:
        """Return the ids without a file, and those that would share one."""
        candidates = {i: self._candidates(i) for i in ids}
        uses = Counter(files[0] for files in candidates.values() if len(files) == 1)
        return [i for i, files in candidates.items() if len(files) != 1 or uses[files[0]] > 1]

    def files(self, sample: str) -> tuple[Path, ...]:
        """Return the files called like the sample, or like its stem."""
        return tuple(self.folder / file for file in self._candidates(sample))

    def provenance(self) -> dict[str, Any]:
        """Return folder and number of files; the files are not hashed."""
        return {
            "kind": "stored",
            "where": self.where,
            "labels": self.labels.name,
            "align_corners": self.align_corners,
            "stored_files": self.count,
            "files": {},
            "hashed": "nothing: files are read one by one during the run",
        }

    def fingerprint(self) -> str:
        """Say how files are read. What they hold counts sample by sample: if one is mended, the others stay valid."""
        return f"stored, align_corners {self.align_corners}"

    def file_hashes(self) -> tuple[str, ...]:
        """Return the sha256 of the first file: whether a calibration was fitted on these predictions goes by it."""
        return (self.first_sha256,)

    def _candidates(self, sample: str) -> tuple[str, ...]:
        """Return the files called like the sample, else those called like its stem: one, if all is well."""
        exact = tuple(sample + suffix for suffix in _SUFFIXES if (self.folder / (sample + suffix)).is_file())
        return exact or self._stems.get(sample.rpartition("/")[2], ())

    @cached_property
    def _stems(self) -> dict[str, tuple[str, ...]]:
        """Map stems to files. Read only if files are not called like the samples: it takes memory for each of them."""
        stems: dict[str, tuple[str, ...]] = {}
        for file in _prediction_files(self.folder):
            stem = _stem(file.rpartition("/")[2])
            stems[stem] = (*stems.get(stem, ()), file)
        return stems

    def _prediction(self, source: Input) -> Prediction:
        files = self._candidates(source.id)
        if not files:
            raise SampleError(source.id, f"no stored prediction; {self.folder / source.id}.npz is needed")
        if len(files) > 1:
            raise SampleError(
                source.id,
                f"{files[0]} and {files[1]} in {self.folder} both fit; keep one, called {source.id}.npz",
            )
        path = self.folder / files[0]
        try:
            stored = self._read(path)
        except _UnfitError as error:
            raise SampleError(source.id, f"{path} {error}") from error
        align_corners = stored.align_corners if self.align_corners is None else self.align_corners
        return Prediction(logits=stored.logits, size=source.size, align_corners=align_corners, feature=stored.feature)

    def _read(self, path: Path) -> "_Stored":
        stored = _read(path)
        problem = logits_problem(stored.logits, self.labels)
        if problem:
            hint = "" if len(stored.logits) == len(self.labels) else ", or write logits as classes x height x width"
            raise _UnfitError(problem + hint)
        return stored


@dataclass(frozen=True, eq=False)
class _Stored:
    logits: Logits
    align_corners: bool
    feature: Feature | None


def _prediction_files(folder: Path) -> Iterator[str]:
    """Yield the files, relative to the folder; in each folder in the order of their names."""
    for place, folders, files in os.walk(folder):
        folders.sort()
        below = Path(place).relative_to(folder)
        for name in sorted(files):
            if name.endswith(_SUFFIXES) and not name.startswith("."):
                yield (below / name).as_posix()


def _stem(file: str) -> str:
    return file.rpartition(".")[0]


def _read(path: Path) -> _Stored:
    arrays = _arrays(path)
    logits = arrays.get("logits")
    if logits is None:
        raise _UnfitError("has no array 'logits'; write it with numpy.savez(path, logits=...)")
    if logits.dtype.kind != "f":
        raise _UnfitError(f"holds {logits.dtype}; logits must be floating-point, not a map of classes")
    if logits.ndim != 3 or 0 in logits.shape:
        raise _UnfitError(f"holds an array of {shape_text(logits.shape)}; write logits as classes x height x width")
    flag = arrays.get("align_corners", np.False_)
    if flag.size != 1 or flag.dtype.kind not in "bui":
        raise _UnfitError("holds an 'align_corners' that is not one boolean")
    feature = arrays.get("feature")
    if feature is not None and (feature.ndim != 1 or feature.dtype.kind != "f"):
        raise _UnfitError(f"holds a 'feature' of {feature.dtype}, {shape_text(feature.shape)}; write one float vector")
    with np.errstate(over="ignore"):  # what overflows is refused as infinite later
        return _Stored(
            logits=np.ascontiguousarray(logits, np.float32),
            align_corners=bool(flag.item()),
            feature=None if feature is None else np.ascontiguousarray(feature, np.float32),
        )


def _arrays(path: Path) -> dict[str, np.ndarray]:
    """Read the arrays of a NumPy file; no pickled object is ever loaded."""
    try:
        with path.open("rb") as file:  # np.load itself leaves damaged archives open
            content = np.load(file, allow_pickle=False)
            if isinstance(content, np.ndarray):
                return {"logits": content}
            with content:
                return {key: content[key] for key in ("logits", "align_corners", "feature") if key in content.files}
    except Exception as error:  # a damaged file raises nearly anything
        raise _UnfitError(f"cannot be read ({one_line(error)}); write it again") from error


def save_logits(path: Path, prediction: Prediction, dtype: type[np.floating[Any]] = np.float16) -> None:
    """Write a model's prediction, before projection and calibration, as `stored` reads it: whole or not at all."""
    arrays: dict[str, Any] = {
        "logits": np.asarray(prediction.logits, dtype),
        "align_corners": np.bool_(prediction.align_corners),
    }
    if prediction.feature is not None:
        arrays["feature"] = prediction.feature
    write_atomically(path, lambda file: np.savez(file, allow_pickle=False, **arrays))
