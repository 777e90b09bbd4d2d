"""A worker of a run: it has read the configuration and loaded one model, and carries out units of the plan."""

from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from reliseg.config.schema import parse_config
from reliseg.config.yaml_files import parse_yaml
from reliseg.errors import ConfigError, shortlist
from reliseg.plan.build import plan_from_config
from reliseg.plan.parts import STAGES, Unit, units
from reliseg.plan.plan import Fit
from reliseg.run.context import ModelRun
from reliseg.run.depot.open import open_depot
from reliseg.run.engines.tasks import Task
from reliseg.run.execute import Run
from reliseg.run.failures import Failures
from reliseg.run.fit.fitting import Fitting
from reliseg.run.folder import RunFolder, look_at_run
from reliseg.run.predict.model_facts import ModelFacts
from reliseg.run.work import ModelWork, ready_to_compute
from reliseg.runtime.progress import Silent

_NAMES = ("labels", "where", "files")
"""Facts that say what things are called: no part of an identity."""


@dataclass(frozen=True)
class UnitOutcome:
    """What a run is to know of a unit: what else came of it is stored."""

    notes: tuple[str, ...] = ()
    unread: Mapping[str, Failures] = field(default_factory=dict)
    """Samples of calibration splits that could not be read, by domain."""
    failures: Mapping[str, Failures] = field(default_factory=dict)
    """Samples that could not be evaluated, by domain."""


@dataclass(frozen=True)
class WorkerOfRun:
    """Makes the workers of a run, in processes that have nothing but this and the same files."""

    configuration: str
    out: str
    """The folder of the run, or its address."""
    workers: int
    save: tuple[str, ...]
    verify: bool
    checkpoint: float
    facts: Mapping[str, ModelFacts]
    """Of each model, as it is where the results are made."""

    @classmethod
    def of(cls, run: Run, facts: Mapping[str, ModelFacts]) -> "WorkerOfRun":
        """Return what makes the workers of this run."""
        out = run.depot.name(run.folder.absolute())
        return cls(run.configuration, out, run.workers, run.save, run.verify, run.checkpoint, facts)

    def __call__(self, model: str) -> "PlanWorker":
        """Return a worker with its model loaded. A ConfigError where files or devices are not those of the run."""
        folder, depot = open_depot(self.out)
        look_at_run(RunFolder(folder), depot)
        if not (folder / "config.yaml").exists():
            raise ConfigError(f"{self.out} is not there for a worker; give an --out that all nodes share")
        config = parse_config(parse_yaml(self.configuration), where="the configuration of the run")
        plan = plan_from_config(config, Path())
        notes = Notes()
        run = Run(
            plan,
            folder,
            self.configuration,
            self.workers,
            self.save,
            notes,
            self.verify,
            checkpoint=self.checkpoint,
            depot=depot,
        )
        with ExitStack() as stack:
            stack.enter_context(ready_to_compute(plan, notes))
            (source,) = (source for source in plan.models if source.name == model)
            handle = run.context.handle(source, source.load())
            _check_same(model, ModelFacts.of(handle.model), self.facts[model])
            work = ModelWork(ModelRun(run.context, plan, handle), run.kernels)
            return PlanWorker(work, notes, stack.pop_all())


class Notes(Silent):
    """Keeps lines until they are sent, each once."""

    def __init__(self) -> None:
        self._lines: dict[str, bool] = {}
        """Whether each was taken."""

    def note(self, text: str) -> None:
        """Keep a line."""
        self._lines.setdefault(text, False)

    def take(self) -> tuple[str, ...]:
        """Return the lines that are new."""
        new = tuple(line for line, taken in self._lines.items() if not taken)
        self._lines.update(dict.fromkeys(new, True))
        return new


class PlanWorker:
    """A model at work on units of a plan; `settings` of its process hold until it is closed."""

    def __init__(self, work: ModelWork, notes: Notes, settings: ExitStack) -> None:
        self._work = work
        self._settings = settings
        self._notes = notes
        self._fitting = Fitting(work.run)
        self._units: dict[int, list[Unit]] = {}
        self._is_calibrated = False
        self._stage = 0

    def carry_out(self, task: Task) -> UnitOutcome:
        """Carry out a unit, but for what is stored of it."""
        unit = self._unit(task)
        if task.stage != self._stage:
            self._work.run.context.depot.look_again()  # the stage before is finished, by all workers
            self._stage = task.stage
        unread: dict[str, Failures] = {}
        self._work.failures.clear()
        if task.stage == STAGES.index("sample") and unit.shard:
            unread = {str(t): failures for t, failures in self._fitting.collect([unit.shard]).items() if failures}
        elif unit.fit:
            self._fit(unit.fit)
        elif unit.shard:
            self._calibrate()
            self._work.evaluate([unit.shard])
        self._work.run.context.hashes.flush()
        return UnitOutcome(self._notes.take(), unread, {str(t): f for t, f in self._work.failures.items()})

    def close(self) -> None:
        """Put the settings of the process back."""
        self._settings.close()

    def _unit(self, task: Task) -> Unit:
        """Return the unit of a task. A ConfigError where it is another one here: files were added since."""
        stage = STAGES[task.stage]
        found = self._units.setdefault(task.stage, units(self._work.run.plan, stage))
        if task.number < len(found) and unit_name(found[task.number]) == task.name:
            return found[task.number]
        raise ConfigError(f"{task.name}: a worker does not find the same samples; are its data sets those of the run?")

    def _fit(self, fit: Fit) -> None:
        """Fit what can be: where a sample could not be read, the run knows that by now."""
        if self._fitting.stored(fit) is None and not self._fitting.unsampled(fit):
            self._work.fit([fit])

    def _calibrate(self) -> None:
        if not self._is_calibrated:
            stored = map(self._fitting.stored, self._work.run.plan.fits)
            self._work.go_on_with([outcome for outcome in stored if outcome is not None])
            self._is_calibrated = True


def unit_name(unit: Unit) -> str:
    """Return what messages call a unit; it tells units of one stage apart."""
    if unit.fit:
        return f"{unit.model}: the fit on {unit.fit.split}, {'+'.join(unit.fit.methods)}"
    shard = unit.shard
    return f"{unit.model} on {unit.target}, {shard.scene} ({shard.name})" if shard else unit.model


def _check_same(model: str, here: ModelFacts, there: ModelFacts) -> None:
    """Raise a ConfigError where the model is another one than where the results are made: nothing would be found."""
    if here.fingerprint == there.fingerprint:
        return
    facts = {key: (value, there.provenance.get(key)) for key, value in here.provenance.items() if key not in _NAMES}
    differing = [f"{key} is {mine} and not {other}" for key, (mine, other) in facts.items() if mine != other]
    raise ConfigError(
        f"model {model} is another one for a worker than for the process that gives out the work "
        f"({shortlist(differing) or 'its files differ'}); start the command on a machine like those of the workers"
    )
