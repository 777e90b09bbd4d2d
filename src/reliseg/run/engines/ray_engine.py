"""The engine that has a cluster of Ray carry out the units of a run."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import ModuleType

from reliseg.errors import ConfigError, count_text
from reliseg.plan.parts import STAGES, Unit, units
from reliseg.plan.plan import Target
from reliseg.run.context import ModelRun
from reliseg.run.engines.plan_worker import UnitOutcome, WorkerOfRun, unit_name
from reliseg.run.engines.ray_cluster import ray_cluster
from reliseg.run.engines.ray_pool import ActorSettings, RayPool
from reliseg.run.engines.tasks import Task
from reliseg.run.evaluate.coverage import Coverages
from reliseg.run.execute import Run
from reliseg.run.failures import Failures
from reliseg.run.fit.fitting import FitOutcome, Fitting
from reliseg.run.survey import Survey, refusal_lines, with_outcomes
from reliseg.runtime.progress import Stage


@dataclass(frozen=True)
class RayEngine:
    """Ray's actors do the work, one for each loaded model or several; this process gives it out and measures."""

    address: str | None = None
    """Of a cluster; None starts one on this machine, if RAY_ADDRESS names none."""
    gpus_per_model: float | None = None
    """None is 1 where the models compute on GPUs, or may and there are any."""
    actors: int | None = None
    """How many there are at once; None is as many as the cluster has room for."""

    def __call__(self, run: Run, surveys: Sequence[Survey]) -> Iterable["CollectedWork"]:
        """Yield what came of each model, when all is done."""
        self._check_device(run.plan.settings.device)
        worked = {found.handle.name: CollectedWork(ModelRun(run.context, run.plan, found.handle)) for found in surveys}
        tasks = tasks_of(run, surveys)
        make = WorkerOfRun.of(run, {name: work.run.facts for name, work in worked.items()})
        threads = run.plan.settings.threads
        for work in worked.values():
            work.run.handle.let_go()
        with ray_cluster(self.address, threads * (self.actors or 1)) as ray:
            settings = ActorSettings(make, threads, self._gpus(ray, run.plan.settings.device))
            pool = RayPool(ray, settings, run.watch, self.actors)
            title = f"{count_text(len(worked), 'model')} on workers of Ray"
            run.watch.begin(title, sum(task.images for task in tasks), Stage("evaluate"))
            told: set[str] = set()
            for task, outcome in pool.carry_out(tasks):
                run.watch.advance(task.images)
                if STAGES[task.stage] == "evaluate":
                    run.watch.end_shard(sum(len(failures.problems) for failures in outcome.failures.values()))
                for line in outcome.notes:
                    if line not in told:
                        run.watch.note(line)
                told.update(outcome.notes)
                worked[task.model].add(outcome)
        run.depot.look_again()
        for work in worked.values():
            work.conclude()
            yield work

    def _check_device(self, device: str) -> None:
        if device.startswith("cuda:") and device != "cuda:0":
            raise ConfigError(
                f"device {device}: with --engine ray each worker sees its own GPUs alone; give --device cuda"
            )

    def _gpus(self, ray: ModuleType, device: str) -> float:
        if self.gpus_per_model is not None:
            return self.gpus_per_model
        if device == "auto":
            return 1.0 if ray.cluster_resources().get("GPU", 0) else 0.0
        return 0.0 if device == "cpu" else 1.0


@dataclass
class CollectedWork:
    """What came of a model at work elsewhere: the same facts as of one that worked here."""

    run: ModelRun
    problems: list[str] = field(default_factory=list)
    failures: dict[Target, Failures] = field(default_factory=dict)
    _unread: dict[str, Failures] = field(default_factory=dict)
    _failed: dict[str, Failures] = field(default_factory=dict)

    def add(self, outcome: UnitOutcome) -> None:
        """Add what came of a unit."""
        for total, new in ((self._unread, outcome.unread), (self._failed, outcome.failures)):
            for target, failures in new.items():
                total[target] = total.get(target, Failures()) + failures

    def conclude(self) -> None:
        """Go on with the calibrations that are stored by now, and say why others are not."""
        fitting, outcomes = Fitting(self.run), []
        for fit in self.run.plan.fits:
            unread = sum((self._unread.get(str(member), Failures()) for member in fit.members()), Failures())
            outcome = fitting.stored(fit)
            if outcome is None and not unread:
                raise ConfigError(f"{self.run.name}: what was fitted on {fit.split} is gone; start the command again")
            outcomes.append(outcome or FitOutcome(fit, {}, unread=unread))
            if outcome is None:
                lost = "no calibration is fitted on this split"
                self.problems.append(f"{self.run.name} on {fit.split}: {unread}; {lost}")
        self.problems += refusal_lines(self.run.name, outcomes)
        self.failures = {t: self._failed[str(t)] for t in self.run.plan.domains() if str(t) in self._failed}
        self.run = with_outcomes(self.run, outcomes)


def tasks_of(run: Run, surveys: Sequence[Survey]) -> list[Task]:
    """Return what is to be done for these models, stage by stage; shards that are known to be stored are left out.

    What is measured then is measured by who gives out the work.
    """
    tasks = []
    by_name = {found.handle.name: found for found in surveys}
    lacking: Mapping[str, Lacking] = {name: Lacking(found) for name, found in by_name.items()}
    for place, stage in enumerate(STAGES[: STAGES.index("measure")]):
        for number, unit in enumerate(units(run.plan, stage)):
            if unit.model in lacking and lacking[unit.model].of(place, unit):
                images = unit.images if unit.shard else 0
                tasks.append(Task(unit.model, place, number, unit_name(unit), images))
    return tasks


class Lacking:
    """Tells which units of a model are not known to be stored."""

    def __init__(self, found: Survey) -> None:
        self._found = found
        self._coverages = Coverages(found.run) if found.run else None
        self._passes = dict(found.run.plan.passes(found.run.name)) if found.run else {}

    def of(self, stage: int, unit: Unit) -> bool:
        """Tell if a unit is to be done."""
        if stage == STAGES.index("sample"):
            return unit.target in self._found.unfitted
        if unit.fit:
            return any(member in self._found.unfitted for member in unit.fit.members())
        if self._coverages is None or unit.target is None or unit.shard is None:
            return True  # calibrations that are not fitted yet cannot be looked for
        coverage = self._coverages.of(unit.target)
        return any(coverage.of(unit.shard, name).cover.missing for name in self._passes[unit.target])
