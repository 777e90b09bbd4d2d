"""What is stored of a plan, before anything is done: the models that have work, and how much of it."""

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from reliseg.calibration.records.record import Record
from reliseg.plan.plan import Plan, Target
from reliseg.run.context import ModelRun, RunContext
from reliseg.run.evaluate.coverage import Coverages, Seen
from reliseg.run.fit.fitting import FitOutcome, Fitting
from reliseg.run.store.answers import CALIBRATION, Answer, changed_parts
from reliseg.run.store.model_memory import ModelHandle


@dataclass(eq=False)
class Survey:
    """What is stored of one model, shard by shard: a shard counts where all its calibrations are complete."""

    handle: ModelHandle
    run: ModelRun | None = None
    """With its calibrations, if all of them are stored and the model is known."""
    total: int = 0
    stored: int = 0
    missing: dict[Target, int] = field(default_factory=dict)
    """The shards that are not stored, by domain."""
    unfitted: list[Target] = field(default_factory=list)
    """The domains of fits that are not stored."""
    parts: dict[str, dict[str, str]] = field(default_factory=dict)
    """What determines the statistics of each domain."""
    fitted: list[str] = field(default_factory=list)
    """The folders of calibrations that are used, likewise."""
    refusals: list[str] = field(default_factory=list)
    """Calibrations that could not be fitted, a line each."""
    pieces: list[str] = field(default_factory=list)
    """The files that are used, from the folder of the run."""
    changes: list[str] = field(default_factory=list)
    """What determines statistics and is another than when they were stored, a line for each domain."""

    @property
    def has_work(self) -> bool:
        """True if the model must predict."""
        return self.run is None or bool(self.missing)

    def discard_samples(self, context: RunContext, plan: Plan) -> None:
        """Delete what the calibrations of a known model were fitted on."""
        Fitting(ModelRun(context, plan, self.handle)).discard()

    @property
    def targets(self) -> list[Target]:
        """The domains that the model must predict."""
        return list(dict.fromkeys([*self.unfitted, *self.missing]))


def survey(
    context: RunContext,
    plan: Plan,
    handle: ModelHandle,
    before: Callable[[], Sequence[Answer]] = tuple,
    seen: Seen | None = None,
) -> Survey:
    """Return what is stored of a model.

    `before` gives earlier answers, the latest first, which tell what has changed: it is called if something is missing.
    `seen` is shared by models that are looked at one after the other.
    """
    found = Survey(handle)
    if handle.known() is None:
        for target, _ in plan.passes(handle.name):
            found.missing[target] = len(Coverages(ModelRun(context, plan, handle), seen).of(target).shards)
        found.total = sum(found.missing.values())
        found.unfitted = [member for fit in plan.fits for member in fit.members()]
        return found
    bare = ModelRun(context, plan, handle)
    fitting = Fitting(bare)
    outcomes = [fitting.stored(fit) for fit in plan.fits]
    root = context.folder.path
    found.fitted = [str(path.relative_to(root)) for fit in plan.fits for path in fitting.folders(fit)]
    found.refusals = refusal_lines(handle.name, [o for o in outcomes if o is not None])
    found.unfitted = [m for f, o in zip(plan.fits, outcomes, strict=True) if o is None for m in f.members()]
    run = with_outcomes(bare, [o for o in outcomes if o is not None])
    refused = frozenset(name for outcome in outcomes if outcome for name in outcome.refusals)
    _look(found, replace(plan, failed=refused), Coverages(run, seen), before)
    if not found.unfitted:
        found.run = run
    return found


def with_outcomes(run: ModelRun, outcomes: Iterable[FitOutcome]) -> ModelRun:
    """Return the run of a model with its calibrations: those that are loaded, and those that were fitted."""
    records: dict[str, Record] = {record.name: record for record in run.plan.loaded.get(run.name, ())}
    for outcome in outcomes:
        records |= outcome.records
    return replace(run, plan=run.plan.without_failed(records), records=records)


def refusal_lines(model: str, outcomes: Iterable[FitOutcome]) -> list[str]:
    """Return a line for each reason why a calibration could not be fitted: several seeds have the same."""
    return [
        f"{model} on {outcome.fit.split}: {reason}; no results with this calibration"
        for outcome in outcomes
        for reason in dict.fromkeys(outcome.refusals.values())
    ]


def digest_of_pieces(names: Iterable[str]) -> str:
    """Return one digest of all files that are used."""
    return hashlib.sha256("\n".join(names).encode()).hexdigest()


def _look(found: Survey, plan: Plan, coverages: Coverages, before: Callable[[], Sequence[Answer]]) -> None:
    run, statistics = coverages.run, coverages.run.context.folder.statistics.name
    fitted = dict(run.plan.passes(run.name))
    for target, asked in plan.passes(run.name):
        names = fitted.get(target, [])
        coverage = coverages.of(target)
        if run.context.depot.is_elsewhere:
            run.context.store.gather(coverage.place(shard, name) for shard in coverage.shards for name in names)
        stored = list(zip(*(coverage.all_stored(name) for name in names), strict=True))
        lacking = sum(not all(of.is_complete for of in shard) for shard in stored)
        found.pieces += [f"{statistics}/{file}" for shard in stored for of in shard for file in of.files]
        if len(asked) > len(names):  # others are to be fitted
            lacking = len(coverage.shards)
        found.total += len(coverage.shards)
        found.stored += len(coverage.shards) - lacking
        parts = coverage.parts | {f"{CALIBRATION}{name}": coverage.identities[name] for name in names}
        found.parts[str(target)] = parts
        if lacking or found.unfitted:
            found.missing[target] = lacking
            found.changes += _reasons(before(), run.name, str(target), parts)


def _reasons(before: Iterable[Answer], model: str, domain: str, parts: Mapping[str, str]) -> list[str]:
    """Return which part of what determines statistics is another than in the latest answer that knows the domain."""
    for answer in before:
        if domain in answer.parts.get(model, {}):
            change = changed_parts(answer.parts, model, domain, parts)
            return [f"{model} on {domain}: evaluating samples again: {change}"] if change else []
    return []
