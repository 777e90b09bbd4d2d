"""The calibrations of a model: fitted on samples that one pass over the calibration splits collects."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from reliseg.calibration import Calibration, Training, calibrator
from reliseg.calibration.records.record import Record, read_record, record_file, write_record
from reliseg.errors import CalibrationError, ConfigError
from reliseg.plan.plan import Fit, Target, all_members
from reliseg.registry import plugin_errors
from reliseg.run.context import ModelRun
from reliseg.run.failures import Failures
from reliseg.run.fit.requests import request_of_all_fits, request_of_fit
from reliseg.run.fit.sampling import FitData, Sampling
from reliseg.run.predict.freshness import Inputs, StoredInputs
from reliseg.run.predict.identity import parts_of_code
from reliseg.runtime.progress import Stage


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
    _inputs_by_split: dict[str, Inputs] = field(default_factory=dict, init=False)

    def fit(self) -> list[FitOutcome]:
        """Fit what is not stored; samples are kept for the next run where some could not be read."""
        fits, settings = self.run.plan.fits, self.run.plan.settings
        pending = [f for f in fits if not all(self._read_valid(f, name) for name, _ in f.calibrations())]
        requests = request_of_all_fits(pending, settings)
        members = all_members(t for f in pending for t in f.on)
        unread = {target: self._sampling.collect(target, requests[target]) for target in members}
        outcomes = [self._fit_split(f, unread) for f in fits]
        if not any(unread.values()):
            self._sampling.discard()
        return outcomes

    @cached_property
    def _sampling(self) -> Sampling:
        return Sampling(self.run)

    @property
    def _folder(self) -> Path:
        return self.run.context.folder.records(self.run.name)

    def _fit_split(self, fit: Fit, unread: Mapping[Target, Failures]) -> FitOutcome:
        """Return the calibrations of one fit, stored ones as they are; none where a sample cannot be read."""
        stored = {name: self._read_valid(fit, name) for name, _ in fit.calibrations()}
        if all(stored.values()):
            return FitOutcome(fit, {name: record for name, record in stored.items() if record is not None})
        failures = sum((unread[m] for m in fit.members()), Failures())
        if failures:
            return FitOutcome(fit, {}, unread=failures)
        settings = self.run.plan.settings
        training = Training(settings.device, settings.threads, self._stage)
        data = self._sampling.load(fit.members(), request_of_fit(fit, settings), training)
        records, refusals = {}, {}
        for name, method in fit.calibrations():
            one = calibrator(method)
            try:
                with plugin_errors(one):
                    record = stored[name] or self._record(fit, method, one.fit(data.sample), data)
            except CalibrationError as error:
                refusals[name] = str(error)
                continue
            records[name] = record
            for note in record.calibration.notes():
                self.run.progress.note(f"{self.run.name}, {name}: {note}")
            write_record(self._folder, record)
        return FitOutcome(fit, records, refusals)

    def _read_valid(self, fit: Fit, name: str) -> Record | None:
        """Return the calibration that is stored, if it was fitted on the same model and samples, as they are now."""
        try:
            record = read_record(self._folder / record_file(name))
        except ConfigError:
            return None
        now, before = self._inputs(fit), StoredInputs(record.parts, record.samples, record.predictions)
        is_valid = record.name == name and now.change_since(before) is None and not now.missing(before)
        return record if is_valid else None

    def _inputs(self, fit: Fit) -> Inputs:
        """Return what a calibration of this fit would be computed from now: looked for once."""
        if fit.split not in self._inputs_by_split:
            members = {member: member.domain.samples for member in fit.members()}
            parts = self.run.parts(members) | parts_of_code(calibrator(method) for _, method in fit.calibrations())
            self._inputs_by_split[fit.split] = self.run.inputs(members, parts)
        return self._inputs_by_split[fit.split]

    def _stage(self, title: str, steps: int) -> Callable[[], None]:
        self.run.progress.begin(f"{self.run.name}: {title}", steps, Stage("fit", self.run.name))
        return self.run.progress.advance

    def _record(self, fit: Fit, method: str, calibration: Calibration, data: FitData) -> Record:
        """Return the record of a new calibration."""
        labels = fit.on[0].dataset.labels
        model = self.run.model
        return Record(
            method=method,
            calibration=calibration,
            split=fit.split,
            label_space=labels.name,
            classes=tuple(labels.classes),
            model=self.run.name,
            fingerprint=model.fingerprint(),
            model_files=model.file_hashes(),
            seed=self.run.plan.settings.seed,
            pixels=len(data.sample),
            samples=data.samples,
            images=data.images,
            predictions=data.predictions,
            parts=dict(self._inputs(fit).parts),
            part_of=fit.seed_group(method),
        )
