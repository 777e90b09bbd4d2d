"""The samples of a shard, written as they come: whole at its end, and in parts until then."""

import hashlib
import secrets
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
from reliseg.run.fit.sample_files import SampleFiles, record_of
from reliseg.run.fit.sample_records import SampleEntry, SampleRecord, are_whole, read_sample_record, write_sample_record
from reliseg.run.predict.stream import PredictedSample

_PATIENCE = 10.0
"""Seconds that another process may take from moving the files of a shard to saying so."""


@dataclass(eq=False)
class ShardSampling:
    """What is requested of a shard, beside what lies there in parts already.

    When a checkpoint is due, what was sampled since the last one becomes a part. Others may sample the same shard at
    once: each writes parts of its own, and all of them come to the same files.
    """

    run: ModelRun
    shard: Shard
    request: SampleRequest
    parts: Mapping[str, str]
    """What the samples are computed from, part by part."""
    files: SampleFiles
    begun: Sequence[tuple[Path, SampleRecord]] = ()
    """The parts of its first samples, where it was interrupted: what their files are named after."""
    _stored: list[Path] = field(init=False)
    _writer: str = field(default_factory=lambda: secrets.token_hex(4), init=False)
    _lost: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        """Begin after what is there."""
        self._stored = [part for part, _ in self.begun]

    def store(self, outcomes: Iterator[PredictedSample | SampleError], attempts: Attempts) -> None:
        """Store the other samples; of a shard with some that cannot be read, those before the first of them."""
        at = sum(len(record.images) for _, record in self.begun)
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
        part = self.files.part(at, self._writer)
        with PixelWriter(part) as pixels:
            for outcome in outcomes:
                tried = self._tried(outcome, attempts)
                if tried is None:
                    break
                entries.append(self._entry(tried, at + len(entries), pixels))
                if time.monotonic() >= due:
                    break
        if entries:
            files = self._write_record(part, entries, at)
            self._stored.append(part)
            if len(entries) < len(self.shard.samples):  # else it becomes the whole shard at once
                self.run.context.depot.put(*files)
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
            save_image(self.files.whole_image(place), prediction, truth, image=request.whole[sample])
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
        try:
            self._join()
        except FileNotFoundError:  # who samples the same has taken the parts that both began with
            if not self._is_finished():
                raise
        for part in self._stored:
            self.run.context.depot.remove(record_of(part), *pixel_files(part))

    def _join(self) -> None:
        records = [read_sample_record(record_of(part)) for part in self._stored]
        if len(self._stored) == 1:
            for before, after in zip(pixel_files(self._stored[0]), pixel_files(self.files.pixels), strict=True):
                before.replace(after)
        else:
            with PixelWriter(self.files.pixels) as pixels:
                for part in self._stored:
                    pixels.add(*read_pixels(part))
        self.run.context.depot.put(
            *self._write_record(self.files.pixels, [entry for record in records for entry in record.images])
        )

    def _is_finished(self) -> bool:
        """Wait until another process has said that the shard is whole; return False where it does not."""
        until = time.monotonic() + _PATIENCE
        while not (is_whole := are_whole(self.files.record)) and time.monotonic() < until:
            time.sleep(0.1)
        return is_whole

    def _write_record(self, pixels: Path, entries: Sequence[SampleEntry], at: int = 0) -> list[Path]:
        """Write what is said of samples from a place on, when their files are whole; return the files, it last."""
        places = range(at, at + len(entries))
        images = [file for place in places for file in image_files(self.files.whole_image(place))]
        record = SampleRecord(
            images=tuple(entries),
            parts=dict(self.parts),
            quota=self.request.quota,
            whole=dict(self.request.whole),
            named={"model": self.run.name, "domain": str(self.shard.target)},
        )
        files = [*images, *pixel_files(pixels)]
        write_sample_record(record_of(pixels), record, files)
        return [*files, record_of(pixels)]


def _generator(seed: int, sample: str) -> np.random.Generator:
    """Return random numbers that depend on the seed and the sample's id alone."""
    digest = hashlib.sha256(sample.encode()).digest()
    return np.random.default_rng([seed, *np.frombuffer(digest[:16], np.uint32).tolist()])
