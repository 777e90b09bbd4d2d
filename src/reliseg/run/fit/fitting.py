"""The calibrations of a model: fitted on samples that one pass over the calibration splits collects."""

from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from reliseg.calibration import Calibration, Training, calibrator
from reliseg.calibration.records.record import Hashes, Record, read_record, write_record
from reliseg.errors import CalibrationError, ConfigError
from reliseg.plan.plan import Fit, Target
from reliseg.plan.shards import Shard, shards
from reliseg.registry import plugin_errors
from reliseg.run.context import ModelRun
from reliseg.run.failures import Failures
from reliseg.run.fit.refusals import Refusal, read_refusal, record_files, write_refusal
from reliseg.run.fit.requests import SampleRequest, request_of_all_fits, request_of_fit
from reliseg.run.predict.freshness import Inputs, StoredInputs
from reliseg.run.predict.plugin_code import digest_of, parts_of_code
from reliseg.runtime.progress import Stage

if TYPE_CHECKING:
    from reliseg.run.fit.sampling import FitData, Sampling


@dataclass(frozen=True, eq=False)
class FitOutcome:
    """What came of a fit: calibrations by name, why others could not be fitted, and samples that cannot be read."""

    fit: Fit
    records: Mapping[str, Record]
    refusals: Mapping[str, str] = field(default_factory=dict)
    unread: Failures = field(default_factory=Failures)


@dataclass(frozen=True, eq=False)
class Fitting:
    """All fits of one model: its images are predicted once, however many fits read them."""

    run: ModelRun
    _inputs_by_fit: dict[Fit, Inputs] = field(default_factory=dict, init=False)

    def fit(self) -> list[FitOutcome]:
        """Fit what is not stored; samples are kept for the next run where some could not be read."""
        unread = self.collect()
        outcomes = [self.fit_split(f, unread) for f in self.run.plan.fits]
        if not any(unread.values()):
            self.discard()
        return outcomes

    def stored(self, fit: Fit) -> FitOutcome | None:
        """Return what came of a fit before, if it was of the same model, samples and settings; else None."""
        self.run.context.depot.fetch(*self.folders(fit))
        records, refusals = {}, {}
        for name, method in fit.calibrations():
            record, refusal = self._read_valid(fit, method), self._read_refusal(fit, method)
            if record is not None:
                records[name] = record
            elif refusal is not None:
                refusals[name] = refusal
            else:
                return None
        return FitOutcome(fit, records, refusals)

    def folders(self, fit: Fit) -> list[Path]:
        """Return where the calibrations of a fit lie."""
        return [self._folder(fit, method) for _, method in fit.calibrations()]

    def pending(self) -> list[Fit]:
        """Return the fits that are not stored."""
        return [f for f in self.run.plan.fits if self.stored(f) is None]

    def requests(self) -> dict[Target, SampleRequest]:
        """Return what fits that are not stored read of each domain."""
        return request_of_all_fits(self.pending(), self.run.plan.settings)

    def collect(self, only: Collection[Shard] | None = None) -> dict[Target, Failures]:
        """Sample what fits that are not stored read, of these shards alone if they are given; return the failures."""
        return {target: self._sampling.collect(target, r, only) for target, r in self.requests().items()}

    def unsampled(self, fit: Fit) -> list[Shard]:
        """Return the shards of a fit that are not sampled."""
        requests = request_of_fit(fit, self.run.plan.settings)
        lacking = [s for m in fit.read() for s in shards(m) if not self._sampling.is_stored(s, requests[m])]
        return [] if lacking and self.stored(fit) else lacking  # another process was faster, and has discarded them

    def fit_split(self, fit: Fit, unread: Mapping[Target, Failures]) -> FitOutcome:
        """Return the calibrations of one fit, stored ones as they are; none where a sample cannot be read.

        A ConfigError where what was sampled is gone.
        """
        before = self.stored(fit)
        if before is not None:
            return before
        failures = sum((unread.get(m, Failures()) for m in fit.members()), Failures())
        if failures:
            return FitOutcome(fit, {}, unread=failures)
        try:
            return self._fit(fit)
        except FileNotFoundError as error:
            done = self.stored(fit)
            if done is None and self.unsampled(fit):
                raise ConfigError(
                    f"{self.run.name}: what was sampled of {fit.split} was removed by a process that has fitted "
                    "another configuration on it; sample it again (--stage sample), then go on"
                ) from error
            if done is None:
                raise
            return done  # another process was faster, and has discarded what both read

    def _fit(self, fit: Fit) -> FitOutcome:
        settings = self.run.plan.settings
        training = Training(settings.device, settings.threads, self._stage)
        data = self._sampling.load(fit.read(), request_of_fit(fit, settings), training)
        records, refusals = {}, {}
        for name, method in fit.calibrations():
            one = calibrator(method)
            try:
                with plugin_errors(one):
                    record = self._read_valid(fit, method) or self._record(fit, method, one.fit(data.sample), data)
            except CalibrationError as error:
                refusals[name] = str(error)
                self._keep_refusal(fit, method, str(error), data)
                continue
            records[name] = record
            for note in record.calibration.notes():
                self.run.progress.note(f"{self.run.name}, {name}: {note}")
            write_record(self._folder(fit, method), record)
            self.run.context.depot.put_all(self._folder(fit, method))
        return FitOutcome(fit, records, refusals)

    def discard(self) -> None:
        """Delete what all fits read."""
        if domains := self._read_domains():
            self._sampling.discard(domains)

    def sample_places(self) -> list[Path]:
        """Return where what all fits read lies, until they are fitted."""
        return [self._sampling.place(shard) for target in self._read_domains() for shard in shards(target)]

    def _read_domains(self) -> list[Target]:
        return list(dict.fromkeys(member for fit in self.run.plan.fits for member in fit.read()))

    @cached_property
    def _sampling(self) -> "Sampling":
        from reliseg.run.fit.sampling import Sampling  # what predicts takes long to import

        return Sampling(self.run)

    def _folder(self, fit: Fit, method: str) -> Path:
        """Return where a calibration lies: a digest of all that determines it and is known before a file is read.

        What model and domains are called is no part of it. Models of stored predictions are told apart by these.
        """
        settings, inputs = self.run.plan.settings, self._inputs(fit)
        ids = [sorted(s.id for s in m.domain.samples) for m in fit.read()]
        content = [method, sorted(inputs.parts.items()), settings.seed, ids, *inputs.first_predictions()]
        return self.run.context.folder.fitted(digest_of([*content, settings.sample.model_dump()])[:32])

    def _read_valid(self, fit: Fit, method: str) -> Record | None:
        """Return the calibration that is stored, if it was fitted on the same model and samples, as they are now.

        Model and domains may have had other names then: it gets those of now.
        """
        for path in record_files(self._folder(fit, method)):
            with suppress(ConfigError):
                record = read_record(path)
                names = _former_names(fit, record.samples)
                if record.method != method or names is None:
                    continue
                found = replace(
                    record,
                    model=self.run.name,
                    split=fit.split,
                    samples=_called(names, record.samples),
                    images=_called(names, record.images),
                    predictions=_called(names, record.predictions),
                    part_of=fit.seed_group(method),
                )
                if self._is_current(fit, StoredInputs(found.parts, found.samples, found.predictions)):
                    return found
        return None

    def _is_current(self, fit: Fit, before: StoredInputs) -> bool:
        now = self._inputs(fit)
        return now.change_since(before) is None and not now.missing(before)

    def _read_refusal(self, fit: Fit, method: str) -> str | None:
        """Return why a calibration could not be fitted, on the same model and samples as they are now."""
        refusal = read_refusal(self._folder(fit, method))
        names = _former_names(fit, refusal.inputs.samples) if refusal else None
        if refusal is None or names is None:
            return None
        before = refusal.inputs
        now = StoredInputs(before.parts, _called(names, before.samples), _called(names, before.predictions))
        return refusal.why if self._is_current(fit, now) else None

    def _keep_refusal(self, fit: Fit, method: str, why: str, data: "FitData") -> None:
        inputs = StoredInputs(dict(self._inputs(fit).parts), data.samples, data.predictions)
        write_refusal(self._folder(fit, method), Refusal(why, inputs))
        self.run.context.depot.put_all(self._folder(fit, method))

    def _inputs(self, fit: Fit) -> Inputs:
        """Return what a calibration of this fit would be computed from now: looked for once."""
        if fit not in self._inputs_by_fit:
            members = {member: member.domain.samples for member in fit.read()}
            parts = self.run.parts(members) | parts_of_code(calibrator(method) for _, method in fit.calibrations())
            self._inputs_by_fit[fit] = self.run.inputs(members, parts)
        return self._inputs_by_fit[fit]

    def _stage(self, title: str, steps: int) -> Callable[[], None]:
        self.run.progress.begin(f"{self.run.name}: {title}", steps, Stage("fit", self.run.name))
        return self.run.progress.advance

    def _record(self, fit: Fit, method: str, calibration: Calibration, data: "FitData") -> Record:
        """Return the record of a new calibration."""
        labels = fit.on[0].dataset.labels
        facts = self.run.facts
        return Record(
            method=method,
            calibration=calibration,
            split=fit.split,
            label_space=labels.name,
            classes=tuple(labels.classes),
            model=self.run.name,
            fingerprint=facts.fingerprint,
            model_files=facts.file_hashes,
            seed=self.run.plan.settings.seed,
            pixels=len(data.sample),
            samples=data.samples,
            images=data.images,
            predictions=data.predictions,
            parts=dict(self._inputs(fit).parts),
            part_of=fit.seed_group(method),
        )


def _former_names(fit: Fit, samples: Hashes) -> dict[str, str] | None:
    """Return what the domains of a fit were called in what is stored: the ids of their samples tell which is which.

    None where it was fitted on others.
    """
    left = {name: set(hashes) for name, hashes in samples.items()}
    found = {}
    for member in fit.read():
        ids = {sample.id for sample in member.domain.samples}
        if not ids:  # all of it is left out
            continue
        name = next((n for n in (str(member), *left) if left.get(n) == ids), None)
        if name is None:
            return None
        found[str(member)] = name
        del left[name]
    return None if left else found


def _called(names: Mapping[str, str], hashes: Hashes) -> Hashes:
    """Return hashes by what domains are called now."""
    return {now: hashes[before] for now, before in names.items() if before in hashes}
