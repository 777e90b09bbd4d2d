"""The samples of a shard, written as they come: whole at its end, and in parts until then."""

import hashlib
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from reliseg.errors import SampleError
from reliseg.plan.shards import Shard
from reliseg.prediction import sample_pixels
from reliseg.run.context import ModelRun
from reliseg.run.failures import Attempts
from reliseg.run.fit.image_files import image_files, save_image
from reliseg.run.fit.pixel_files import PixelWriter, pixel_files, read_pixels
from reliseg.run.fit.requests import SampleRequest
from reliseg.run.fit.sample_records import SampleEntry, SampleRecord, read_sample_record, write_sample_record
from reliseg.run.predict.stream import PredictedSample


@dataclass(eq=False)
class ShardSampling:
    """What is requested of a shard, from the sample at place `begun` on: those before are stored in parts.

    When a checkpoint is due, what was sampled since the last one becomes a part, named by its first place.
    """

    run: ModelRun
    shard: Shard
    request: SampleRequest
    parts: Mapping[str, str]
    """What the samples are computed from, part by part."""
    begun: int = 0
    _lost: int = field(default=0, init=False)

    def store(self, outcomes: Iterator[PredictedSample | SampleError], attempts: Attempts) -> None:
        """Store the samples; of a shard with some that cannot be read, those before the first of them."""
        self.run.context.depot.remove(self._record())  # it is of other files
        at = self.begun
        while at < len(self.shard.samples) and not self._lost:
            at += self._store_part(at, outcomes, attempts)
        while not attempts.are_hopeless and (outcome := next(outcomes, None)):  # the others are only tried
            self._tried(outcome, attempts)
        if at == len(self.shard.samples):
            self._finish()
        self.run.context.hashes.flush()
        self.run.progress.end_shard(self._lost)

    def _store_part(self, at: int, outcomes: Iterator[PredictedSample | SampleError], attempts: Attempts) -> int:
        """Store samples from a place on, until a checkpoint is due or one cannot be read; return their number."""
        due = time.monotonic() + self.run.context.checkpoint
        entries: list[SampleEntry] = []
        with PixelWriter(self._pixels(at)) as pixels:
            for outcome in outcomes:
                tried = self._tried(outcome, attempts)
                if tried is None:
                    break
                entries.append(self._entry(tried, at + len(entries), pixels))
                if time.monotonic() >= due:
                    break
        if entries:
            self._write_record(at, entries)
        return len(entries)

    def _tried(self, outcome: PredictedSample | SampleError, attempts: Attempts) -> PredictedSample | None:
        """Return a sample that was predicted, after telling so; None where it could not be."""
        self.run.progress.advance()
        if isinstance(outcome, SampleError):
            attempts.fail(outcome)
            self._lost += 1
            return None
        attempts.succeed()
        if self.run.context.export:
            self.run.context.export(self.run.name, self.shard.target, outcome, {}, {})  # nothing is fitted yet
        return outcome

    def _entry(self, outcome: PredictedSample, place: int, pixels: PixelWriter) -> SampleEntry:
        """Write what is requested of a sample; return what is said of it."""
        prediction, truth = outcome.prediction, outcome.loaded.truth
        assert truth is not None, "calibration domains are annotated"
        sample, request = outcome.loaded.sample.id, self.request
        generator = _generator(self.run.plan.settings.seed, sample)
        logits, labels = sample_pixels(prediction, truth, request.quota, generator)
        if sample in request.whole:
            save_image(self._whole_image(place), prediction, truth, image=request.whole[sample])
        feature = prediction.feature
        return SampleEntry(
            id=sample,
            sha256=outcome.loaded.sha256,
            image_sha256=outcome.loaded.image_sha256,
            prediction_sha256=outcome.files_sha256,
            pixels=pixels.add(logits, labels),
            feature=None if feature is None else tuple(feature.astype(float).tolist()),
            align_corners=prediction.align_corners,
        )

    def _finish(self) -> None:
        """Put the parts together: fits must not see where a shard was interrupted."""
        records = list(self._part_records())
        if len(records) == 1:
            for before, after in zip(pixel_files(self._pixels(0)), pixel_files(self._pixels()), strict=True):
                before.replace(after)
        else:
            with PixelWriter(self._pixels()) as pixels:
                for at, _ in records:
                    pixels.add(*read_pixels(self._pixels(at)))
        self._write_record(None, [entry for _, record in records for entry in record.images])
        for at, _ in records:
            self.run.context.depot.remove(self._record(at), *pixel_files(self._pixels(at)))

    def _part_records(self) -> Iterator[tuple[int, SampleRecord]]:
        at = 0
        while at < len(self.shard.samples):
            record = read_sample_record(self._record(at))
            yield at, record
            at += len(record.images)

    def _write_record(self, at: int | None, entries: Sequence[SampleEntry]) -> None:
        """Write what is said of a part, or of the whole shard: last, when its files are whole."""
        places = range(at or 0, (at or 0) + len(entries))
        images = [file for place in places for file in image_files(self._whole_image(place))]
        record = SampleRecord(
            images=tuple(entries), parts=dict(self.parts), quota=self.request.quota, whole=dict(self.request.whole)
        )
        files = [*images, *pixel_files(self._pixels(at))]
        write_sample_record(self._record(at), record, files)
        if at is None or len(entries) < len(self.shard.samples):  # else it becomes the whole shard at once
            self.run.context.depot.put(*files, self._record(at))

    def _pixels(self, at: int | None = None) -> Path:
        return self.run.context.folder.pixels(self.run.name, self.shard, at)

    def _record(self, at: int | None = None) -> Path:
        return self.run.context.folder.sample_record(self.run.name, self.shard, at)

    def _whole_image(self, place: int) -> Path:
        return self.run.context.folder.whole_image(self.run.name, self.shard, place)


def _generator(seed: int, sample: str) -> np.random.Generator:
    """Return random numbers that depend on the seed and the sample's id alone."""
    digest = hashlib.sha256(sample.encode()).digest()
    return np.random.default_rng([seed, *np.frombuffer(digest[:16], np.uint32).tolist()])
