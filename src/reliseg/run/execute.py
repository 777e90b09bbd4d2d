"""A whole run: check, fit, evaluate, measure, write."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property, partial
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from threadpoolctl import threadpool_limits

from reliseg.calibration import Unchanged
from reliseg.calibration.records.record import Record, encode_record, record_file, write_record
from reliseg.errors import ConfigError, IncompleteError
from reliseg.kernels.cpu.kernel import compile_kernels
from reliseg.models import Model
from reliseg.plan.plan import IDENTITY, Plan
from reliseg.results import Results, Row
from reliseg.run.check.leakage import origins
from reliseg.run.check.preflight import check, fit_notes
from reliseg.run.evaluate.device_kernels import Kernels
from reliseg.run.evaluate.domain_pass import DomainPass
from reliseg.run.export import Saving
from reliseg.run.fit.fitting import Fitting
from reliseg.run.fit.sampling import Sampling
from reliseg.run.folder import lock_run_folder
from reliseg.run.manifest import manifest
from reliseg.run.measure.measure import RELIABILITY_HEADER, measure
from reliseg.run.measure.splits import FITS_HEADER, measure_splits, thresholds_of
from reliseg.runtime.atomic_files import write_text
from reliseg.runtime.malloc import share_one_heap
from reliseg.runtime.numba_cache import announce_compilation
from reliseg.runtime.progress import Progress, Silent

_SHOWN = 8


@dataclass
class RunOutputs:
    """What a run has found so far."""

    rows: list[Row] = field(default_factory=list)
    reliability: list[str] = field(default_factory=list)
    fits: list[str] = field(default_factory=list)
    models: dict[str, Any] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Run:
    """A plan and the folder it is carried out in.

    `configuration` is the text that says what the run is: a folder holds one run, and an interrupted one goes on
    where it stopped. `workers` threads decode ahead of the model; they change nothing in the results.
    """

    plan: Plan
    folder: Path
    configuration: str
    workers: int = 2
    save: tuple[str, ...] = ()
    progress: Progress = field(default_factory=Silent)

    def execute(self) -> Results:
        """Everything, to the written results.

        Raises a UsageError before anything is evaluated where the data or a model is not as it should be, and an
        IncompleteError at the end where samples were not evaluated; what was finished is stored by then.
        """
        if self.workers < 1:
            raise ConfigError(f"workers is {self.workers}; give at least 1")
        if self.plan.fits:
            import_module("scipy.linalg")  # only what is loaded by now is limited
        told = partial(self.progress.note, "compiling for this processor: ten to thirty seconds, in the first run only")
        share_one_heap()
        with (
            announce_compilation(told),
            threadpool_limits(1, "blas"),
        ):  # the last bits of a matrix product depend on its threads
            return self._executed()

    def _executed(self) -> Results:
        saving = Saving.of(self.save, self.folder / "saved")
        loaded = check(self.plan, workers=self.workers, progress=self.progress)
        with lock_run_folder(self.folder, self.configuration):
            return self._carried_out(loaded, saving)

    def _carried_out(self, loaded: dict[str, Model], saving: Saving) -> Results:
        self.progress.begin("loading the kernels", 0)
        compile_kernels()
        found = RunOutputs()
        for source in self.plan.models:
            if source.name not in loaded:
                self.progress.begin(f"loading {source.name}", 0)
            model = loaded.pop(source.name, None) or source.load()
            found.models[source.name] = model.provenance()
            records, problems = self._calibrations(source.name, model, saving)
            found.problems += problems
            self._evaluate(self.plan.without_failed(records), source.name, model, records, saving, found)
        return self._write(found)

    @cached_property
    def _kernels(self) -> Kernels:
        return Kernels(self.progress.note)

    def _calibrations(self, name: str, model: Model, saving: Saving) -> tuple[dict[str, Record], list[str]]:
        """The calibrations of a model by name, and why others could not be fitted."""
        found = {record.name: self._kept(name, model, record) for record in self.plan.loaded.get(name, ())}
        problems = []
        for fitted in self._fitting(name, model, saving).run():
            split = fitted.fit.split
            found |= fitted.records
            reasons = dict.fromkeys(fitted.refused.values())  # several seeds have the same
            problems += [f"{name} on {split}: {reason}; no results with this calibration" for reason in reasons]
            if fitted.unread:
                problems.append(f"{_summary(name, split, fitted.unread)}; no calibration was fitted there")
        return found, problems

    def _kept(self, name: str, model: Model, record: Record) -> Record:
        """A loaded calibration, with a copy in the run's folder: the run goes on with the same one, or not at all."""
        folder = self.folder / "calibrations" / name
        path = folder / record_file(record.name)
        if path.exists() and path.read_text(encoding="utf-8") != encode_record(record)[0]:
            raise ConfigError(f"{path} is not the calibration that is loaded now; give another --out")
        write_record(folder, record)
        for note in [*record.calibration.notes(), *fit_notes(record, model)]:
            self.progress.note(f"{name}, {record.name}: {note}")
        return record

    def _fitting(self, name: str, model: Model, saving: Saving) -> Fitting:
        settings = self.plan.settings
        sampling = Sampling(
            model=model,
            name=name,
            folder=self.folder / "samples" / name,
            seed=settings.seed,
            workers=self.workers,
            batch=settings.batch,
            progress=self.progress,
            save=partial(saving, name) if saving.kinds else None,
        )
        return Fitting(self.plan.fits, sampling, self.folder / "calibrations" / name, settings)

    def _evaluate(
        self, plan: Plan, name: str, model: Model, records: Mapping[str, Record], saving: Saving, found: RunOutputs
    ) -> None:
        """One model over all domains, then its rows."""
        shards = self.folder / "statistics" / name
        incomplete = set()
        calibrations = {IDENTITY: Unchanged()} | {c: record.calibration for c, record in records.items()}
        tested = {str(t) for t in plan.evaluated()}
        for target, names in plan.passes(name):
            is_test = str(target) in tested
            guarded = [records[c] for c in names if c != IDENTITY] if plan.must_be_unseen(target) else []
            failures = DomainPass(
                model=model,
                target=target,
                layout=plan.layout(target.dataset),
                calibrations={c: calibrations[c] for c in names},
                folder=shards,
                workers=self.workers,
                batch=plan.settings.batch,
                threads=plan.settings.threads,
                progress=self.progress,
                kernels=self._kernels,
                title=f"{name} on {target}" if is_test else f"{name}: computing thresholds on {target}",
                seen=origins(guarded),
                save=partial(saving, name) if saving.kinds and is_test else None,  # fitting has saved the others
            ).run()
            if failures:
                incomplete.add(str(target))
                lost = "this domain has no results" if is_test else "no threshold is taken from its calibration split"
                found.problems.append(f"{_summary(name, str(target), failures)}; {lost}")
        for target in plan.tests:
            parts = sorted({str(m) for m in target.members()} & incomplete)
            if target.domain.union and parts:
                found.problems.append(f"{name} on {target}: no results, as {' and '.join(parts)} is incomplete")
        self.progress.begin(f"{name}: metrics of all domains and calibrations", 0)
        splits = measure_splits(plan, name, model.labels, shards, incomplete)
        for kept in filter(None, map(splits.with_thresholds, records.values())):
            write_record(self.folder / "calibrations" / name, kept)
        identity = model.fingerprint(), model.file_hashes()
        loaded = [record for record in plan.loaded.get(name, ()) if record.is_of(*identity)]
        thresholds = {**thresholds_of(loaded), **splits.thresholds}
        rows, reliability = measure(plan, name, model.labels, shards, incomplete, thresholds)
        found.rows += rows
        found.reliability += reliability
        found.fits += splits.lines

    def _write(self, found: RunOutputs) -> Results:
        """Results and manifest; an IncompleteError if there were problems."""
        results = Results(tuple(found.rows))
        facts = manifest(self.plan, found.models, self.folder, workers=self.workers, progress=self.progress)
        facts["device_kernels"] = self._kernels.by_device()
        summary = {key: value for key, value in facts.items() if key != "samples"}
        write_text(self.folder / "manifest.json", json.dumps(facts, indent=1))
        write_text(self.folder / "results.json", results.to_json(summary))
        write_text(self.folder / "results.csv", results.to_csv())
        write_text(self.folder / "reliability.csv", "".join([RELIABILITY_HEADER, *found.reliability]))
        write_text(self.folder / "fits.csv", "".join([FITS_HEADER, *found.fits]))
        if find_spec("pyarrow"):
            results.write_parquet(self.folder / "results.parquet")
        if found.problems:
            raise IncompleteError("\n".join(found.problems))
        return results


def _summary(model: str, place: str, failures: Mapping[str, str]) -> str:
    shown = "; ".join(f"{sample}: {problem}" for sample, problem in list(failures.items())[:_SHOWN])
    more = f"; and {len(failures) - _SHOWN} more" if len(failures) > _SHOWN else ""
    return f"{model} on {place}: {len(failures)} samples were not evaluated ({shown}{more})"
