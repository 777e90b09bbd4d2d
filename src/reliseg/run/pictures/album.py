"""The pictures of a run: what is missing is made of saved maps or by the models, and an index says what there is."""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from reliseg.data import DecodedSample, Sample, load
from reliseg.errors import CalibrationError, DataError, SampleError, count_text
from reliseg.plan.plan import Target
from reliseg.plan.shards import Shard
from reliseg.results import ImageTable
from reliseg.results.pictures import (
    FORMAT,
    SIDE,
    THRESHOLDS,
    ConfidencePicture,
    PictureClasses,
    PictureEntry,
    PictureIndex,
    ScenePicture,
)
from reliseg.run.context import ModelRun, RunContext
from reliseg.run.evaluate.coverage import Coverage, Coverages
from reliseg.run.export import label_and_confidence, origin_of, sixteen_bits
from reliseg.run.pictures.choice import Choice, Place, choose
from reliseg.run.pictures.saved import SavedMaps, saved_maps
from reliseg.run.predict.stream import PredictedSample, SampleGroup
from reliseg.run.store.cover import BASE
from reliseg.runtime.atomic_files import write_text
from reliseg.runtime.progress import Stage
from reliseg.runtime.regular_files import holds


@dataclass(frozen=True)
class _Wanted:
    """An image that a model shall be shown at, and the files that hold its pictures."""

    target: Target
    choice: Choice
    shard: Shard
    sample: Sample
    files: str
    """The sha256 of image and mask that its statistics were counted on."""
    scene: Path
    confidences: Mapping[str, Path]
    """By calibration; identity comes first."""
    origins: Mapping[str, str]
    """What determines the maps that these show, as in `origin_of`."""

    @property
    def lacking(self) -> list[Path]:
        """The files that are not there."""
        return [path for path in (self.scene, *self.confidences.values()) if not path.exists()]


@dataclass(eq=False)
class Album:
    """The pictures of what a run has measured: of the `number` worst images of each model and domain, and typical ones.

    Without a number nothing is predicted: what is there, and still shows what the run has measured, stays in the index.
    Pictures are named by what determines them, so that those of other questions stay beside them.
    """

    context: RunContext
    number: int | None = None
    _made: int = field(default=0, init=False)

    def fill(self, runs: Sequence[ModelRun]) -> None:
        """Make what is missing, and write the index."""
        folder = self.context.folder
        self.context.depot.fetch(folder.pictures)
        number = self.number or self._asked_before()
        if number is None or not folder.images.exists():
            return
        chosen = choose(ImageTable.read(folder.images), number)
        wanted = {run.name: list(self._wanted(run, chosen)) for run in runs}
        if self.number is not None:
            for run in runs:
                self._make(run, [one for one in wanted[run.name] if one.lacking])
        index = self._index(number, runs, wanted)
        if not holds(folder.picture_index, index.to_json().encode()):
            write_text(folder.picture_index, index.to_json())
        self.context.depot.put(folder.picture_index)
        self._tell(index, sum(map(len, wanted.values())))

    def _asked_before(self) -> int | None:
        """Return how many of the worst images were asked for; None where none were, or the index is damaged."""
        try:
            before = PictureIndex.read(self.context.folder.path)
        except DataError as error:
            self.context.progress.note(str(error))
            return None
        return before.asked if before else None

    def _tell(self, index: PictureIndex, wanted: int) -> None:
        """Say what was made, and what is not there."""
        note = self.context.progress.note
        if self._made:
            shown = count_text(len({(p.dataset, p.sample) for p in index.pictures}), "image")
            note(f"pictures of {shown} are there: reliseg report shows them")
        elif self.number is None and len(index.pictures) < wanted:
            lost = count_text(wanted - len(index.pictures), "picture")
            note(f"{lost} would show what has been measured since: --pictures {index.asked} makes them")

    def _wanted(self, run: ModelRun, chosen: Mapping[Place, Sequence[Choice]]) -> Iterator[_Wanted]:
        """Yield what is to be shown of a model, and where its pictures lie."""
        coverages = Coverages(run)
        for target in run.plan.reported():
            if isinstance(target, Target) and not target.domain.union:
                choices = chosen.get((run.name, *target.names), ())
                yield from self._wanted_of(coverages.of(target), choices)

    def _wanted_of(self, coverage: Coverage, choices: Sequence[Choice]) -> Iterator[_Wanted]:
        run, target = coverage.run, coverage.target
        of_seeds = {part for parts in run.plan.means_for(target, run.name).values() for part in parts}
        names = [n for n in run.plan.calibrations_for(target, run.name) if n not in of_seeds]
        by_sample = {choice.sample: choice for choice in choices}
        for shard in coverage.shards:
            shown = [s for s in shard.samples if s.id in by_sample]
            if not shown:
                continue
            files = {name: _files_of(coverage, shard, name) for name in names}
            for sample in shown:
                if sample.id not in files[names[0]]:
                    continue  # it could not be evaluated
                own = files[names[0]][sample.id][0]
                scene = [coverage.parts["label map"], repr(sample.copy), own]
                paths = {
                    name: self._path(coverage.parts, coverage.identities[name], repr(sample.copy), *of[sample.id])
                    for name, of in files.items()
                    if sample.id in of
                }
                origins = {name: origin_of(coverage.sources[name], sample, *files[name][sample.id]) for name in paths}
                yield _Wanted(target, by_sample[sample.id], shard, sample, own, self._path(*scene), paths, origins)

    def _path(self, *content: object) -> Path:
        """Return where a picture lies, by what determines it."""
        text = json.dumps([FORMAT, SIDE, THRESHOLDS, *content], sort_keys=True)
        return self.context.folder.pictures / f"{hashlib.sha256(text.encode()).hexdigest()[:32]}.npz"

    def _make(self, run: ModelRun, lacking: Sequence[_Wanted]) -> None:
        """Make pictures of what is saved; let the model predict the other images again."""
        lacking = [one for one in lacking if not self._make_of_saved(run, one)]
        if not lacking:
            return
        from reliseg.run.work import ready_to_compute  # takes a second to import, and tables may need none of it

        with ready_to_compute(run.plan, self.context.progress):
            self.context.progress.begin(f"{run.name}: pictures", len(lacking), Stage("", run.name))
            for target in dict.fromkeys(one.target for one in lacking):
                self._make_of(run, target, {o.choice.sample: o for o in lacking if o.target == target})
        run.handle.let_go()

    def _make_of_saved(self, run: ModelRun, one: _Wanted) -> bool:
        """Return whether all that is missing of an image could be made of maps that the run has saved."""
        base = self.context.folder.export(run.name, one.target, one.sample.id)
        maps: dict[str, SavedMaps] = {}
        for name in (name for name, path in one.confidences.items() if path in one.lacking):
            found = saved_maps(base, name, one.origins[name], self.context.depot)
            if found is None:
                return False
            maps[name] = found
        try:
            loaded = load(one.target.dataset, one.sample, image=one.scene in one.lacking)
        except SampleError:
            return False  # the model's pass says what is wrong with it
        if loaded.sha256 != one.files:
            return False
        self._write(one, loaded, maps.items())
        return True

    def _make_of(self, run: ModelRun, target: Target, lacking: Mapping[str, _Wanted]) -> None:
        shards = list(dict.fromkeys(one.shard for one in lacking.values()))
        stream = run.stream.predictions_of_groups(
            target.dataset,
            (SampleGroup(shard.samples, frozenset(lacking)) for shard in shards),
            domain=str(target),
            decode_images=True,
        )
        with closing(stream):
            for outcome in stream:
                self.context.progress.advance()
                try:
                    if isinstance(outcome, SampleError):
                        raise outcome
                    one = lacking[outcome.loaded.sample.id]
                    self._write(one, outcome.loaded, _maps_of(run, one, outcome))
                except (SampleError, CalibrationError) as error:
                    self.context.progress.note(f"{run.name} on {target}: no picture: {error}")

    def _write(self, one: _Wanted, loaded: DecodedSample, maps: Iterable[tuple[str, SavedMaps]]) -> None:
        """Write the pictures of an image that are not there, of its maps by calibration."""
        lacking = one.lacking
        for name, (classes, confidence) in maps:
            ConfidencePicture.of(classes, confidence / 65535, loaded.truth).write(one.confidences[name])
        if one.scene in lacking and loaded.image is not None:
            ScenePicture.of(loaded.image, loaded.truth).write(one.scene)
        self.context.depot.put(*(path for path in lacking if path.exists()))
        self._made += 1

    def _index(self, number: int, runs: Sequence[ModelRun], wanted: Mapping[str, Sequence[_Wanted]]) -> PictureIndex:
        """Return what there is: images with a picture before any calibration."""
        entries, classes = [], {}
        for run in runs:
            for one in sorted(wanted[run.name], key=lambda o: (str(o.target), o.choice.rank or number + 1)):
                there = {name: path.name for name, path in one.confidences.items() if path.exists()}
                if not one.scene.exists() or next(iter(one.confidences)) not in there:
                    continue
                dataset, domain = one.target.names
                choice, labels = one.choice, one.target.dataset.labels
                entries.append(
                    PictureEntry(
                        run.name, dataset, domain, choice.sample, choice.rank, choice.typical, one.scene.name, there
                    )
                )
                colors = [list(color) for color in labels.palette]
                classes[dataset] = PictureClasses(list(labels.classes), colors, labels.has_own_palette)
        return PictureIndex(1, number, classes, entries)


def _maps_of(run: ModelRun, one: _Wanted, outcome: PredictedSample) -> Iterator[tuple[str, SavedMaps]]:
    """Yield what pictures are missing of, by calibration, as it would be saved: pictures of both are the same bytes."""
    lacking = one.lacking
    for name in (name for name, path in one.confidences.items() if path in lacking):
        classes, confidence = label_and_confidence(run.calibrations[name](outcome.prediction))
        yield name, (classes, sixteen_bits(confidence))


def _files_of(coverage: Coverage, shard: Shard, calibration: str) -> dict[str, tuple[str, str]]:
    """Return what the statistics of each sample were read from: the sha256 of image and mask, and of a prediction."""
    found: dict[str, tuple[str, str]] = {}
    for piece in coverage.of(shard, calibration).cover.sources[BASE]:
        head = piece.stored.head
        found |= {sample: (digest, head.predictions.get(sample, "")) for sample, digest in head.hashes.items()}
    return found
