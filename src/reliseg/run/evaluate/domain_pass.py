"""The pass over the images: statistics of all counted pixels, shard by shard."""

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import islice
from pathlib import Path

from reliseg.calibration import Calibration
from reliseg.data import DecodedSample, Sample
from reliseg.errors import CalibrationError, SampleError, count_text
from reliseg.plan.plan import Shard, Target, shards
from reliseg.prediction import Prediction
from reliseg.run.context import ModelRun
from reliseg.run.evaluate.device_kernels import Kernels
from reliseg.run.evaluate.observer import Observer
from reliseg.run.evaluate.shard_files import Observed, ShardHead, load_head, load_shard, lost_shard_error, save_shard
from reliseg.run.failures import Attempts, Failures
from reliseg.run.predict.freshness import StoredInputs
from reliseg.run.predict.identity import identity_of_calibration, parts_of_statistics
from reliseg.run.predict.stream import PredictedSample
from reliseg.runtime.progress import Stage
from reliseg.stats import Layout, PixelStatistics, SampleTable
from reliseg.stats.samples import SampleRows


@dataclass(frozen=True, eq=False)
class DomainPass:
    """One model over one domain, under all calibrations of its data set."""

    run: ModelRun
    target: Target
    calibrations: Mapping[str, Calibration]
    kernels: Kernels
    unseen: Mapping[str, str] = field(default_factory=dict)
    """Why an image, by its sha256, must not be among those of this domain."""

    def evaluate(self) -> Failures:
        """Evaluate what is not stored yet; return the failures. Stop if the first samples all fail for one reason."""
        todo = self._begin()
        for sample in [s for _, samples in todo for s in samples][:1]:
            self.run.look_at(self.target.dataset, sample)
        stream = self.run.stream.predictions(
            self.target.dataset,
            (sample for _, samples in todo for sample in samples),
            domain=str(self.target),
            decode_images=any(calibration.needs_image for calibration in self.calibrations.values()),
            keep_images=self._exports,
        )
        tried = sum(len(samples) for _, samples in todo)
        attempts = Attempts(self.run.progress.note, is_new=tried == len(self.target.domain.samples))
        with closing(stream), self._counter() as counter:
            for shard, samples in todo:
                if samples:
                    self._evaluate_shard(shard, samples, stream, counter, attempts)
                    if attempts.are_hopeless:
                        break
                    self.run.context.hashes.flush()
        self.run.note_outputs()
        return attempts.failures(tried)

    @cached_property
    def _is_test(self) -> bool:
        """A calibration split is evaluated for its thresholds only."""
        return self.target in self.run.plan.test_domains()

    @property
    def _exports(self) -> bool:
        """The images of calibration splits were exported when they were sampled."""
        return self._is_test and self.run.context.export is not None

    @cached_property
    def _layout(self) -> Layout:
        return self.run.plan.layout(self.target.dataset)

    @cached_property
    def _fingerprints(self) -> dict[str, str]:
        return {name: identity_of_calibration(calibration) for name, calibration in self.calibrations.items()}

    @cached_property
    def _own_parts(self) -> dict[str, str]:
        """What determines the statistics beside calibrations and files."""
        return self.run.parts([self.target]) | parts_of_statistics(self._layout)

    @cached_property
    def _parts(self) -> dict[str, str]:
        return self._own_parts | _parts_of(self._fingerprints)

    def _begin(self) -> list[tuple[Shard, Sequence[Sample]]]:
        """Return the shards with those of their samples that are not stored, after telling what will be done."""
        progress = self.run.progress
        changes: list[str] = []
        todo = [(shard, self._missing(shard, changes)) for shard in shards(self.target)]
        if changes:
            more = f", and more in {count_text(len(changes) - 1, 'other place')}" if len(changes) > 1 else ""
            progress.note(f"{self.run.name} on {self.target}: evaluating samples again: {changes[0]}{more}")
        total = sum(len(shard.samples) for shard, _ in todo)
        name = self.run.name
        title = f"{name} on {self.target}" if self._is_test else f"{name}: computing thresholds on {self.target}"
        before = total - sum(len(missing) for _, missing in todo)
        progress.begin(title, total, Stage("evaluate", name, str(self.target), before))
        if before and self._exports:
            samples = f"the {count_text(before, 'sample')} evaluated before"
            progress.note(f"{self.target}: --save writes nothing for {samples}; use another --out to save all")
        return todo

    def _missing(self, shard: Shard, changes: list[str]) -> Sequence[Sample]:
        """Return the samples of a shard that are not stored, or stored in vain: `changes` grows by the reason."""
        path = self.run.shard(shard)
        stored = load_head(path, self._layout)
        if stored is None:
            if os.path.lexists(path):
                changes.append(f"{path} is not whole")
            return shard.samples
        now = self.run.inputs({self.target: shard.samples}, self._parts)
        name = str(self.target)
        parts = {**stored.parts, **_parts_of(stored.calibrations)}
        before = StoredInputs(parts, {name: stored.hashes}, {name: stored.predictions})
        change = now.change_since(before)
        if change is not None:
            changes.append(change)
            return shard.samples
        return now.missing(before)

    @contextmanager
    def _counter(self) -> Iterator["CalibrationCounter"]:
        """Begin to count. Each band has tables of its own: only stored predictions, which leave the cores to the
        statistics, are divided into bands.
        """
        threads = self.run.plan.settings.threads
        bands = 1 if self.run.model.reads_images else -(-threads // len(self.calibrations))
        observers = {name: Observer(self._layout, self.kernels, bands) for name in self.calibrations}
        with ThreadPoolExecutor(min(threads, len(observers))) as pool:
            yield CalibrationCounter(observers, pool)

    def _evaluate_shard(
        self,
        shard: Shard,
        samples: Sequence[Sample],
        stream: Iterator[PredictedSample | SampleError],
        counter: "CalibrationCounter",
        attempts: Attempts,
    ) -> None:
        """Evaluate samples of a shard, which come next in the stream; store them beside those that are stored.

        Where they are all of the shard, whatever is stored is replaced. Where the attempts are hopeless, nothing is.
        """
        rows = {name: SampleRows(self._layout) for name in self.calibrations}
        hashes: dict[str, str] = {}
        predictions: dict[str, str] = {}
        failures: dict[str, str] = {}
        for outcome in islice(stream, len(samples)):
            self.run.progress.advance()
            try:
                if isinstance(outcome, SampleError):
                    raise outcome
                loaded, calibrated = self._calibrate(outcome)
            except SampleError as error:
                failures[error.sample] = error.problem
                attempts.fail(error)
                if attempts.are_hopeless:
                    return
                continue
            attempts.succeed()
            for name, row in counter.count(loaded, calibrated):
                rows[name].add(row)
            hashes[loaded.sample.id] = loaded.sha256
            if outcome.files_sha256:
                predictions[loaded.sample.id] = outcome.files_sha256
            if self._exports and self.run.context.export:
                self.run.context.export(self.run.name, self.target, outcome)
            del outcome, loaded, calibrated  # before the next one is waited for
        head = ShardHead(hashes, predictions, failures, self._own_parts, self._fingerprints)
        observed = ((name, Observed(pixels, rows[name].table())) for name, pixels in counter.take())
        self._store(shard, head, observed, is_whole=len(samples) == len(shard.samples))

    def _store(
        self, shard: Shard, head: ShardHead, observed: Iterable[tuple[str, Observed]], *, is_whole: bool
    ) -> None:
        """Store a shard; beside what is stored, where its samples are not all that it has."""
        path = self.run.shard(shard)
        if not is_whole:
            before = load_head(path, self._layout)
            if before is None:
                raise lost_shard_error(path)
            head = replace(
                head,
                hashes={**before.hashes, **head.hashes},
                predictions={**before.predictions, **head.predictions},
            )
            observed = ((name, _load_observed(path, name) + more) for name, more in observed)
        save_shard(path, head, observed)

    def _calibrate(self, outcome: PredictedSample) -> tuple[DecodedSample, dict[str, Prediction]]:
        """Return the sample under every calibration, before any is counted; a SampleError where it cannot be."""
        if reason := self.unseen.get(outcome.loaded.image_sha256):
            way = f"remove one of them, or name {self.target} in test: allow_seen:"
            raise SampleError(outcome.loaded.sample.id, f"{reason}; {way}")
        try:
            return outcome.loaded, {name: c(outcome.prediction) for name, c in self.calibrations.items()}
        except CalibrationError as error:
            raise SampleError(outcome.loaded.sample.id, str(error)) from error


@dataclass(frozen=True, eq=False)
class CalibrationCounter:
    """Counts a sample under all calibrations."""

    observers: Mapping[str, Observer]
    pool: ThreadPoolExecutor

    def count(self, loaded: DecodedSample, calibrated: Mapping[str, Prediction]) -> Iterator[tuple[str, SampleTable]]:
        """Yield the sample's row under every calibration: on the CPU they are counted side by side, on a device not."""

        def row(name: str) -> SampleTable:
            return self.observers[name].observe(loaded, calibrated[name])

        on_cpu = {
            name: self.pool.submit(row, name)
            for name, prediction in calibrated.items()
            if not self.observers[name].counts_on_device(prediction)
        }
        for name in calibrated:
            yield name, on_cpu[name].result() if name in on_cpu else row(name)

    def take(self) -> Iterator[tuple[str, PixelStatistics]]:
        """Yield the statistics of all samples since the last call, by calibration."""
        return ((name, observer.take()) for name, observer in self.observers.items())


def _parts_of(calibrations: Mapping[str, str]) -> dict[str, str]:
    return {f"calibration {name}": fingerprint for name, fingerprint in calibrations.items()}


def _load_observed(path: Path, calibration: str) -> Observed:
    stored = load_shard(path, (calibration,))
    if stored is None:
        raise lost_shard_error(path)
    return stored.observed[calibration]
