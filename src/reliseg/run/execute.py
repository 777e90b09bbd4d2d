"""A whole run: check, fit, evaluate, measure, write."""

import json
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field, replace
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
from reliseg.plan.plan import IDENTITY, Plan, Target
from reliseg.results import Results, Row
from reliseg.run.check.leakage import reasons_against_images
from reliseg.run.check.preflight import check, fit_notes
from reliseg.run.context import ModelRun, RunContext
from reliseg.run.evaluate.device_kernels import Kernels
from reliseg.run.evaluate.domain_pass import DomainPass
from reliseg.run.export import PredictionExport
from reliseg.run.failures import OnError, check_on_error
from reliseg.run.fit.fitting import Fitting
from reliseg.run.folder import RunFolder, check_lengths, check_writable, lock_run_folder
from reliseg.run.hashes import InputHashes
from reliseg.run.manifest import manifest
from reliseg.run.measure.measure import RELIABILITY_HEADER, measure
from reliseg.run.measure.splits import FITS_HEADER, measure_splits, stored_thresholds
from reliseg.runtime.atomic_files import write_text
from reliseg.runtime.numba_cache import announce_compilation
from reliseg.runtime.progress import Progress, Silent, Stage
from reliseg.runtime.regular_files import holds


@dataclass
class RunOutputs:
    """The rows, lines, model facts and problems of a run so far."""

    rows: list[Row] = field(default_factory=list)
    reliability: list[str] = field(default_factory=list)
    fits: list[str] = field(default_factory=list)
    models: dict[str, Any] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Run:
    """A plan and the folder it is carried out in.

    `configuration` is the text that says what the run is: a folder holds one run, and an interrupted one goes on
    where it stopped. `workers` threads decode ahead of the model; they change nothing in the results. `save` are kinds
    of files that are written for each image.
    """

    plan: Plan
    folder: Path
    configuration: str
    workers: int = 2
    save: tuple[str, ...] = ()
    progress: Progress = field(default_factory=Silent)
    verify: bool = False
    """Hash every file again, also those that seem unchanged since they were hashed."""
    on_error: OnError = "stop"
    """Where some images of a domain cannot be evaluated, give it no rows, or those of the other images."""

    def execute(self) -> Results:
        """Do everything, to the written results.

        Raises a UsageError before anything is evaluated where the data or a model is not as it should be, and an
        IncompleteError at the end where samples were not evaluated; what was finished is stored by then.
        """
        if self.workers < 1:
            raise ConfigError(f"workers is {self.workers}; give at least 1")
        check_on_error(self.on_error)
        if self.plan.fits:
            import_module("scipy.linalg")  # only what is loaded by now is limited
        note = partial(self.progress.note, "compiling for this processor: 10 to 30 seconds, only in the first run")
        one_blas_thread = threadpool_limits(1, "blas")  # the last bits of a matrix product depend on its threads
        with announce_compilation(note), one_blas_thread:
            context = self._context
            check_lengths(context.folder, self.plan)
            check_writable(context.folder.path)
            models = check(self.plan, workers=self.workers, progress=self.progress)
            with lock_run_folder(context.folder, self.configuration), closing(context.hashes):
                self.progress.begin("loading the kernels", 0, Stage("load"))
                compile_kernels()
                outputs = RunOutputs()
                for run in self._model_runs(models):
                    outputs.models[run.name] = run.model.provenance()
                    run = self._fit(run, outputs)
                    incomplete = self._evaluate(run, outputs)
                    self._measure(run, incomplete, outputs)
                return self._write(outputs)

    @cached_property
    def _context(self) -> RunContext:
        folder = RunFolder(self.folder)
        export = PredictionExport.of(self.save, folder)
        hashes = InputHashes(folder.hashes, self.verify)
        return RunContext(folder, self.workers, self.progress, hashes, export if export.kinds else None)

    @cached_property
    def _kernels(self) -> Kernels:
        return Kernels(self.progress.note)

    def _model_runs(self, models: dict[str, Model]) -> Iterator[ModelRun]:
        """Yield one model after the other, loaded when its turn comes, but for those that are loaded by now."""
        for source in self.plan.models:
            if source.name not in models:
                self.progress.begin(f"loading {source.name}", 0, Stage("load", source.name))
            model = models.pop(source.name, None) or source.load()
            yield ModelRun(self._context, self.plan, source.name, model)

    def _fit(self, run: ModelRun, outputs: RunOutputs) -> ModelRun:
        """Return the run of a model with its calibrations: those that are loaded, and those that could be fitted."""
        records = {record.name: self._adopt(run, record) for record in run.plan.loaded.get(run.name, ())}
        for outcome in Fitting(run).fit():
            split = outcome.fit.split
            records |= outcome.records
            reasons = dict.fromkeys(outcome.refusals.values())  # several seeds have the same
            outputs.problems += [f"{run.name} on {split}: {r}; no results with this calibration" for r in reasons]
            if outcome.unread:
                lost = "no calibration is fitted on this split"
                outputs.problems.append(f"{run.name} on {split}: {outcome.unread}; {lost}")
        return replace(run, plan=run.plan.without_failed(records), records=records)

    def _adopt(self, run: ModelRun, record: Record) -> Record:
        """Copy a loaded calibration into the run's folder: the run goes on with the same one, or not at all."""
        folder = run.context.folder.records(run.name)
        path = folder / record_file(record.name)
        if path.exists() and not holds(path, encode_record(record)[0].encode()):
            raise ConfigError(f"{path} is another calibration than the one that is loaded now; give another --out")
        write_record(folder, record)
        for note in [*record.calibration.notes(), *fit_notes(record, run.model)]:
            self.progress.note(f"{run.name}, {record.name}: {note}")
        return record

    def _evaluate(self, run: ModelRun, outputs: RunOutputs) -> set[Target]:
        """Evaluate a model on all domains; return those that are incomplete."""
        plan = run.plan
        incomplete = set()
        tests = plan.test_domains()
        calibrations = {IDENTITY: Unchanged()} | {name: record.calibration for name, record in run.records.items()}
        for target, names in plan.passes(run.name):
            tested = plan.calibrations_for(target, run.name) if plan.must_be_unseen(target) else []
            records = [run.records[c] for c in tested if c != IDENTITY]
            failures = DomainPass(
                run, target, {c: calibrations[c] for c in names}, self._kernels, reasons_against_images(records)
            ).evaluate()
            if failures:
                incomplete.add(target)
                is_test = target in tests
                loss = "this domain has no results" if is_test else "this split gives no threshold"
                outputs.problems.append(f"{run.name} on {target}: {failures}; {loss}")
        for reported in plan.reported():
            parts = sorted(str(m) for m in reported.members() if m in incomplete)
            if parts and parts != [str(reported)]:
                reason = f"{' and '.join(parts)} is incomplete"
                outputs.problems.append(f"{run.name} on {reported}: no results, because {reason}")
        return incomplete

    def _measure(self, run: ModelRun, incomplete: set[Target], outputs: RunOutputs) -> None:
        """Compute the rows of one model, and store the thresholds of its calibration splits."""
        title = f"{run.name}: metrics of all domains and calibrations"
        self.progress.begin(title, 0, Stage("measure", run.name))
        splits = measure_splits(run, incomplete)
        for record in filter(None, map(splits.with_thresholds, run.records.values())):
            write_record(run.context.folder.records(run.name), record)
        identity = run.model.fingerprint(), run.model.file_hashes()
        own_records = [record for record in run.plan.loaded.get(run.name, ()) if record.is_of(*identity)]
        thresholds = {**stored_thresholds(own_records), **splits.thresholds}
        rows, reliability = measure(run, incomplete, thresholds)
        outputs.rows += rows
        outputs.reliability += reliability
        outputs.fits += splits.lines

    def _write(self, outputs: RunOutputs) -> Results:
        """Write results and manifest; raise an IncompleteError if there were problems."""
        folder = self._context.folder
        results = Results(tuple(outputs.rows))
        facts = manifest(self._context, self.plan, outputs.models)
        facts["device_kernels"] = self._kernels.by_device()
        summary = {key: value for key, value in facts.items() if key != "samples"}
        write_text(folder.manifest, json.dumps(facts, indent=1))
        write_text(folder.results("json"), results.to_json(summary))
        write_text(folder.results("csv"), results.to_csv())
        write_text(folder.reliability, "".join([RELIABILITY_HEADER, *outputs.reliability]))
        write_text(folder.fits, "".join([FITS_HEADER, *outputs.fits]))
        if find_spec("pyarrow"):
            results.write_parquet(folder.results("parquet"))
        if outputs.problems:
            raise IncompleteError(*outputs.problems)
        return results
