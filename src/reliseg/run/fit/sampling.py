"""The pass over calibration splits: every image is predicted once, and what fits read of it lies on disk meanwhile."""

import hashlib
import json
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np

from reliseg.calibration import CalibrationSample, SampledImage, Training, calibrator
from reliseg.calibration.records.record import Hashes
from reliseg.config.schema import Settings
from reliseg.errors import SampleError
from reliseg.models import Model
from reliseg.plan.plan import Fit, Shard, Target, shards
from reliseg.prediction import sample_pixels
from reliseg.run.fit.image_files import KeptImage, KeptImages, chosen, keep
from reliseg.run.fit.pixel_files import PixelWriter, Share, runs
from reliseg.run.predict.freshness import is_fresh
from reliseg.run.predict.stream import Predicted, Saver, predictions
from reliseg.runtime.atomic_files import write_text
from reliseg.runtime.progress import Progress


@dataclass(frozen=True)
class SampleRequest:
    """What is kept of a domain: so many pixels of each image at most, and some images as a whole."""

    quota: int
    whole: Mapping[str, bool]
    """By id: whether with the image itself, beside its logits and labels."""

    def __or__(self, other: "SampleRequest") -> "SampleRequest":
        ids = {**self.whole, **other.whole}
        whole = {i: self.whole.get(i, False) or other.whole.get(i, False) for i in ids}
        return SampleRequest(max(self.quota, other.quota), whole)

    def of(self, samples: Iterable[str]) -> "SampleRequest":
        """The part that is about these samples."""
        return SampleRequest(self.quota, {i: self.whole[i] for i in samples if i in self.whole})

    def within(self, other: "SampleRequest") -> bool:
        """Whether the other has all that is wanted here."""
        return self.quota <= other.quota and all(
            i in other.whole and image <= other.whole[i] for i, image in self.whole.items()
        )


def request_of_fit(fit: Fit, settings: Settings) -> dict[str, SampleRequest]:
    """What a fit wants of each of its domains: it depends on the fit alone, whatever others want."""
    members = fit.members()
    methods = [calibrator(method) for _, method in fit.calibrations()]
    image = any(method.needs_image for method in methods)
    quota = settings.sample.quota(sum(len(m.domain.samples) for m in members))
    kept: frozenset[str] = frozenset()
    if any(method.needs_whole_images for method in methods):
        kept = chosen((f"{m}/{s.id}" for m in members for s in m.domain.samples), settings.seed)
    return {
        str(m): SampleRequest(quota, {s.id: image for s in m.domain.samples if f"{m}/{s.id}" in kept}) for m in members
    }


def request_of_all_fits(fits: Iterable[Fit], settings: Settings) -> dict[str, SampleRequest]:
    """What several fits want of each domain together."""
    found: dict[str, SampleRequest] = {}
    for fit in fits:
        for name, wanted in request_of_fit(fit, settings).items():
            found[name] = found[name] | wanted if name in found else wanted
    return found


@dataclass(frozen=True, eq=False)
class FitData:
    """What a fit reads, and the hashes of what that was drawn from: of image and mask, and of the image alone."""

    sample: CalibrationSample
    samples: Hashes
    images: Hashes


@dataclass(frozen=True, eq=False)
class Sampling:
    """One model over calibration splits."""

    model: Model
    name: str
    folder: Path
    """Where samples of this model lie until all is fitted."""
    seed: int
    workers: int
    batch: int
    progress: Progress
    save: Saver | None = None

    def collect(self, target: Target, wanted: SampleRequest) -> dict[str, str]:
        """Store what is wanted of each shard that does not hold it yet; the failures by sample."""
        every = list(shards(target))
        pending = [(s, sample) for s in every if not self._holds(s, _part(wanted, s)) for sample in s.samples]
        self.progress.begin(f"{self.name} on {target} for calibration", sum(len(s.samples) for s in every))
        for _ in range(sum(len(s.samples) for s in every) - len(pending)):
            self.progress.advance()
        stream = predictions(
            self.model,
            target.dataset,
            (s for _, s in pending),
            workers=self.workers,
            batch=self.batch,
            images=any(wanted.whole.values()),
            saved=self.save is not None,
        )
        failures: dict[str, str] = {}
        for shard, run in groupby(zip(pending, stream, strict=True), key=lambda item: item[0][0]):
            failures |= self._shard(shard, (outcome for _, outcome in run), _part(wanted, shard))
        return failures

    def take(self, members: Sequence[Target], wanted: Mapping[str, SampleRequest], training: Training) -> FitData:
        """The share of a fit on these domains, in the order of the domains, then of sample ids."""
        images: list[SampledImage] = []
        stored: list[tuple[Path, int, int]] = []
        whole: list[KeptImage] = []
        hashes: dict[str, dict[str, dict[str, str]]] = {"sha256": {}, "image_sha256": {}}  # by kind, domain and id
        for target in members:
            own = wanted[str(target)]
            projection = target.dataset.projection(self.model.labels)
            for shard in shards(target):
                path = self.folder / shard.path
                found = _read(path)["images"]
                stored += runs(path, [i["pixels"] for i in found], own.quota)
                for place, i in enumerate(found):
                    feature = i["feature"] and tuple(i["feature"])
                    images.append(SampledImage(i["id"], min(own.quota, i["pixels"]), feature))
                    if i["id"] in own.whole:
                        base, corners = _whole(path, place), i["align_corners"]
                        whole.append(KeptImage(i["id"], base, corners, projection, own.whole[i["id"]]))
                    for kind, by_domain in hashes.items():
                        by_domain.setdefault(str(target), {})[i["id"]] = i[kind]
        sample = CalibrationSample(Share(tuple(stored)), images, KeptImages.of(whole), training)
        return FitData(sample, hashes["sha256"], hashes["image_sha256"])

    def discard(self) -> None:
        """Delete all samples of this model, and the folder above if it is empty then."""
        shutil.rmtree(self.folder, ignore_errors=True)
        if self.folder.parent.is_dir() and not any(self.folder.parent.iterdir()):
            self.folder.parent.rmdir()

    def _holds(self, shard: Shard, wanted: SampleRequest) -> bool:
        path = self.folder / shard.path
        try:
            record = _read(path)
            held = SampleRequest(record["quota"], record["whole"])
            same = [i["id"] for i in record["images"]] == [s.id for s in shard.samples]
            same = same and record["model"] == self.model.fingerprint() and wanted.within(held)
            hashes = {i["id"]: i["sha256"] for i in record["images"]}
            return same and is_fresh(_record(path), self.model, shard.target.dataset, shard.samples, hashes)
        except (OSError, ValueError, KeyError):
            return False

    def _shard(
        self, shard: Shard, outcomes: Iterator[Predicted | SampleError], wanted: SampleRequest
    ) -> dict[str, str]:
        images: list[dict[str, Any]] = []
        failures: dict[str, str] = {}
        path = self.folder / shard.path
        _record(path).unlink(missing_ok=True)  # it would speak of files that are written anew
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
                drawn = sample_pixels(prediction, truth, wanted.quota, _generator(self.seed, sample))
                if sample in wanted.whole:
                    keep(_whole(path, len(images)), prediction, truth, image=wanted.whole[sample])
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
            held = {"quota": wanted.quota, "whole": dict(wanted.whole)}
            write_text(_record(path), json.dumps({"images": images, "model": self.model.fingerprint(), **held}))
        return failures


def _part(wanted: SampleRequest, shard: Shard) -> SampleRequest:
    return wanted.of(s.id for s in shard.samples)


def _whole(path: Path, i: int) -> Path:
    """What the names of the files of the i-th image of a shard begin with."""
    return path.with_suffix(".whole") / f"{i:02d}"


def _record(path: Path) -> Path:
    return path.with_suffix(".json")


def _read(path: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(_record(path).read_text(encoding="utf-8"))
    return content


def _generator(seed: int, sample: str) -> np.random.Generator:
    """Random numbers that depend on the seed and the sample's id alone."""
    digest = hashlib.sha256(sample.encode()).digest()
    return np.random.default_rng([seed, *np.frombuffer(digest[:16], np.uint32).tolist()])
