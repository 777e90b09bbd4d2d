"""The calibrations of a model: fitted on samples that one pass over the calibration splits keeps."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from reliseg.calibration import Calibration, Training, calibrator
from reliseg.calibration.records.record import Record, read_record, record_file, write_record
from reliseg.config.schema import Settings
from reliseg.errors import CalibrationError, ConfigError
from reliseg.plan.plan import Fit
from reliseg.run.fit.sampling import FitData, Sampling, request_of_all_fits, request_of_fit
from reliseg.run.predict.freshness import is_fresh


@dataclass(frozen=True, eq=False)
class Fitted:
    """What came of a fit: calibrations by name, why others could not be fitted, and samples that cannot be read."""

    fit: Fit
    records: Mapping[str, Record]
    refused: Mapping[str, str] = field(default_factory=dict)
    unread: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Fitting:
    """All fits of one model: its images are predicted once, however many fits read them."""

    fits: tuple[Fit, ...]
    sampling: Sampling
    folder: Path
    """Where this model's records are stored."""
    settings: Settings

    def run(self) -> list[Fitted]:
        """What came of each fit; samples are kept for the next run where some could not be read."""
        pending = [f for f in self.fits if not all(self._restored(f, name) for name, _ in f.calibrations())]
        wanted = request_of_all_fits(pending, self.settings)
        targets = {str(m): m for f in pending for m in f.members()}
        unread = {name: self.sampling.collect(target, wanted[name]) for name, target in targets.items()}
        found = [self._fitted(f, unread) for f in self.fits]
        if not any(unread.values()):
            self.sampling.discard()
        return found

    def _fitted(self, fit: Fit, unread: Mapping[str, Mapping[str, str]]) -> Fitted:
        """The calibrations of one fit, stored ones as they are; none where a sample cannot be read."""
        stored = {name: self._restored(fit, name) for name, _ in fit.calibrations()}
        if all(stored.values()):
            return Fitted(fit, {name: record for name, record in stored.items() if record is not None})
        failures = {sample: why for m in fit.members() for sample, why in unread[str(m)].items()}
        if failures:
            return Fitted(fit, {}, unread=failures)
        training = Training(self.settings.device, self.settings.threads, self._stage)
        taken = self.sampling.take(fit.members(), request_of_fit(fit, self.settings), training)
        fitted, refused = {}, {}
        for name, method in fit.calibrations():
            try:
                found = stored[name] or self._described(fit, method, calibrator(method).fit(taken.sample), taken)
            except CalibrationError as error:
                refused[name] = str(error)
                continue
            fitted[name] = found
            for note in found.calibration.notes():
                self.sampling.progress.note(f"{self.sampling.name}, {name}: {note}")
            write_record(self.folder, found)
        return Fitted(fit, fitted, refused)

    def _restored(self, fit: Fit, name: str) -> Record | None:
        """The calibration that is stored, if it was fitted on the same model and samples, as they are now."""
        path = self.folder / record_file(name)
        try:
            record = read_record(path)
        except ConfigError:
            return None
        here = {str(m): {s.id for s in m.domain.samples} for m in fit.members()}
        there = {domain: set(found) for domain, found in record.samples.items()}
        same = (record.name, record.fingerprint, there) == (name, self.sampling.model.fingerprint(), here)
        if not same:
            return None
        model, made = self.sampling.model, record.samples
        fresh = all(is_fresh(path, model, m.dataset, m.domain.samples, made[str(m)]) for m in fit.members())
        return record if fresh else None

    def _stage(self, title: str, steps: int) -> Callable[[], None]:
        self.sampling.progress.begin(f"{self.sampling.name}: {title}", steps)
        return self.sampling.progress.advance

    def _described(self, fit: Fit, method: str, calibration: Calibration, taken: FitData) -> Record:
        labels = fit.on[0].dataset.labels
        model = self.sampling.model
        return Record(
            method=method,
            calibration=calibration,
            split=fit.split,
            label_space=labels.name,
            classes=tuple(labels.classes),
            model=self.sampling.name,
            fingerprint=model.fingerprint(),
            model_files=model.file_hashes(),
            seed=self.settings.seed,
            pixels=len(taken.sample),
            samples=taken.samples,
            images=taken.images,
            part_of=fit.seed_group(method),
        )
