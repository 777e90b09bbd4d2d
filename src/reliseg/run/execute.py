"""A whole run: look at what is stored, check what must be done, fit, evaluate, measure, write."""

import hashlib
import json
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from functools import cache, cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeAlias

from reliseg.errors import ConfigError, IncompleteError, count_text, shortlist
from reliseg.plan.plan import Plan, Target
from reliseg.results import Results
from reliseg.run.conclude import Conclusion
from reliseg.run.context import CHECKPOINT, ModelRun, RunContext
from reliseg.run.depot.base import Depot, LocalDepot
from reliseg.run.evaluate.coverage import Seen
from reliseg.run.export import PredictionExport
from reliseg.run.failures import Failures, OnError, check_on_error
from reliseg.run.folder import RunFolder, check_lengths, check_writable, hold_run_folder, look_at_run
from reliseg.run.hashes import InputHashes
from reliseg.run.status import Watch
from reliseg.run.store.answers import Answers
from reliseg.run.store.model_memory import ModelHandle
from reliseg.run.survey import Survey, survey
from reliseg.runtime.process.garbage import no_collection
from reliseg.runtime.progress import Kind, Progress, Silent, Stage

if TYPE_CHECKING:
    from reliseg.run.evaluate.device_kernels import Kernels
    from reliseg.run.work import ModelWork

_REASONS = 3


class Worked(Protocol):
    """What came of a model at work, wherever that was."""

    run: ModelRun
    problems: list[str]
    failures: dict[Target, Failures]


Engine: TypeAlias = "Callable[[Run, Sequence[Survey]], Iterable[Worked]]"
"""Does the work of models of a run; returns what came of each, in their order."""


@dataclass(frozen=True)
class Run:
    """A plan and the folder that it is a question to.

    `configuration` is the text that says what is asked. What is stored is used, however it came there, and what is
    missing is computed. `workers` threads decode ahead of the model; they change nothing in the results. `save` are
    kinds of files that are written for each image.
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
    checkpoint: float = CHECKPOINT
    """Seconds after which the samples of an unfinished shard are stored."""
    engine: "Engine | None" = None
    """Who does the work; None is this process."""
    depot: Depot = field(default_factory=LocalDepot)
    """Where others find the files of the folder."""
    pictures: int | None = None
    """Of how many of the worst images of each model and domain pictures are made; None: of none."""

    def execute(self) -> Results:
        """Do everything, to the written results.

        Raises a UsageError before anything is evaluated where the data or a model is not as it should be, and an
        IncompleteError at the end where samples were not evaluated; what was finished is stored by then.
        """
        self.check_options()
        folder = self.context.folder
        handles = [self.context.handle(source) for source in self.plan.models]
        is_new = not folder.config.exists()
        if is_new:
            self._check(handles)  # before a folder is made
        with hold_run_folder(folder, self.depot), closing(self.context.hashes), self.watch:
            for handle in handles:
                handle.load_if_untold()
            before = self.survey(handles)
            self._tell(before)
            total: dict[Kind, int] = {"evaluate": sum(s.total for s in before)}
            self.watch.plan(total, total, {"evaluate": sum(s.stored for s in before)})
            for found in (s for s in before if s.run is not None and not s.unfitted):
                found.discard_samples(self.context, self.plan)  # of a run that was killed when it had fitted all
            busy = [s for s in before if s.has_work]
            if busy and not is_new:
                self._check([s.handle for s in busy], before)
            self.ask()
            for handle in handles:
                handle.remember()
            if not busy and (results := self.conclusion.earlier(before)) is not None:
                self.watch.note("nothing has changed: the results are those that lie there")
                if self.pictures is not None:
                    self.fill_album(before)
                return results
            return self._carry_out(before)

    def check_options(self) -> None:
        """Raise a ConfigError where this cannot be a run, or its folder cannot be one."""
        if self.workers < 1:
            raise ConfigError(f"workers is {self.workers}; give at least 1")
        check_on_error(self.on_error)
        check_lengths(self.context.folder, self.plan, self.export.longest_ending)
        check_writable(self.context.folder.path)
        look_at_run(self.context.folder, self.depot)

    def ask(self) -> None:
        """Make the configuration the one that is asked last."""
        self.context.folder.claim(self.configuration)
        self.depot.put(self.context.folder.config)
        Answers(self.context.folder.configurations, self.depot).keep(self.configuration)

    @cached_property
    def context(self) -> RunContext:
        """What all models share."""
        folder = RunFolder(self.folder)
        hashes = InputHashes(folder.hashes, self.verify)
        exporter = self.export if self.export.kinds else None
        return RunContext(folder, self.workers, self.watch, hashes, exporter, self.checkpoint, self.depot)

    @cached_property
    def export(self) -> PredictionExport:
        """What writes files of each image."""
        return PredictionExport.of(self.save, RunFolder(self.folder), self.depot, self.plan.calibration_names())

    @cached_property
    def watch(self) -> Watch:
        """Who is told of the progress: also those who look at the folder, while it is held."""
        return Watch(self.folder, self.progress, _digest(self.plan), self.depot)

    @cached_property
    def conclusion(self) -> Conclusion:
        """What makes results of what is stored."""
        return Conclusion(self.context, self.plan, self.configuration, self.on_error)

    @cached_property
    def kernels(self) -> "Kernels":
        """What counts; each device's is tried once."""
        from reliseg.run.evaluate.device_kernels import Kernels

        return Kernels(self.watch.note)

    def with_pictures(self, surveys: Sequence[Survey], conclude: Callable[[], Results]) -> Results:
        """Return the results that `conclude` writes; before, see to the pictures of what was measured.

        An IncompleteError goes on after that: what is there can be looked at.
        """
        try:
            results = conclude()
        except IncompleteError:
            self.fill_album(surveys)
            raise
        self.fill_album(surveys)
        return results

    def fill_album(self, surveys: Sequence[Survey]) -> None:
        """Make pictures, if they are asked for; and let those be forgotten that are there and show something else."""
        from reliseg.run.pictures.album import Album  # what predicts takes a second to import

        Album(self.context, self.pictures).fill([found.run for found in surveys if found.run is not None])

    @no_collection()
    def survey(self, handles: Sequence[ModelHandle]) -> list[Survey]:
        """Return what is stored of these models."""
        before, seen = cache(Answers(self.context.folder.configurations).latest), Seen()
        return [survey(self.context, self.plan, handle, before, seen) for handle in handles]

    def _tell(self, surveys: Sequence[Survey]) -> None:
        """Say what is stored, and why other things that are stored cannot be used."""
        stored, total = sum(s.stored for s in surveys), sum(s.total for s in surveys)
        if stored:
            self.watch.note(f"{stored} of {count_text(total, 'shard')} are stored")
        elif stale := self.context.store.of_another_version():
            self.watch.note(f"{stale}: images are evaluated again; reliseg prune removes the old files")
        changes = [change for s in surveys for change in s.changes]
        if changes:
            self.watch.note(shortlist(changes, _REASONS, separator="; "))
        if stored and self.save:
            self.watch.note("--save writes nothing for what was evaluated before; use another --out to save all")

    def _check(self, handles: Sequence[ModelHandle], surveys: Sequence[Survey] = ()) -> None:
        """Look at the files and models that are needed; a single model stays loaded."""
        from reliseg.run.check.preflight import Scope, check  # what looks at images takes long to import, numba too
        from reliseg.runtime.numba_cache import check_compiler

        check_compiler()
        names = {handle.name for handle in handles}
        targets = None if not surveys else {t for s in surveys if s.has_work for t in s.targets}
        others = [s.handle.facts.labels for s in surveys if s.handle.name not in names]
        scope = Scope(names, targets, tuple(others), self.on_error == "skip")
        models = check(self.plan, workers=self.workers, progress=self.watch, scope=scope)
        for handle in handles:
            if handle.name in models:
                handle.use(models[handle.name])

    def _carry_out(self, surveys: Sequence[Survey]) -> Results:
        """Compute what is missing, model by model; then measure."""
        runs, problems, failures = [], [], {}
        busy = [found for found in surveys if found.has_work]
        worked = iter(self.engine(self, busy)) if self.engine and busy else (self._at_work(s.handle) for s in busy)
        for found in surveys:
            run = found.run
            if found.has_work:
                work = next(worked)
                run, failures[run.name] = work.run, work.failures
                problems += work.problems
            elif run is not None:
                problems += found.refusals
            if run is not None:
                runs.append(run)
                run.handle.let_go()
        now = self.survey([run.handle for run in runs])
        return self.with_pictures(now, lambda: self.conclusion.write(runs, now, problems, failures))

    def _at_work(self, handle: ModelHandle) -> "ModelWork":
        """Fit and evaluate a model."""
        from reliseg.run.work import ModelWork, ready_to_compute  # what predicts and counts takes a second to import

        with ready_to_compute(self.plan, self.watch):
            if not handle.is_loaded:
                self.watch.begin(f"loading {handle.name}", 0, Stage("load", handle.name))
            work = ModelWork(ModelRun(self.context, self.plan, handle), self.kernels)
            work.calibrate()
            work.evaluate()
        return work


def _digest(plan: Plan) -> str:
    """Return what is equal for all processes that carry out the same plan, wherever and on whichever device."""
    asked = [
        [source.name, str(target), len(target.domain.samples), names]
        for source in plan.models
        for target, names in plan.passes(source.name)
    ]
    return hashlib.sha256(json.dumps(asked).encode()).hexdigest()[:16]
