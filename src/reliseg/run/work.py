"""The work of one model in a run, stage by stage: all of it, or some of its units."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from reliseg.errors import ConfigError, count_text
from reliseg.plan.plan import IDENTITY, Fit, Target
from reliseg.plan.shards import Shard
from reliseg.run.check.leakage import reasons_against_images
from reliseg.run.check.preflight import fit_notes
from reliseg.run.context import ModelRun
from reliseg.run.evaluate.coverage import Coverages
from reliseg.run.evaluate.device_kernels import Kernels
from reliseg.run.evaluate.domain_pass import DomainPass
from reliseg.run.failures import Failures
from reliseg.run.fit.fitting import FitOutcome, Fitting
from reliseg.run.survey import refusal_lines, with_outcomes


@dataclass(eq=False)
class ModelWork:
    """A model at work. What cannot be done is told in `problems`, a line each; all else goes on."""

    run: ModelRun
    kernels: Kernels
    problems: list[str] = field(default_factory=list)
    failures: dict[Target, Failures] = field(default_factory=dict)
    """Of the domains that were evaluated."""

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
            self._tell_refusals([fitting.fit_split(fit, {})])
        if not fitting.pending():
            fitting.discard()

    def calibrate(self) -> None:
        """Fit all calibrations, and go on with those that could be fitted."""
        outcomes = Fitting(self.run).fit()
        for outcome in outcomes:
            if outcome.unread:
                lost = "no calibration is fitted on this split"
                self.problems.append(f"{self.run.name} on {outcome.fit.split}: {outcome.unread}; {lost}")
        self._go_on_with(outcomes)

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
        self._go_on_with(outcomes)

    def evaluate(self, only: Collection[Shard] | None = None) -> None:
        """Evaluate the model on all domains, or on some of their shards."""
        run, plan = self.run, self.run.plan
        coverages = Coverages(run)
        for target, names in plan.passes(run.name):
            tested = plan.calibrations_for(target, run.name) if plan.must_be_unseen(target) else []
            records = [run.records[c] for c in tested if c != IDENTITY]
            chosen = None if only is None else [s for s in coverages.of(target).shards if s in only]
            if chosen == []:
                continue
            coverage, reasons = coverages.of(target), reasons_against_images(records)
            failures = DomainPass(coverage, names, self.kernels, reasons, chosen).evaluate()
            if failures:
                self.failures[target] = failures

    def _go_on_with(self, outcomes: Sequence[FitOutcome]) -> None:
        self._tell_refusals(outcomes)
        self.run = with_outcomes(self.run, outcomes)
        for record in self.run.plan.loaded.get(self.run.name, ()):
            for note in [*record.calibration.notes(), *fit_notes(record, self.run.facts)]:
                self.run.progress.note(f"{self.run.name}, {record.name}: {note}")

    def _tell_refusals(self, outcomes: Sequence[FitOutcome]) -> None:
        self.problems += refusal_lines(self.run.name, outcomes)
