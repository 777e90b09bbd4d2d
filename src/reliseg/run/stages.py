"""A stage of a run by itself, or a part of one: for many processes that work on one run, here or on other machines."""

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, replace

from reliseg.errors import ConfigError, IncompleteError
from reliseg.plan.parts import Part, Stage, Unit, part_of, units
from reliseg.plan.plan import ModelSource
from reliseg.results import Results
from reliseg.run.context import ModelRun
from reliseg.run.execute import Run
from reliseg.run.folder import hold_run_folder
from reliseg.run.survey import Survey


@dataclass(frozen=True)
class PartOfRun:
    """Some units of one stage of a run: its processes need each other's files alone, and may be ended at any time."""

    run: Run
    stage: Stage
    part: Part

    def execute(self) -> None:
        """Do what is not stored of this part. A ConfigError names a stage before it that is not finished.

        An IncompleteError where samples could not be evaluated; what was finished is stored by then.
        """
        run = self.run
        run.check_options()
        every = units(run.plan, self.stage)
        mine = part_of(every, self.part)
        if not mine:
            run.progress.note(f"nothing is left for part {self.part}")
            return
        per = f" per {self.part.per}" if self.part.per else ""
        watch = run.watch.doing(f"{self.stage} {self.part}{per}")
        watch.plan({self.stage: len(every)}, {self.stage: len(mine)})
        work = self._measure if self.stage == "measure" else self._predict
        with hold_run_folder(run.context.folder, run.depot, shared=True), closing(run.context.hashes), watch:
            run.ask()
            problems: list[str] = []
            for name in dict.fromkeys(unit.model for unit in mine):
                problems += work(name, [unit for unit in mine if unit.model == name])
        if problems:
            raise IncompleteError(*problems)

    def _predict(self, name: str, mine: Sequence[Unit]) -> list[str]:
        """Do the units of one model, which must be loaded; return what could not be done."""
        from reliseg.run.check.preflight import Scope, check
        from reliseg.run.work import ModelWork, ready_to_compute

        run = self.run
        models = check(run.plan, workers=run.workers, progress=run.watch, scope=Scope({name}, ()))
        handle = run.context.handle(self._source(name), models.get(name))
        handle.remember()
        with ready_to_compute(run.plan, run.watch):
            work = ModelWork(ModelRun(run.context, run.plan, handle), run.kernels)
            work.carry_out(self.stage, mine)
        handle.let_go()
        return [*work.problems, *work.failure_lines()]

    def _measure(self, name: str, mine: Sequence[Unit]) -> list[str]:
        """Measure one model, and keep what is found. What could not be evaluated is told with the results."""
        handle = self.run.context.handle(self._source(name))
        handle.load_if_unknown()
        (found,) = self.run.survey([handle])
        wanted = {(unit.reported, name) for unit in mine for name in unit.calibrations if unit.reported}
        replace(self.run.conclusion, all_tried=False).keep(_fitted(found), wanted)
        return []

    def _source(self, name: str) -> ModelSource:
        return next(source for source in self.run.plan.models if source.name == name)


def conclude(run: Run, *, with_models: bool = False) -> Results:
    """Write the results of what is stored; a ConfigError names what is missing.

    No network is loaded, but, if `with_models` says so, for those models that the folder does not know. An
    IncompleteError where samples could not be evaluated.
    """
    run.check_options()
    place = run.depot.name(run.folder)
    if not run.context.folder.config.exists():
        raise ConfigError(f"{place} holds no run; run reliseg run first, or give the folder of a run")
    with hold_run_folder(run.context.folder, run.depot), closing(run.context.hashes), run.watch.doing("measure"):
        handles = [run.context.handle(source) for source in run.plan.models]
        for handle in handles if not with_models else ():
            handle.recall()
            if handle.known() is None:
                raise ConfigError(
                    f"model {handle.name}: {place} knows nothing of it, or its files have changed; "
                    "evaluate it with reliseg run first"
                )
        for handle in handles if with_models else ():
            handle.load_if_unknown()
        surveys = run.survey(handles)
        runs = [_fitted(found) for found in surveys]
        run.ask()
        conclusion = replace(run.conclusion, all_tried=False)
        earlier = conclusion.earlier(surveys)
        if earlier is not None:
            if run.pictures is not None:
                run.fill_album(surveys)
            return earlier
        refusals = [line for found in surveys for line in found.refusals]
        return run.with_pictures(surveys, lambda: conclusion.write(runs, surveys, refusals))


def _fitted(found: Survey) -> ModelRun:
    """Return the run of a model with its calibrations; a ConfigError where some are not fitted."""
    if found.run is None:
        splits = " and ".join(dict.fromkeys(map(str, found.unfitted)))
        raise ConfigError(
            f"{found.handle.name}: calibrations on {splits} are not fitted; run --stage sample and --stage fit first"
        )
    return found.run
