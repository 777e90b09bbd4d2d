"""Images -> files: what is not done yet is predicted, on the way that a run takes, and noted when it is written."""

from collections.abc import Generator
from contextlib import closing
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from pathlib import Path

from reliseg.data import DataSet, Sample, image_sha256
from reliseg.deploy.files.images import FoundImages, output_name
from reliseg.deploy.files.journal import Journal, Line
from reliseg.deploy.files.kinds import ENDINGS, MEANINGS, check_kinds, file_of, write_kinds
from reliseg.deploy.predictor import Predictor
from reliseg.errors import IncompleteError, SampleError
from reliseg.run.failures import Attempts
from reliseg.run.folder import check_writable
from reliseg.run.lock import lock_folder
from reliseg.run.predict.stream import PredictedSample, PredictionStream, SampleGroup
from reliseg.runtime.atomic_files import remove_leftovers
from reliseg.runtime.numba_cache import announce_compilation
from reliseg.runtime.progress import Progress, Silent, Stage


@dataclass(frozen=True, eq=False)
class PredictionFiles:
    """A predictor, the images that it is to predict, and the folder that gets the files of these kinds."""

    predictor: Predictor
    images: FoundImages
    folder: Path
    kinds: tuple[str, ...] = ("prediction", "confidence")
    workers: int = 2
    progress: Progress = field(default_factory=Silent)

    def write(self) -> int:
        """Write what is not there; return the number of images that were predicted.

        An image whose file has changed is predicted again. An IncompleteError at the end where images could not be.
        """
        acceptance = self.predictor.acceptance
        kinds = check_kinds(self.kinds, acceptance.why if acceptance.last is None else "")
        check_writable(self.folder)
        for note in self.predictor.notes:
            self.progress.note(f"{self.predictor.name}: {note}")
        with lock_folder(self.folder):
            remove_leftovers(self.folder)
            journal = Journal(self.folder)
            journal.open(self.predictor.facts(), {f"*{ENDINGS[kind]}": MEANINGS[kind] for kind in ENDINGS})
            return _Pass(self, kinds, journal).execute()


@dataclass(frozen=True, eq=False)
class _Pass:
    """One pass over the images."""

    files: PredictionFiles
    kinds: tuple[str, ...]
    journal: Journal

    def execute(self) -> int:
        """Predict what lacks files."""
        files, samples = self.files, self.files.images.samples
        wanted = {sample.id for sample in samples if not self._is_done(sample)}
        name = files.predictor.name
        title = f"{name}: {files.predictor.calibration_name}"
        files.progress.begin(title, len(samples), Stage("evaluate", name, done=len(samples) - len(wanted)))
        attempts = Attempts(files.progress.note, is_new=len(wanted) == len(samples))
        note = partial(files.progress.note, "compiling for this processor: 10 to 30 seconds, only the first time")
        with closing(self._outcomes(wanted)) as outcomes, announce_compilation(note):
            for outcome in outcomes:
                files.progress.advance()
                try:
                    self._write(outcome)
                except SampleError as error:
                    attempts.fail(error)
                    if attempts.are_hopeless:
                        break
                else:
                    attempts.succeed()
                del outcome  # before the next one is waited for
        if failures := attempts.failures(len(wanted)):
            raise IncompleteError(str(failures))
        return len(wanted)

    def _outcomes(self, wanted: set[str]) -> Generator[PredictedSample | SampleError, None, None]:
        """Yield the images in batches that are the same whatever was done before."""
        predictor = self.files.predictor
        stream = PredictionStream(predictor.model, self.files.workers, predictor.batch, name=predictor.name)
        groups = [SampleGroup(self.files.images.samples, wanted)]
        return stream.predictions_of_groups(self._dataset, groups, decode_images=True)

    @cached_property
    def _dataset(self) -> DataSet:
        """The classes of the predictor, and the images."""
        return replace(self.files.predictor.dataset, root=self.files.images.root)

    def _is_done(self, sample: Sample) -> bool:
        base = self._base(sample)
        if not all(file_of(base, kind).is_file() for kind in self.kinds):
            return False
        try:
            return self.journal.is_done(sample.image, image_sha256(self._dataset, sample), self.kinds)
        except SampleError:
            return False

    def _base(self, sample: Sample) -> Path:
        return self.files.folder / output_name(sample)

    def _write(self, outcome: PredictedSample | SampleError) -> None:
        if isinstance(outcome, SampleError):
            raise outcome
        loaded, predictor = outcome.loaded, self.files.predictor
        result = predictor.calibrate(loaded.sample.id, outcome.prediction)
        palette = predictor.dataset.labels.palette
        write_kinds(self.kinds, self._base(loaded.sample), result, loaded.image, palette)
        accepted = None if predictor.acceptance.last is None else float(result.accepted.mean())
        confidence = float(result.confidence.mean(dtype=float))
        kinds = "+".join(self.kinds)
        self.journal.add(Line(loaded.sample.image, loaded.image_sha256, *loaded.size, confidence, accepted, kinds))
