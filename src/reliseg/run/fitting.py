"""The pass over a calibration split: a seeded, capped sample of pixels, and the calibrations fitted on it."""

import hashlib
import json
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np

from reliseg.calibration import Calibration, CalibrationSample, Calibrator, SampledImage, Training, calibrator
from reliseg.errors import SampleError
from reliseg.models import Model
from reliseg.prediction import sampled
from reliseg.run.config import SampleConfig
from reliseg.run.plan import Fit, Shard, Target, shards
from reliseg.run.progress import Progress
from reliseg.run.store import write_atomically, write_text
from reliseg.run.stream import Predicted, Saver, predictions
from reliseg.run.whole import KeptImage, KeptImages, chosen, keep

_FORMAT = 1


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

    def run(self) -> tuple[dict[str, Calibration], dict[str, str]]:
        """The calibrations by name, stored ones as they are; and the samples that could not be read."""
        names = self.fit.calibrations()
        stored = {name: self._restored(name, method) for name, method in names}
        if all(stored.values()):
            return {name: c for name, c in stored.items() if c is not None}, {}
        failures: dict[str, str] = {}
        for target in self._members():
            failures |= self._collect(target)
        if failures:
            return {}, failures
        records = [json.loads(_record(p).read_text()) for p in self._parts()]
        hashes = {i["id"]: i["sha256"] for record in records for i in record["images"]}
        parts = [(np.load(_logits(p), mmap_mode="r"), np.load(_labels(p), mmap_mode="r")) for p in self._parts()]
        images = [
            SampledImage(i["id"], i["pixels"], i["feature"] and tuple(i["feature"]))
            for record in records
            for i in record["images"]
        ]
        training = Training(self.device, self.threads, self._stage)
        sample = CalibrationSample(parts, images, self._whole(), training)
        fitted = {}
        for name, method in names:
            fitted[name] = stored[name] or calibrator(method).fit(sample)
            for note in fitted[name].notes():
                self.progress.note(f"{self.name}, {name}: {note}")
            write_text(
                self._path(name),
                json.dumps(
                    self._described(method, fitted[name], hashes, len(sample)), indent=1, default=np.ndarray.tolist
                ),
            )
        del parts, sample
        self._discard()
        return fitted, {}

    def _restored(self, name: str, method: str) -> Calibration | None:
        """The calibration that is stored, if it was fitted on the same model."""
        try:
            record = json.loads(self._path(name).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None
        expected = {"format": _FORMAT, "method": method, "fingerprint": self.model.fingerprint()}
        if any(record.get(key) != value for key, value in expected.items()):
            return None
        return calibrator(method).restore(record["parameters"])

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

    def _path(self, calibration: str) -> Path:
        return self.folder / "calibrations" / self.name / f"{calibration.replace('/', '-')}.json"

    def _described(
        self, method: str, calibration: Calibration, hashes: Mapping[str, str], pixels: int
    ) -> dict[str, Any]:
        return {
            "format": _FORMAT,
            "method": method,
            "parameters": calibration.parameters(),
            "fitted_on": self.fit.split,
            "model": self.name,
            "fingerprint": self.model.fingerprint(),
            "classes": list(self.fit.on[0].dataset.labels.classes),
            "seed": self.seed,
            "pixels": pixels,
            "split_sha256": hashlib.sha256("".join(sorted(hashes.values())).encode()).hexdigest(),
            "samples": dict(sorted(hashes.items())),
        }

    def _collect(self, target: Target) -> dict[str, str]:
        """Store the sampled pixels of each shard that is not stored yet; the failures by sample."""
        images = sum(len(t.domain.samples) for t in self._members())
        quota = max(1, min(self.sample.per_image, self.sample.cap // images))
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
        parts: list[tuple[np.ndarray, np.ndarray]] = []
        images: list[dict[str, Any]] = []
        failures: dict[str, str] = {}
        for outcome in outcomes:
            self.progress.advance()
            if isinstance(outcome, SampleError):
                failures[outcome.sample] = outcome.problem
                self.progress.note(f"not evaluated: {outcome}")
                continue
            if self.save:
                self.save(shard.target, outcome)
            assert outcome.loaded.truth is not None, "calibration domains are annotated"
            sample = outcome.loaded.sample.id
            parts.append(sampled(outcome.prediction, outcome.loaded.truth, quota, _generator(self.seed, sample)))
            if sample in self._kept:
                place = _whole(self._samples() / shard.path, len(images))
                keep(place, outcome.prediction, outcome.loaded.truth, image=self._needs_image)
            feature = outcome.prediction.feature
            images.append(
                {
                    "id": sample,
                    "sha256": outcome.loaded.sha256,
                    "pixels": len(parts[-1][1]),
                    "feature": None if feature is None else feature.astype(float).tolist(),
                    "align_corners": outcome.prediction.align_corners,
                }
            )
        if not failures:
            self._store(shard, parts, images)
        return failures

    def _store(
        self, shard: Shard, parts: Sequence[tuple[np.ndarray, np.ndarray]], images: list[dict[str, Any]]
    ) -> None:
        path = self._samples() / shard.path
        logits, labels = (np.concatenate([part[i] for part in parts]) for i in (0, 1))
        write_atomically(_logits(path), lambda file: np.save(file, logits))
        write_atomically(_labels(path), lambda file: np.save(file, labels))
        record = {"images": images, "model": self.model.fingerprint(), "kept": self._kept_of(shard)}
        write_text(_record(path), json.dumps(record))  # last: the others are whole


def _logits(path: Path) -> Path:
    return path.with_suffix(".logits.npy")


def _labels(path: Path) -> Path:
    return path.with_suffix(".labels.npy")


def _whole(path: Path, i: int) -> Path:
    """What the names of the files of the i-th image of a shard begin with."""
    return path.with_suffix(".whole") / f"{i:02d}"


def _record(path: Path) -> Path:
    return path.with_suffix(".json")


def _generator(seed: int, sample: str) -> np.random.Generator:
    """Random numbers that depend on the seed and the sample's id alone."""
    digest = hashlib.sha256(sample.encode()).digest()
    return np.random.default_rng([seed, *np.frombuffer(digest[:16], np.uint32).tolist()])
