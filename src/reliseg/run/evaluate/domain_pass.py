"""The pass over the images: statistics of all counted pixels, shard by shard."""

import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from functools import cached_property
from itertools import islice

from reliseg.calibration import Calibration
from reliseg.data import DecodedSample, Sample
from reliseg.errors import CalibrationError, SampleError, count_text
from reliseg.plan.plan import Target
from reliseg.plan.shards import Shard
from reliseg.prediction import Prediction
from reliseg.run.context import ModelRun
from reliseg.run.evaluate.coverage import Coverage
from reliseg.run.evaluate.device_kernels import Kernels
from reliseg.run.evaluate.observer import Observer
from reliseg.run.failures import Attempts, Failures
from reliseg.run.predict.stream import PredictedSample, SampleGroup
from reliseg.run.store.cover import Missing, Piece
from reliseg.run.store.made import made_by
from reliseg.run.store.piece_files import Observed, PieceHead
from reliseg.runtime.progress import Stage
from reliseg.stats import Layout, PixelStatistics, SampleTable
from reliseg.stats.samples import SampleRows


@dataclass(frozen=True, eq=False)
class ShardWork:
    """What is to be counted of a shard."""

    shard: Shard
    missing: Mapping[str, Missing]
    """By calibration; those that lack nothing are not here."""

    @property
    def samples(self) -> list[Sample]:
        """The samples that any calibration lacks, in their order."""
        ids = self.ids
        return [s for s in self.shard.samples if s.id in ids]

    @property
    def ids(self) -> frozenset[str]:
        """The ids of the samples that any calibration lacks."""
        return frozenset().union(*(missing.samples for missing in self.missing.values()))

    @property
    def layouts(self) -> dict[str, Layout]:
        """What is counted under each calibration."""
        return {name: missing.layout for name, missing in self.missing.items()}


@dataclass(frozen=True, eq=False)
class DomainPass:
    """One model over one domain, or over some of its shards, under some calibrations of its run."""

    coverage: Coverage
    calibrations: Sequence[str]
    kernels: Kernels
    only: Sequence[Shard] | None = None
    """The shards of a part; None is all."""

    def evaluate(self) -> Failures:
        """Evaluate what is not stored yet; return the failures. Stop if the first samples all fail for one reason."""
        todo = self._begin()
        if not todo:
            return Failures()
        self.run.look_at(self.target.dataset, todo[0].samples[0])
        stream = self.run.stream.predictions_of_groups(
            self.target.dataset,
            (SampleGroup(work.shard.samples, work.ids) for work in todo),
            domain=str(self.target),
            decode_images=any(calibration.needs_image for calibration in self.fitted.values()),
            keep_images=self.exports,
        )
        tried = sum(len(work.samples) for work in todo)
        attempts = Attempts(self.run.progress.note, is_new=tried == len(self.target.domain.samples))
        with closing(stream), ThreadPoolExecutor(self._counting_threads) as pool:
            counter = CalibrationCounter({}, pool)
            for work in todo:
                counter = self._counter_for(work, counter)
                ShardPass(self, work, counter, attempts).count(stream)
                if attempts.are_hopeless:
                    break
                self.run.context.hashes.flush()
        self.run.note_outputs()
        return attempts.failures(tried)

    @property
    def run(self) -> ModelRun:
        """The model's run."""
        return self.coverage.run

    @property
    def target(self) -> Target:
        """The domain."""
        return self.coverage.target

    @cached_property
    def fitted(self) -> dict[str, Calibration]:
        """The calibrations under which the domain is evaluated, by name."""
        return {name: self.run.calibrations[name] for name in self.calibrations}

    @cached_property
    def _is_test(self) -> bool:
        """A calibration split is evaluated for its thresholds only."""
        return self.target in self.run.plan.test_domains()

    @property
    def exports(self) -> bool:
        """The images of calibration splits were exported when they were sampled."""
        return self._is_test and self.run.context.export is not None

    @property
    def _counting_threads(self) -> int:
        return min(self.run.plan.settings.threads, len(self.calibrations))

    def _begin(self) -> list[ShardWork]:
        """Return what is not stored, after telling what will be done."""
        progress = self.run.progress
        changes: list[str] = []
        every = self.coverage.shards if self.only is None else self.only
        todo = [work for shard in every if (work := self._work(shard, changes)).missing]
        if changes:
            more = f", and more in {count_text(len(changes) - 1, 'other place')}" if len(changes) > 1 else ""
            progress.note(f"{self.run.name} on {self.target}: evaluating samples again: {changes[0]}{more}")
        total = sum(len(shard.samples) for shard in every)
        name = self.run.name
        title = f"{name} on {self.target}" if self._is_test else f"{name}: computing thresholds on {self.target}"
        before = total - sum(len(work.samples) for work in todo)
        stage = Stage("evaluate", name, str(self.target), before, len(every) - len(todo))
        progress.begin(title, total, stage)
        if before and self.exports:
            samples = f"the {count_text(before, 'sample')} evaluated before"
            progress.note(f"{self.target}: --save writes nothing for {samples}; use another --out to save all")
        return todo

    def _work(self, shard: Shard, changes: list[str]) -> ShardWork:
        """Return what a shard lacks; `changes` grows by the reasons why what lies there is not used."""
        missing = {}
        for name in self.calibrations:
            if self.coverage.stored(shard, name).is_complete:
                continue
            found = self.coverage.of(shard, name)
            changes += [change for change in found.changes if change not in changes]
            if found.cover.missing:
                missing[name] = found.cover.missing
        return ShardWork(shard, missing)

    def _counter_for(self, work: ShardWork, counter: "CalibrationCounter") -> "CalibrationCounter":
        """Return what counts a shard: as before, where the same is counted. Each band has tables of its own: only
        stored predictions, which leave the cores to the statistics, are divided into bands.
        """
        if counter.layouts == work.layouts:
            return counter
        bands = 1 if self.run.facts.reads_images else -(-self.run.plan.settings.threads // len(work.layouts))
        observers = {name: Observer(layout, self.kernels, bands) for name, layout in work.layouts.items()}
        return CalibrationCounter(observers, counter.pool)


@dataclass(eq=False)
class ShardPass:
    """The samples that a shard lacks: counted, and stored at its end and whenever a checkpoint is due."""

    domain: DomainPass
    work: ShardWork
    counter: "CalibrationCounter"
    attempts: Attempts
    _failures: dict[str, str] = field(default_factory=dict, init=False)

    def __post_init__(self) -> None:
        """Begin with nothing counted."""
        self._begin()

    def count(self, stream: Iterator[PredictedSample | SampleError]) -> None:
        """Count the samples, which come next in the stream, and store them. Where the attempts are hopeless, nothing is
        stored.
        """
        run, samples = self.domain.run, self.work.samples
        written = 0
        for outcome in islice(stream, len(samples)):
            run.progress.advance()
            try:
                if isinstance(outcome, SampleError):
                    raise outcome
                self._add(outcome)
            except SampleError as error:
                self._failures[error.sample] = error.problem
                self.attempts.fail(error)
                if self.attempts.are_hopeless:
                    return
                continue
            self.attempts.succeed()
            del outcome  # before the next one is waited for
            if time.monotonic() >= self._due:
                self._store()
                written += 1
        self._store()
        self._finish(written > 0)
        run.progress.end_shard(len(self._failures))

    def _begin(self) -> None:
        self._rows = {name: SampleRows(layout) for name, layout in self.work.layouts.items()}
        self._hashes: dict[str, str] = {}
        self._predictions: dict[str, str] = {}
        self._due = time.monotonic() + self.domain.run.context.checkpoint

    def _add(self, outcome: PredictedSample) -> None:
        """Count a sample under every calibration that lacks it; a SampleError where one cannot be applied.

        It is counted under the others then: what is stored does not depend on which were asked for together.
        """
        sample = outcome.loaded.sample.id
        names = [name for name, missing in self.work.missing.items() if sample in missing.samples]
        calibrated, problem = self._calibrate(outcome, names)
        for name, row in self.counter.count(outcome.loaded, calibrated):
            self._rows[name].add(row)
        self._hashes[sample] = outcome.loaded.sha256
        if outcome.files_sha256:
            self._predictions[sample] = outcome.files_sha256
        if problem:
            raise SampleError(sample, problem)
        export = self.domain.run.context.export
        if self.domain.exports and export:
            domain = self.domain
            export(domain.run.name, domain.target, outcome, domain.fitted, domain.coverage.sources)

    def _calibrate(self, outcome: PredictedSample, names: Sequence[str]) -> tuple[dict[str, Prediction], str]:
        """Return the prediction under those of these calibrations that can be applied, and why others cannot."""
        domain, sample = self.domain, outcome.loaded.sample.id
        if reason := domain.coverage.unseen.get(outcome.loaded.image_sha256):
            way = "remove one of them"
            way += f", or name {domain.target} in test: allow_seen:" if domain.coverage.is_tested else ""
            raise SampleError(sample, f"{reason}; {way}")
        calibrated, problem = {}, ""
        for name in names:
            try:
                calibrated[name] = domain.run.calibrations[name](outcome.prediction)
            except CalibrationError as error:
                problem = problem or str(error)
        return calibrated, problem

    def _store(self) -> None:
        """Store what was counted since the last time, a piece for each calibration."""
        coverage = self.domain.coverage
        made = made_by(self.domain.kernels.by_device())
        for name, pixels in self.counter.take():
            table = self._rows[name].table()
            if not table.ids:
                continue
            head = PieceHead(
                hashes={i: self._hashes[i] for i in table.ids},
                predictions={i: self._predictions[i] for i in table.ids if i in self._predictions},
                parts=coverage.parts,
                calibration=coverage.identities[name],
                codes={score: code for score, code in coverage.codes.items() if score in pixels.ranks},
                made=made,
                named=coverage.named(name),
            )
            coverage.run.context.store.save(coverage.place(self.work.shard, name), head, Observed(pixels, table))
        self._begin()

    def _finish(self, in_pieces: bool) -> None:
        """Put the pieces of the shard together, and keep why samples of it failed."""
        coverage, store, shard = self.domain.coverage, self.domain.run.context.store, self.work.shard
        for name, missing in self.work.missing.items():
            if in_pieces or len(missing.samples) < len(shard.samples):
                pieces = self._own(coverage.of(shard, name).cover.pieces())
                store.join(coverage.place(shard, name), _joinable(pieces))
        store.note_failures(coverage.place(shard), self._failures)

    def _own(self, pieces: Sequence[Piece]) -> list[Piece]:
        """Return the pieces of this model: of stored predictions, another's may hold samples whose files are equal, and
        others that are not.
        """
        return [p for p in pieces if p.stored.head.named["model"] == self.domain.run.name]


def _joinable(pieces: Sequence[Piece]) -> list[Piece]:
    """Return the pieces that hold the same statistics as the first."""
    return [p for p in pieces if p.stored.layout == pieces[0].stored.layout]


@dataclass(frozen=True, eq=False)
class CalibrationCounter:
    """Counts a sample under all calibrations."""

    observers: Mapping[str, Observer]
    pool: ThreadPoolExecutor

    @property
    def layouts(self) -> dict[str, Layout]:
        """What is counted under each calibration."""
        return {name: observer.layout for name, observer in self.observers.items()}

    def count(self, loaded: DecodedSample, calibrated: Mapping[str, Prediction]) -> Iterator[tuple[str, SampleTable]]:
        """Yield the sample's row under every calibration: on the CPU they are counted side by side, on a device not."""

        def row(name: str) -> SampleTable:
            return self.observers[name].observe(loaded, calibrated[name])

        on_cpu = {
            name: self.pool.submit(row, name)
            for name, prediction in calibrated.items()
            if len(calibrated) > 1 and not self.observers[name].counts_on_device(prediction)
        }
        for name in calibrated:
            yield name, on_cpu[name].result() if name in on_cpu else row(name)

    def take(self) -> Iterator[tuple[str, PixelStatistics]]:
        """Yield the statistics of all samples since the last call, by calibration."""
        return ((name, observer.take()) for name, observer in self.observers.items())
