"""Predictions that were stored before, by reliseg or by anything that can write NumPy files."""

import os
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from reliseg.errors import ModelError, SampleError
from reliseg.labels import LabelSpace
from reliseg.models.array_files import ArrayFileError
from reliseg.models.base import Input, Model, ModelOptions
from reliseg.models.output_shape import SeenShapes
from reliseg.models.prediction_files import Expected, look_at_file, read_file
from reliseg.prediction import Prediction
from reliseg.runtime.file_names import distinct_names, existing_forms
from reliseg.runtime.regular_files import reason_of, sha256_of_file

_SUFFIXES = (".npz", ".npy")
_OF_NETWORKS = (
    *("weights", "key", "output", "mean", "std", "feature", "args", "precision"),
    *("resize", "interpolation", "pad", "slide", "tta", "mc_dropout", "masks"),
)


@dataclass(frozen=True, eq=False)
class Listing:
    """The prediction files below a folder: the first one, their number, and whether all lie side by side."""

    folder: Path
    first: str
    count: int
    is_flat: bool

    @classmethod
    def of(cls, folder: Path) -> "Listing | None":
        """Return the listing; None where there is no file."""
        first, count, is_flat = None, 0, True
        for file in _prediction_files(folder):
            first = file if first is None else min(first, file)
            count, is_flat = count + 1, is_flat and "/" not in file
        return None if first is None else cls(folder, first, count, is_flat)

    @cached_property
    def by_stem(self) -> dict[str, str]:
        """Map stems to a file of that name. Read only for messages: it takes memory for each file."""
        return {_stem(file.rpartition("/")[2]): file for file in _prediction_files(self.folder)}


@dataclass(frozen=True, eq=False)
class StoredModel(Model):
    """A folder of logits that any framework saved: SCENE/STEM.npz.

    A file serves the sample whose id is its path below the folder, `SCENE/STEM.npz`. The path may begin with the domain
    or with data set and domain, as `--save` writes it: `DATASET/DOMAIN/SCENE/STEM.npz`. Where all files lie side by
    side, the stem alone will do.

    A file holds `logits` (C x h x w, at any stride) or `probabilities`, and may hold `align_corners` and `feature`; a
    `.npy` file holds one array alone. Nothing in a file is executed.
    """

    reads_images = False
    labels: LabelSpace
    where: str
    align_corners: bool | None
    expected: Expected
    listing: Listing
    first_sha256: str
    """Of the first file: it tells the predictions of one network from those of another."""
    domain: str = ""
    """The domain that is predicted, `DATASET/DOMAIN`."""
    seen: SeenShapes = field(default_factory=SeenShapes)
    """Of all domains together."""

    def __repr__(self) -> str:
        """Return where the files lie, and the classes, on one line."""
        return f"StoredModel({self.where!r}: {self.labels.summary()})"

    @classmethod
    def load(cls, options: ModelOptions) -> "StoredModel":
        """List the folder, and open one file to check its classes."""
        labels = options.require_labels()
        options.refuse(_OF_NETWORKS, "applies only to networks, and these logits are stored; leave it out")
        folder = options.folder / Path(options.where).expanduser()
        if not folder.is_dir():
            raise ModelError(f"model {options.name}: no folder {folder}; give the folder of the stored logits")
        listing = Listing.of(folder)
        if listing is None:
            raise ModelError(f"model {options.name}: no .npz or .npy file in {folder}; one per sample is needed")
        first, expected = folder / listing.first, Expected(labels, options.values)
        try:
            expected = replace(expected, earlier=look_at_file(first, expected))
            digest = sha256_of_file(first)
        except OSError as error:
            raise ModelError(f"model {options.name}: {first} cannot be read ({reason_of(error)})") from error
        except ArrayFileError as error:
            raise ModelError(f"model {options.name}: {first} {error}") from error
        return cls(labels, options.where, options.align_corners, expected, listing, digest)

    @property
    def gives_probabilities(self) -> bool:
        """Tell if the first file holds probabilities, and so all of them."""
        return self.expected.earlier == "probabilities"

    def of_domain(self, domain: str) -> "StoredModel":
        """Return the model as it predicts a domain, `DATASET/DOMAIN`: files may lie in folders of these names."""
        return replace(self, domain=domain)

    def predict(self, inputs: Sequence[Input]) -> list[Prediction]:
        """Read one file per input. May be called by several threads."""
        return [self._prediction(i) for i in inputs]

    def missing(self, ids: Sequence[str]) -> dict[str, str]:
        """Return the ids without a file of their own, each with what is wrong."""
        candidates = {i: self._candidates(i) for i in ids}
        uses = Counter(files[0] for files in candidates.values() if len(files) == 1)
        problems = {i: self._problem(i, files) for i, files in candidates.items()}
        for i, files in candidates.items():
            if len(files) == 1 and uses[files[0]] > 1:
                other = next(o for o, same in candidates.items() if same == files and o != i)
                problems[i] = f"{files[0]} in {self.listing.folder} fits {other} too; call it {i}.npz or {other}.npz"
        return {i: problem for i, problem in problems.items() if problem}

    def files(self, sample: str) -> tuple[Path, ...]:
        """Return the files that a sample's prediction is read from: one, if all is well."""
        paths = (self.listing.folder / file for file in self._candidates(sample))
        return tuple(path for path in paths if path.is_file())

    def notes(self) -> list[str]:
        """Return what a user should know of the files so far, a line each."""
        return self.seen.notes()

    def provenance(self) -> dict[str, Any]:
        """Return folder and number of files; the files are not hashed."""
        return {
            "kind": "stored",
            "where": self.where,
            "labels": self.labels.name,
            "values": self.expected.earlier,
            "align_corners": self.align_corners,
            "stored_files": self.listing.count,
            "files": {},
            "hashed": "nothing: files are read one by one during the run",
        }

    def fingerprint(self) -> str:
        """Say how files are read. What they hold counts sample by sample: if one is mended, the others stay valid."""
        return f"stored {self.expected.earlier}, align_corners {self.align_corners}"

    def file_hashes(self) -> tuple[str, ...]:
        """Return the sha256 of the first file: whether a calibration was fitted on these predictions goes by it."""
        return (self.first_sha256,)

    def _candidates(self, sample: str) -> tuple[str, ...]:
        """Return all files that may be the sample's: one, if all is well."""
        domain = self.domain.rpartition("/")[2]
        names = [sample, *([f"{domain}/{sample}", f"{self.domain}/{sample}"] if self.domain else [])]
        names += [sample.rpartition("/")[2]] if self.listing.is_flat else []
        files = (name + suffix for name in dict.fromkeys(names) for suffix in _SUFFIXES)
        return tuple(form for file in files for form in existing_forms(self.listing.folder, file))

    def _problem(self, sample: str, files: Sequence[str]) -> str | None:
        """Return why these are not one file for the sample, or None."""
        folder = self.listing.folder
        if len(files) > 1:
            first, second = distinct_names(files[0], files[1])
            return f"{first} and {second} in {folder} both fit; keep one, called {sample}.npz"
        if files:
            return None
        similar = self.listing.by_stem.get(sample.rpartition("/")[2])
        hint = f", and {similar} is not called like it" if similar else ""
        return f"no stored prediction; {folder / sample}.npz is needed{hint}"

    def _prediction(self, source: Input) -> Prediction:
        files = self._candidates(source.id)
        problem = self._problem(source.id, files)
        if problem:
            raise SampleError(source.id, problem)
        path = self.listing.folder / files[0]
        try:
            stored = read_file(path, self.expected, source.size)
        except ArrayFileError as error:
            raise SampleError(source.id, f"{path} {error}") from error
        problem = self.seen.problem(stored.array.shape, len(self.labels), source.size)
        if problem:
            raise SampleError(source.id, f"{path} {problem}")
        self.seen.add(stored.array.shape, source.size)
        align_corners = stored.align_corners if self.align_corners is None else self.align_corners
        if self.gives_probabilities:
            return Prediction.of_probabilities(stored.array, source.size, align_corners, stored.feature)
        return Prediction(logits=stored.array, size=source.size, align_corners=align_corners, feature=stored.feature)


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
