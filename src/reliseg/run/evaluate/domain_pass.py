"""The pass over the images: statistics of all counted pixels, shard by shard."""

import os
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import islice
from pathlib import Path

from reliseg.calibration import Calibration
from reliseg.data import DecodedSample, Sample
from reliseg.errors import CalibrationError, SampleError
from reliseg.models import Model
from reliseg.plan.plan import Shard, Target, shards
from reliseg.prediction import Prediction
from reliseg.run.evaluate.device_kernels import Kernels
from reliseg.run.evaluate.observer import Observer
from reliseg.run.evaluate.shard_files import Observed, ShardHead, gone, load_shard, save_shard, stored_head
from reliseg.run.predict.freshness import first_newer_file
from reliseg.run.predict.stream import Predicted, Saver, predictions
from reliseg.runtime.progress import Progress
from reliseg.stats import Layout, SampleTable
from reliseg.stats.samples import SampleRows


@dataclass(frozen=True, eq=False)
class DomainPass:
    """One model over one domain, under all calibrations of its data set."""

    model: Model
    target: Target
    layout: Layout
    calibrations: Mapping[str, Calibration]
    folder: Path
    """Where this model's shards are stored."""
    workers: int
    batch: int
    threads: int
    """Threads that count; they change nothing in the results."""
    progress: Progress
    kernels: Kernels
    title: str
    seen: Mapping[str, str] = field(default_factory=dict)
    """Why an image, by its sha256, must not be among those of this domain."""
    save: Saver | None = None
    _changed: list[Path] = field(default_factory=list, init=False)
    """One file of each shard that is stored, and older than that file."""

    def run(self) -> dict[str, str]:
        """Evaluate what is not stored yet; the failures by sample."""
        began = time.time_ns()
        todo = [(shard, self._missing(shard)) for shard in shards(self.target)]
        if self._changed:
            self.progress.note(f"{self.target} is evaluated again where files are newer: {self._changed[0]}")
        total = sum(len(s.samples) for s, _ in todo)
        self.progress.begin(self.title, total)
        done = total - sum(len(missing) for _, missing in todo)
        for _ in range(done):
            self.progress.advance()
        if done and self.save:
            self.progress.note(f"{self.target}: {done} samples were evaluated before; nothing is saved for them")
        # Each band has tables of its own: only stored predictions, which leave the cores to the statistics, are cut.
        bands = 1 if self.model.reads_images else -(-self.threads // len(self.calibrations))
        observers = {name: Observer(self.layout, self.kernels, bands) for name in self.calibrations}
        stream = predictions(
            self.model,
            self.target.dataset,
            (sample for _, missing in todo for sample in missing),
            workers=self.workers,
            batch=self.batch,
            images=any(calibration.needs_image for calibration in self.calibrations.values()),
            saved=self.save is not None,
        )
        failures: dict[str, str] = {}
        with closing(stream), ThreadPoolExecutor(min(self.threads, len(observers))) as pool:
            for shard, missing in todo:
                if missing:
                    anew = len(missing) == len(shard.samples)
                    failures |= self._shard(shard, islice(stream, len(missing)), observers, pool, anew=anew)
                    # What is changed while the pass goes on may have been read before: it is newer than the shard.
                    os.utime(self.folder / shard.path, ns=(began, began))
        return failures

    @cached_property
    def _fingerprints(self) -> dict[str, str]:
        return {name: calibration.fingerprint() for name, calibration in self.calibrations.items()}

    def _missing(self, shard: Shard) -> Sequence[Sample]:
        stored = stored_head(self.folder / shard.path)
        if stored is None or not self._continues(shard, stored):
            return shard.samples
        return tuple(s for s in shard.samples if s.id not in stored.hashes)

    def _continues(self, shard: Shard, stored: ShardHead) -> bool:
        """Whether what is stored is of the same model and calibrations, of no sample that is elsewhere by now, and
        newer than the files of those it holds.
        """
        same = (stored.model, stored.calibrations) == (self.model.fingerprint(), self._fingerprints)
        if not same or not stored.hashes.keys() <= {s.id for s in shard.samples}:
            return False
        held = (s for s in shard.samples if s.id in stored.hashes)
        changed = first_newer_file(self.folder / shard.path, self.model, self.target.dataset, held, stored.hashes)
        self._changed.extend(filter(None, [changed]))
        return changed is None

    def _shard(
        self,
        shard: Shard,
        outcomes: Iterator[Predicted | SampleError],
        observers: Mapping[str, Observer],
        pool: ThreadPoolExecutor,
        *,
        anew: bool,
    ) -> dict[str, str]:
        """Evaluate and store the missing samples of a shard, beside what is stored of it, or in its place (`anew`)."""
        rows = {name: SampleRows(self.layout) for name in observers}
        hashes: dict[str, str] = {}
        failures: dict[str, str] = {}
        for outcome in outcomes:
            self.progress.advance()
            try:
                loaded, calibrated = self._calibrated(outcome)
            except SampleError as error:
                failures[error.sample] = error.problem
                self.progress.note(f"not evaluated: {error}")
                continue
            for name, row in _counted(loaded, calibrated, observers, pool):
                rows[name].add(row)
            hashes[loaded.sample.id] = loaded.sha256
            if self.save and isinstance(outcome, Predicted):
                self.save(self.target, outcome)
            del outcome, loaded, calibrated  # before the next one is waited for
        path = self.folder / shard.path
        fresh = ((name, Observed(observer.take(), rows[name].table())) for name, observer in observers.items())
        if anew:
            save_shard(path, ShardHead(hashes, failures, self.model.fingerprint(), self._fingerprints), fresh)
        else:
            before = stored_head(path)
            if before is None:
                raise gone(path)
            head = replace(before, hashes={**before.hashes, **hashes}, failures=failures)
            save_shard(path, head, ((name, _stored(path, name) + found) for name, found in fresh))
        return failures

    def _calibrated(self, outcome: Predicted | SampleError) -> tuple[DecodedSample, dict[str, Prediction]]:
        """The sample under every calibration, before any is counted; a SampleError where it cannot be."""
        if isinstance(outcome, SampleError):
            raise outcome
        if reason := self.seen.get(outcome.loaded.image_sha256):
            way = f"take one of them out, or name {self.target} in test: allow_seen:"
            raise SampleError(outcome.loaded.sample.id, f"{reason}; {way}")
        try:
            return outcome.loaded, {name: c(outcome.prediction) for name, c in self.calibrations.items()}
        except CalibrationError as error:
            raise SampleError(outcome.loaded.sample.id, str(error)) from error


def _counted(
    loaded: DecodedSample,
    calibrated: Mapping[str, Prediction],
    observers: Mapping[str, Observer],
    pool: ThreadPoolExecutor,
) -> Iterator[tuple[str, SampleTable]]:
    """The sample's row under every calibration, counted at once, but for those of a device: it does one by one."""

    def row(name: str) -> SampleTable:
        return observers[name].observe(loaded, calibrated[name])

    on_cpu = {
        name: pool.submit(row, name)
        for name, prediction in calibrated.items()
        if not observers[name].counts_on_device(prediction)
    }
    for name in calibrated:
        yield name, on_cpu[name].result() if name in on_cpu else row(name)


def _stored(path: Path, calibration: str) -> Observed:
    stored = load_shard(path, (calibration,))
    if stored is None:
        raise gone(path)
    return stored.observed[calibration]
