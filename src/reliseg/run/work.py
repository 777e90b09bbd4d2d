"""The work of one model in a run, stage by stage: all of it, or some of its units."""

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from importlib import import_module

from threadpoolctl import threadpool_limits

from reliseg.errors import ConfigError, count_text
from reliseg.kernels.cpu.kernel import compile_kernels
from reliseg.plan.parts import Stage, Unit
from reliseg.plan.plan import Fit, Plan, Target
from reliseg.plan.shards import Shard
from reliseg.run.check.preflight import fit_notes
from reliseg.run.context import ModelRun
from reliseg.run.evaluate.coverage import Coverages
from reliseg.run.evaluate.device_kernels import Kernels
from reliseg.run.evaluate.domain_pass import DomainPass
from reliseg.run.failures import Failures
from reliseg.run.fit.fitting import FitOutcome, Fitting
from reliseg.run.survey import refusal_lines, with_outcomes
from reliseg.runtime.numba_cache import announce_compilation
from reliseg.runtime.progress import Progress
from reliseg.runtime.progress import Stage as ProgressStage


@contextmanager
def ready_to_compute(plan: Plan, progress: Progress) -> Iterator[None]:
    """Have kernels compiled, and bits that do not depend on how many threads a matrix product takes."""
    if plan.fits:
        import_module("scipy.linalg")  # only what is loaded by now is limited
    note = partial(progress.note, "compiling for this processor: 10 to 30 seconds, only in the first run")
    with announce_compilation(note), threadpool_limits(1, "blas"):
        progress.begin("loading the kernels", 0, ProgressStage("load"))
        compile_kernels()
        yield


@dataclass(eq=False)
class ModelWork:
    """A model at work. What cannot be done is told in `problems`, a line each; all else goes on."""

    run: ModelRun
    kernels: Kernels
    problems: list[str] = field(default_factory=list)
    failures: dict[Target, Failures] = field(default_factory=dict)
    """Of the domains that were evaluated."""

    def carry_out(self, stage: Stage, units: Sequence[Unit]) -> None:
        """Do some units of a stage, of this model; a ConfigError names a stage before it that is not finished."""
        shards = [unit.shard for unit in units if unit.shard is not None]
        if stage == "sample":
            self.sample(shards)
        elif stage == "fit":
            self.fit([unit.fit for unit in units if unit.fit is not None])
        else:
            self.use_stored_calibrations()
            self.evaluate(shards)

    def failure_lines(self) -> list[str]:
        """Return a line for each domain with samples that could not be evaluated."""
        return [f"{self.run.name} on {target}: {failures}" for target, failures in self.failures.items()]

    def sample(self, only: Collection[Shard] | None = None) -> None:
        """Store what fits are to read, of these shards or of all."""
        for target, unread in Fitting(self.run).collect(only).items():
            if unread:
                self.problems.append(f"{self.run.name} on {target}: {unread}; no calibration is fitted on this split")

    def fit(self, only: Sequence[Fit]) -> None:
        """Fit calibrations on what is sampled; a ConfigError names what is not."""
        fitting = Fitting(self.run)
        for fit in only:
            if fitting.stored(fit) is None and (lacking := fitting.unsampled(fit)):
                raise ConfigError(
                    f"{self.run.name}: {count_text(len(lacking), 'shard')} of {fit.split} "
                    f"{'is' if len(lacking) == 1 else 'are'} not sampled; run --stage sample first"
                )
            self.run.progress.begin(f"{self.run.name}: {fit.split}", 0, ProgressStage("fit", self.run.name, fit.split))
            self._tell_refusals([fitting.fit_split(fit, {})])
            self.run.progress.end_shard()
        if len(only) < len(self.run.plan.fits):
            self.run.context.depot.look_again()  # other parts may be at work on the others
        if not fitting.pending():
            fitting.discard()

    def calibrate(self) -> None:
        """Fit all calibrations, and go on with those that could be fitted."""
        outcomes = Fitting(self.run).fit()
        for outcome in outcomes:
            if outcome.unread:
                lost = "no calibration is fitted on this split"
                self.problems.append(f"{self.run.name} on {outcome.fit.split}: {outcome.unread}; {lost}")
        self.go_on_with(outcomes)

    def use_stored_calibrations(self) -> None:
        """Go on with the calibrations that are stored; a ConfigError where one is missing."""
        fitting = Fitting(self.run)
        outcomes = []
        for fit in self.run.plan.fits:
            outcome = fitting.stored(fit)
            if outcome is None:
                raise ConfigError(
                    f"{self.run.name}: the calibrations on {fit.split} are not fitted; run --stage fit first"
                )
            outcomes.append(outcome)
        self.go_on_with(outcomes)

    def evaluate(self, only: Collection[Shard] | None = None) -> None:
        """Evaluate the model on all domains, or on some of their shards."""
        run, plan = self.run, self.run.plan
        coverages = Coverages(run)
        for target, names in plan.passes(run.name):
            chosen = None if only is None else [s for s in coverages.of(target).shards if s in only]
            if chosen == []:
                continue
            failures = DomainPass(coverages.of(target), names, self.kernels, chosen).evaluate()
            if failures:
                self.failures[target] = failures

    def go_on_with(self, outcomes: Sequence[FitOutcome]) -> None:
        """Go on with what came of fits."""
        self._tell_refusals(outcomes)
        self.run = with_outcomes(self.run, outcomes)
        for record in self.run.plan.loaded.get(self.run.name, ()):
            for note in [*record.calibration.notes(), *fit_notes(record, self.run.facts)]:
                self.run.progress.note(f"{self.run.name}, {record.name}: {note}")

    def _tell_refusals(self, outcomes: Sequence[FitOutcome]) -> None:
        self.problems += refusal_lines(self.run.name, outcomes)
