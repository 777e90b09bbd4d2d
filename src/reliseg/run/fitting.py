"""The pass over a calibration split: a seeded, capped sample of pixels, and the calibrations fitted on it."""

import hashlib
import json
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np

from reliseg.calibration import Calibration, CalibrationSample, Calibrator, SampledImage, Training, calibrator
from reliseg.errors import CalibrationError, ConfigError, SampleError
from reliseg.models import Model
from reliseg.prediction import sampled
from reliseg.run.config import SampleConfig
from reliseg.run.pixels import PixelWriter, read_pixels
from reliseg.run.plan import Fit, Shard, Target, shards
from reliseg.run.progress import Progress
from reliseg.run.record import Hashes, Record, file_hashes, read_record, record_file, write_record
from reliseg.run.store import write_text
from reliseg.run.stream import Predicted, Saver, predictions
from reliseg.run.whole import KeptImage, KeptImages, chosen, keep


@dataclass(frozen=True, eq=False)
class Fitted:
    """What came of a fit: calibrations by name, why others could not be fitted, and samples that cannot be read."""

    records: Mapping[str, Record]
    refused: Mapping[str, str] = field(default_factory=dict)
    unread: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Fitting:
    """One model's calibrations of one split."""

    model: Model
    name: str
    fit: Fit
    folder: Path
    """The run's folder."""
    sample: SampleConfig
    seed: int
    workers: int
    batch: int
    device: str
    threads: int
    progress: Progress
    save: Saver | None = None

    def run(self) -> "Fitted":
        """All calibrations that can be fitted, stored ones as they are; none where a sample cannot be read."""
        names = self.fit.calibrations()
        stored = {name: self._restored(name) for name, _ in names}
        if all(stored.values()):
            return Fitted({name: record for name, record in stored.items() if record is not None})
        failures: dict[str, str] = {}
        for target in self._members():
            failures |= self._collect(target)
        if failures:
            return Fitted({}, unread=failures)
        records = [json.loads(_record(p).read_text()) for p in self._parts()]
        parts = [read_pixels(p) for p in self._parts()]
        images = [
            SampledImage(i["id"], i["pixels"], i["feature"] and tuple(i["feature"]))
            for record in records
            for i in record["images"]
        ]
        training = Training(self.device, self.threads, self._stage)
        sample = CalibrationSample(parts, images, self._whole(), training)
        hashes = self._hashes("sha256"), self._hashes("image_sha256")
        fitted, refused = {}, {}
        for name, method in names:
            try:
                found = stored[name] or self._described(method, calibrator(method).fit(sample), len(sample), hashes)
            except CalibrationError as error:
                refused[name] = str(error)
                continue
            fitted[name] = found
            for note in found.calibration.notes():
                self.progress.note(f"{self.name}, {name}: {note}")
            write_record(self._calibrations(), found)
        del parts, sample
        self._discard()
        return Fitted(fitted, refused)

    def _restored(self, name: str) -> Record | None:
        """The calibration that is stored, if it was fitted on the same model."""
        try:
            record = read_record(self._calibrations() / record_file(name))
        except ConfigError:
            return None
        return record if (record.name, record.fingerprint) == (name, self.model.fingerprint()) else None

    def _discard(self) -> None:
        """Delete the sampled pixels, and the folders that are empty then."""
        shutil.rmtree(self._samples())
        for folder in (self._samples().parent, self._samples().parent.parent):
            if not any(folder.iterdir()):
                folder.rmdir()

    def _members(self) -> list[Target]:
        return self.fit.members()

    @cached_property
    def _methods(self) -> list[Calibrator]:
        return [calibrator(method) for _, method in self.fit.calibrations()]

    @cached_property
    def _needs_image(self) -> bool:
        return any(method.needs_image for method in self._methods)

    @cached_property
    def _kept(self) -> frozenset[str]:
        """The ids of the images that are kept whole."""
        if not any(method.needs_whole_images for method in self._methods):
            return frozenset()
        return chosen((s.id for target in self._members() for s in target.domain.samples), self.seed)

    def _kept_of(self, shard: Shard) -> dict[str, Any]:
        """What is kept of a shard beside its sampled pixels, as its record says it."""
        return {"ids": [s.id for s in shard.samples if s.id in self._kept], "image": self._needs_image}

    def _whole(self) -> KeptImages:
        entries = []
        for target in self._members():
            projection = target.dataset.projection(self.model.labels)
            for shard in shards(target):
                path = self._samples() / shard.path
                for i, image in enumerate(json.loads(_record(path).read_text())["images"]):
                    if image["id"] in self._kept:
                        place, corners = _whole(path, i), image["align_corners"]
                        entries.append(KeptImage(image["id"], place, corners, projection, self._needs_image))
        return KeptImages.of(entries)

    def _stage(self, title: str, steps: int) -> Callable[[], None]:
        self.progress.begin(f"{self.name}: {title}", steps)
        return self.progress.advance

    def _parts(self) -> list[Path]:
        return [self._samples() / shard.path for target in self._members() for shard in shards(target)]

    def _samples(self) -> Path:
        return self.folder / "samples" / self.name / self.fit.split.replace("/", "-")

    def _calibrations(self) -> Path:
        return self.folder / "calibrations" / self.name

    def _described(self, method: str, calibration: Calibration, pixels: int, hashes: tuple[Hashes, Hashes]) -> Record:
        labels = self.fit.on[0].dataset.labels
        return Record(
            method=method,
            calibration=calibration,
            split=self.fit.split,
            label_space=labels.name,
            classes=tuple(labels.classes),
            model=self.name,
            fingerprint=self.model.fingerprint(),
            model_files=file_hashes(self.model),
            seed=self.seed,
            pixels=pixels,
            samples=hashes[0],
            images=hashes[1],
            part_of=self.fit.several(method),
        )

    def _hashes(self, kind: str) -> Hashes:
        """The hashes of the samples, of one kind, by domain."""
        found: dict[str, dict[str, str]] = {}
        for target in self._members():
            records = [json.loads(_record(self._samples() / s.path).read_text()) for s in shards(target)]
            found[str(target)] = {image["id"]: image[kind] for record in records for image in record["images"]}
        return found

    def _collect(self, target: Target) -> dict[str, str]:
        """Store the sampled pixels of each shard that is not stored yet; the failures by sample."""
        images = sum(len(t.domain.samples) for t in self._members())
        quota = self.sample.quota(images)
        every = list(shards(target))
        pending = [(s, sample) for s in every if not self._is_stored(s) for sample in s.samples]
        self.progress.begin(f"{self.name} on {target} for calibration", sum(len(s.samples) for s in every))
        for _ in range(sum(len(s.samples) for s in every) - len(pending)):
            self.progress.advance()
        stream = predictions(
            self.model,
            target.dataset,
            (s for _, s in pending),
            workers=self.workers,
            batch=self.batch,
            images=self._needs_image,
            saved=self.save is not None,
        )
        failures: dict[str, str] = {}
        for shard, run in groupby(zip(pending, stream, strict=True), key=lambda item: item[0][0]):
            failures |= self._shard(shard, (outcome for _, outcome in run), quota)
        return failures

    def _is_stored(self, shard: Shard) -> bool:
        try:
            record = json.loads(_record(self._samples() / shard.path).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return False
        return bool(record.get("model") == self.model.fingerprint() and record.get("kept") == self._kept_of(shard))

    def _shard(self, shard: Shard, outcomes: Iterator[Predicted | SampleError], quota: int) -> dict[str, str]:
        images: list[dict[str, Any]] = []
        failures: dict[str, str] = {}
        path = self._samples() / shard.path
        with PixelWriter(path) as pixels:
            for outcome in outcomes:
                self.progress.advance()
                if isinstance(outcome, SampleError):
                    failures[outcome.sample] = outcome.problem
                    self.progress.note(f"not evaluated: {outcome}")
                    continue
                if self.save:
                    self.save(shard.target, outcome)
                prediction, truth = outcome.prediction, outcome.loaded.truth
                assert truth is not None, "calibration domains are annotated"
                sample = outcome.loaded.sample.id
                drawn = sampled(prediction, truth, quota, _generator(self.seed, sample))
                if sample in self._kept:
                    keep(_whole(path, len(images)), prediction, truth, image=self._needs_image)
                feature = prediction.feature
                images.append(
                    {
                        "id": sample,
                        "sha256": outcome.loaded.sha256,
                        "image_sha256": outcome.loaded.image_sha256,
                        "pixels": pixels.add(*drawn),
                        "feature": None if feature is None else feature.astype(float).tolist(),
                        "align_corners": prediction.align_corners,
                    }
                )
        if not failures:  # last: the pixels are whole
            record = {"images": images, "model": self.model.fingerprint(), "kept": self._kept_of(shard)}
            write_text(_record(path), json.dumps(record))
        return failures


def _whole(path: Path, i: int) -> Path:
    """What the names of the files of the i-th image of a shard begin with."""
    return path.with_suffix(".whole") / f"{i:02d}"


def _record(path: Path) -> Path:
    return path.with_suffix(".json")


def _generator(seed: int, sample: str) -> np.random.Generator:
    """Random numbers that depend on the seed and the sample's id alone."""
    digest = hashlib.sha256(sample.encode()).digest()
    return np.random.default_rng([seed, *np.frombuffer(digest[:16], np.uint32).tolist()])
