"""What a run will do: models, domains, and the calibrations that they are evaluated under."""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias

from reliseg.calibration import calibrator, texts_of_seeds
from reliseg.calibration.records.record import Record
from reliseg.config.settings import Settings
from reliseg.conformal import Promise
from reliseg.data import DataSet, Domain, Sample
from reliseg.errors import count_text, shortlist
from reliseg.metrics import METRICS
from reliseg.models import Model
from reliseg.stats import Layout

IDENTITY = "identity"
PROMISE, SETS = "promise", "prediction_sets"
"""The families of metrics that say what was kept of promises: measured wherever some are made."""


@dataclass(frozen=True)
class ModelSource:
    """A model that can be loaded when its turn comes."""

    name: str
    load: Callable[[], Model]
    described: str = ""
    """All that a configuration says of it, but its name; "" where it is an object in memory."""


@dataclass(frozen=True, eq=False)
class Target:
    """A domain of a data set. It is known by its name `DATASET/DOMAIN`: targets of one name are equal."""

    dataset: DataSet
    domain: Domain

    def __str__(self) -> str:
        return f"{self.dataset.name}/{self.domain.name}"

    def __repr__(self) -> str:
        """Return the name and the counts on one line."""
        return f"Target({self}: {self.domain.counts()})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Target) and str(self) == str(other)

    def __hash__(self) -> int:
        return hash(str(self))

    @property
    def names(self) -> tuple[str, str]:
        """The names in results: of the data set, and of the domain."""
        return self.dataset.name, self.domain.name

    @property
    def classes(self) -> tuple[str, ...]:
        """The classes of its annotation."""
        return self.dataset.labels.classes

    def members(self) -> list["Target"]:
        """Return the domains that are evaluated for it: itself, or those it is the union of (of unions, theirs)."""
        members, seen, waiting = list[Target](), set[str](), [self.domain.name]
        while waiting:  # each union once, however many others name it
            name = waiting.pop()
            if name not in seen:
                seen.add(name)
                domain = self.domain if name == self.domain.name else self.dataset.domains[name]
                members += [] if domain.union else [Target(self.dataset, domain)]
                waiting += reversed(domain.union)
        return members


def without_copies(targets: Iterable[Target]) -> list[Target]:
    """Return one domain of those that have the same files: a clean one, or the first of its corrupted copies."""
    files: dict[tuple[str, str, bool], Target] = {}
    for target in sorted(targets, key=lambda target: bool(target.domain.clean)):
        clean = target.domain.clean or target.domain.name
        files.setdefault((target.dataset.name, clean, target.domain.reads_depth), target)
    return list(files.values())


def all_members(targets: Iterable[Target]) -> list[Target]:
    """Return the domains that are evaluated for these, each once."""
    return list(dict.fromkeys(member for target in targets for member in target.members()))


@dataclass(frozen=True)
class Pool:
    """Domains of any data sets, reported as one beside each: with the reference, for image-level OOD detection."""

    name: str
    targets: tuple[Target, ...]

    def __str__(self) -> str:
        return "/".join(self.names)

    @property
    def names(self) -> tuple[str, str]:
        """The names in results, in the place of a data set and a domain."""
        return self.name, "pooled"

    @property
    def classes(self) -> tuple[str, ...] | None:
        """The classes of all its annotations; None where they differ, so that only numbers of images can be given."""
        classes = {target.classes for target in self.targets}
        return classes.pop() if len(classes) == 1 else None

    def members(self) -> list[Target]:
        """Return the domains that are evaluated for it, each once."""
        return all_members(self.targets)


Reported: TypeAlias = Target | Pool
"""What has rows in the results."""


LeftOut: TypeAlias = Mapping["Target", frozenset[str]]
"""By domain, the ids of the samples that no calibration is fitted on."""


@dataclass(frozen=True)
class Fit:
    """Methods that are fitted on the same domains."""

    on: tuple[Target, ...]
    methods: tuple[str, ...]
    left_out: LeftOut = field(default_factory=dict, hash=False)
    """What it does not read of its domains, because thresholds are chosen on it."""

    @property
    def split(self) -> str:
        """The name of the domains that they are fitted on."""
        return "+".join(map(str, self.on))

    def calibrations(self) -> list[tuple[str, str]]:
        """Return the names in results with their methods, one for each seed: `ts@camvid/cal`."""
        methods = dict.fromkeys(one for m in self.methods if m != IDENTITY for one in texts_of_seeds(m))
        return [(f"{m}@{self.split}", m) for m in methods]

    def seed_group(self, method: str) -> tuple[str, ...]:
        """Return the methods of several seeds that a method of one seed is part of."""
        return tuple(m for m in self.methods if m != method and method in texts_of_seeds(m))

    def members(self) -> list[Target]:
        """Return the domains of its split, each once."""
        return all_members(self.on)

    def read(self) -> list[Target]:
        """Return what it reads of them: all samples but those that are left out."""
        return [_without(member, self.left_out.get(member, frozenset())) for member in self.members()]


def _without(target: Target, ids: frozenset[str]) -> Target:
    if not ids:
        return target
    samples = tuple(sample for sample in target.domain.samples if sample.id not in ids)
    return Target(target.dataset, replace(target.domain, samples=samples))


@dataclass(frozen=True)
class PromiseGround:
    """The images that thresholds are chosen on, so that promises are kept."""

    name: str
    """The split that they are left out of, or the domains that they make up."""
    members: tuple[Target, ...]
    """Their domains, no unions."""
    promises: tuple[Promise, ...]
    left_out: LeftOut = field(default_factory=dict, hash=False)
    """Of a calibration split the part that is left out of its fits; empty where all images of the domains are meant."""

    @property
    def classes(self) -> tuple[str, ...]:
        """Its promises apply to data sets with the same classes."""
        return self.members[0].classes

    def chosen(self, member: Target) -> list[Sample]:
        """Return the samples of one of the domains."""
        samples = member.domain.samples
        return [s for s in samples if s.id in self.left_out[member]] if self.left_out else list(samples)


@dataclass(frozen=True)
class Split:
    """The domains of a fit, and what is measured there: identity, and the calibrations that were fitted on them."""

    name: str
    members: tuple[Target, ...]
    calibrations: tuple[str, ...]

    @property
    def classes(self) -> tuple[str, ...]:
        """Thresholds and calibrations apply to data sets with the same classes."""
        return self.members[0].dataset.labels.classes

    def under(self, calibrations: Collection[str]) -> "Split":
        """Return what is measured there under these calibrations: identity always, as others are compared with it."""
        return replace(self, calibrations=tuple(c for c in self.calibrations if c == IDENTITY or c in calibrations))


@dataclass(frozen=True)
class Plan:
    """Everything a run needs to know but the models' weights and the images."""

    models: tuple[ModelSource, ...]
    fits: tuple[Fit, ...]
    tests: tuple[Target, ...]
    reference: Target | None
    settings: Settings
    protocol: Mapping[str, Any] | None = None
    """The protocol of the run, and what was changed of it."""
    loaded: Mapping[str, tuple[Record, ...]] = field(default_factory=dict)
    """Calibrations that were fitted before, by model."""
    allow_seen: frozenset[Target] = frozenset()
    """Tested domains that may hold samples which a calibration was fitted on."""
    pools: tuple[Pool, ...] = ()
    """What is reported of domains together, beside each."""
    applied: Mapping[str, frozenset[Target]] = field(default_factory=dict)
    """By calibration, the domains (no unions) that it is applied to; all of its classes where it is not named here."""
    failed: frozenset[str] = frozenset()
    """Calibrations that could not be fitted on the model at hand."""
    grounds: tuple[PromiseGround, ...] = ()
    """The images that promises rest on."""

    def __repr__(self) -> str:
        """Return what is evaluated on one line."""
        models = shortlist([source.name for source in self.models], 6)
        tests = shortlist([str(target) for target in self.tests], 6)
        return f"Plan({models} on {tests}; {count_text(len(self.calibration_names()), 'calibration')})"

    def without_failed(self, fitted: Collection[str]) -> "Plan":
        """Return the plan for a model on which only these calibrations could be fitted."""
        names = {name for fit in self.fits for name, _ in fit.calibrations()}
        return replace(self, failed=frozenset(names - set(fitted)))

    def calibration_names(self) -> list[str]:
        """Return the names of all calibrations that are fitted or loaded, each once."""
        fitted = [name for fit in self.fits for name, _ in fit.calibrations()]
        return list(dict.fromkeys([*fitted, *(r.name for records in self.loaded.values() for r in records)]))

    @property
    def metrics(self) -> tuple[str, ...]:
        """The families of metrics that are measured: those of the settings, and of promises where some are made."""
        asked = self.settings.metrics
        made = [SETS if promise.of_sets else PROMISE for ground in self.grounds for promise in ground.promises]
        return tuple(dict.fromkeys((*asked, *made)))

    def layout(self, dataset: DataSet) -> Layout:
        """Return what is counted on a data set."""
        classwise = any(METRICS.get(name).reads_classwise for name in self.metrics)
        promises = [p for g in self.grounds if g.classes == dataset.labels.classes for p in g.promises]
        by_label, sets = any(p.label for p in promises), any(p.of_sets for p in promises)
        scores = tuple(self.settings.scores)
        return Layout(len(dataset.labels), scores, classwise=classwise, by_label=by_label, sets=sets)

    def test_domains(self) -> list[Target]:
        """Return the domains whose results are needed, each once: unions are merged from their members."""
        return all_members(self.reported_targets())

    def splits(self) -> list[Split]:
        """Return the calibration splits whose own statistics are needed: all if a metric reads thresholds, or none."""
        if not any(METRICS.get(name).reads_thresholds for name in self.metrics):
            return []
        splits: dict[str, Split] = {}
        for fit in self.fits:
            split = splits.get(fit.split, Split(fit.split, tuple(fit.members()), (IDENTITY,)))
            fitted = [name for name, _ in fit.calibrations() if name not in self.failed]
            if fitted or not fit.calibrations():  # where all have failed, the split itself may be unreadable
                names = dict.fromkeys((*split.calibrations, *fitted))
                splits[fit.split] = replace(split, calibrations=tuple(names))
        return list(splits.values())

    def passes(self, model: str) -> list[tuple[Target, list[str]]]:
        """Return the domains that a model is evaluated on, each once, with the calibrations under which it is."""
        passes = {target: self.calibrations_for(target, model) for target in self.test_domains()}
        for split in self.splits():
            for member in split.members:
                names = passes.setdefault(member, [])
                names += [c for c in split.calibrations if c not in names]
        for ground in self.grounds:
            for member in ground.members:
                names = passes.setdefault(member, [])
                names += [c for c in self.calibrations_on(ground, model) if c not in names]
        return list(passes.items())

    def domains(self) -> list[Target]:
        """Return all domains that any model is evaluated on, each once."""
        chosen_on = [member for split in self.splits() for member in split.members]
        chosen_on += [member for ground in self.grounds for member in ground.members]
        return list(dict.fromkeys((*self.test_domains(), *chosen_on)))

    def calibrations_on(self, ground: PromiseGround, model: str) -> list[str]:
        """Return the calibrations under which promises are made on these images; identity comes first.

        On the half of a split they are those that were fitted on the other half.
        """
        fits = [f for f in self.fits if f.on[0].classes == ground.classes]
        names = [n for f in fits if not ground.left_out or f.split == ground.name for n, _ in f.calibrations()]
        if not ground.left_out:
            names += [record.name for record in self.records_for(ground.members[0].dataset, model)]
        return [IDENTITY, *(n for n in dict.fromkeys(names) if n not in self.failed)]

    def calibrations_for(self, reported: Reported, model: str) -> list[str]:
        """Return the names of the calibrations that are applied to all of its domains; identity comes first."""
        first, *others = [self._calibrations_of(member, model) for member in reported.members()]
        return [name for name in first if all(name in names for names in others)]

    def means_for(self, reported: Reported, model: str) -> dict[str, tuple[str, ...]]:
        """Return the names of the means over several seeds, with the calibrations that each is the mean of."""
        pairs = [(m, f.split) for f in self.fits for m in f.methods]
        pairs += [(m, r.split) for r in self.loaded.get(model, ()) for m in r.part_of]
        known = self.calibrations_for(reported, model)
        means = {f"{m}@{split}": tuple(f"{one}@{split}" for one in texts_of_seeds(m)) for m, split in pairs}
        return {name: parts for name, parts in means.items() if len(parts) > 1 and set(parts) <= set(known)}

    def reaches(self, calibration: str, target: Target) -> bool:
        """Tell if a calibration is applied to a domain (no union) of its classes."""
        return calibration not in self.applied or target in self.applied[calibration]

    def split_reaches(self, split: str, reported: Reported) -> bool:
        """Tell if what is fitted on a split, or the split's threshold alone, is applied to any of these domains."""
        names = [name for f in self.fits if f.split == split for name, _ in f.calibrations()]
        names += [r.name for records in self.loaded.values() for r in records if r.split == split]
        return not names or any(self.reaches(name, m) for name in names for m in reported.members())

    def seed_of(self, calibration: str, model: str) -> int | None:
        """Return the seed of a calibration's method, if it has one, else that of the pixels it was fitted on."""
        if calibration == IDENTITY:
            return None
        seeds = {record.name: record.seed for record in self.loaded.get(model, ())}
        method = calibrator(calibration.partition("@")[0])
        return getattr(method, "seed", seeds.get(calibration, self.settings.seed))

    def must_be_unseen(self, target: Target) -> bool:
        """Tell if a test domain must not hold samples which a calibration was fitted on."""
        return any(t not in self.allow_seen for t in self.reported_targets() if target in t.members())

    def records_for(self, dataset: DataSet, model: str) -> list[Record]:
        """Return the loaded calibrations of a model that apply to a data set."""
        return [r for r in self.loaded.get(model, ()) if r.classes == tuple(dataset.labels.classes)]

    def reported_targets(self) -> list[Target]:
        """Return the domains that are named to be reported, by themselves, as the reference or in a pool."""
        reference = [self.reference] if self.reference else []
        return list(dict.fromkeys([*reference, *self.tests, *(t for pool in self.pools for t in pool.targets)]))

    def reported(self) -> list[Reported]:
        """Return what has rows in the results: the tested domains, and the pools."""
        return [*self.tests, *self.pools]

    def _calibrations_of(self, member: Target, model: str) -> list[str]:
        """Return the calibrations that are applied to a domain that is no union; identity comes first."""
        fits = [f for f in self.fits if f.on[0].classes == member.classes]
        names = [name for f in fits for name, _ in f.calibrations()]
        names += [record.name for record in self.records_for(member.dataset, model)]
        applied = (n for n in dict.fromkeys(names) if n not in self.failed and self.reaches(n, member))
        return [IDENTITY, *applied]
