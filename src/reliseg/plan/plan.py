"""What a run will do: domains, calibrations, and the shards that are stored, resumed and distributed."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby
from pathlib import Path
from typing import Any
from urllib.parse import quote

from reliseg.calibration import calibrator, each_seed
from reliseg.calibration.records.record import Record
from reliseg.config.schema import Settings
from reliseg.data import DataSet, Domain, Sample
from reliseg.metrics import METRICS
from reliseg.models import Model
from reliseg.stats import Layout

SHARD_SIZE, SHARD_ENOUGH = 64, 16
IDENTITY = "identity"


@dataclass(frozen=True)
class ModelSource:
    """A model that can be loaded when its turn comes."""

    name: str
    load: Callable[[], Model]


@dataclass(frozen=True)
class Target:
    """A domain of a data set; written `DATASET/DOMAIN`."""

    dataset: DataSet
    domain: Domain

    def __str__(self) -> str:
        return f"{self.dataset.name}/{self.domain.name}"

    def members(self) -> list["Target"]:
        """The domains that are evaluated for it: itself, or those it is the union of (of unions, theirs)."""
        if not self.domain.union:
            return [self]
        parts = [Target(self.dataset, self.dataset.domains[name]) for name in self.domain.union]
        return list({str(m): m for part in parts for m in part.members()}.values())


@dataclass(frozen=True)
class Shard:
    """At most 64 samples of neighbouring scenes."""

    target: Target
    index: int
    samples: tuple[Sample, ...]

    @property
    def path(self) -> Path:
        """Where it is stored, below a model's folder: under the name of its first scene."""
        scene = quote(self.samples[0].scene, safe=" +@,()")
        return Path(self.target.dataset.name, self.target.domain.name, scene, f"{self.index:05d}.zip")


@dataclass(frozen=True)
class Fit:
    """Methods that are fitted on the same domains."""

    on: tuple[Target, ...]
    methods: tuple[str, ...]

    @property
    def split(self) -> str:
        """The name of what they are fitted on."""
        return "+".join(str(t) for t in self.on)

    def calibrations(self) -> list[tuple[str, str]]:
        """The names in results and their methods, one for each seed: `ts@camvid/cal`."""
        every = dict.fromkeys(one for m in self.methods if m != IDENTITY for one in each_seed(m))
        return [(f"{m}@{self.split}", m) for m in every]

    def seed_group(self, method: str) -> tuple[str, ...]:
        """The methods of several seeds that a method of one is part of."""
        return tuple(m for m in self.methods if m != method and method in each_seed(m))

    def members(self) -> list[Target]:
        """The domains that it reads, each once."""
        return list({str(m): m for t in self.on for m in t.members()}.values())


@dataclass(frozen=True)
class Split:
    """What calibrations are fitted on, and what is measured there: identity, and those calibrations."""

    name: str
    members: tuple[Target, ...]
    calibrations: tuple[str, ...]

    @property
    def classes(self) -> tuple[str, ...]:
        """Thresholds and calibrations apply to data sets with the same ones."""
        return self.members[0].dataset.labels.classes


@dataclass(frozen=True)
class Plan:
    """Everything a run needs to know but the models' weights and the images."""

    models: tuple[ModelSource, ...]
    fits: tuple[Fit, ...]
    tests: tuple[Target, ...]
    reference: Target | None
    settings: Settings
    protocol: Mapping[str, Any] | None = None
    """Which protocol the run is of, and what was changed of it."""
    loaded: Mapping[str, tuple[Record, ...]] = field(default_factory=dict)
    """Calibrations that were fitted before, by model."""
    allow_seen: frozenset[str] = frozenset()
    """Tested domains that may hold samples which a calibration was fitted on."""

    failed: frozenset[str] = frozenset()
    """Calibrations that could not be fitted on the model at hand."""

    def without_failed(self, fitted: Collection[str]) -> "Plan":
        """The plan for a model on which only these calibrations could be fitted."""
        wanted = {name for fit in self.fits for name, _ in fit.calibrations()}
        return replace(self, failed=frozenset(wanted - set(fitted)))

    def layout(self, dataset: DataSet) -> Layout:
        """What is counted on a data set."""
        classwise = any(METRICS.get(name).reads_classwise for name in self.settings.metrics)
        return Layout(len(dataset.labels), tuple(self.settings.scores), classwise)

    def evaluated(self) -> list[Target]:
        """The domains whose results are needed, each once: unions are merged from their members."""
        wanted = [*([self.reference] if self.reference else []), *self.tests]
        return list({str(m): m for target in wanted for m in target.members()}.values())

    def splits(self) -> list[Split]:
        """The calibration splits whose own statistics are needed: all, if a metric reads thresholds, or none."""
        if not any(METRICS.get(name).reads_thresholds for name in self.settings.metrics):
            return []
        found: dict[str, Split] = {}
        for fit in self.fits:
            before = found.get(fit.split, Split(fit.split, tuple(fit.members()), (IDENTITY,)))
            fitted = [name for name, _ in fit.calibrations() if name not in self.failed]
            if fitted or not fit.calibrations():  # where all are lost, the split itself may be unreadable
                names = dict.fromkeys((*before.calibrations, *fitted))
                found[fit.split] = replace(before, calibrations=tuple(names))
        return list(found.values())

    def passes(self, model: str) -> list[tuple[Target, list[str]]]:
        """The domains that a model is evaluated on, each once, and the calibrations under which."""
        found = {str(t): (t, self.calibrations_for(t.dataset, model)) for t in self.evaluated()}
        for split in self.splits():
            for member in split.members:
                _, names = found.setdefault(str(member), (member, []))
                names += [c for c in split.calibrations if c not in names]
        return list(found.values())

    def read(self) -> list[Target]:
        """All domains that any model is evaluated on, each once."""
        return list({str(t): t for t in (*self.evaluated(), *(m for s in self.splits() for m in s.members))}.values())

    def calibrations_for(self, dataset: DataSet, model: str) -> list[str]:
        """Names of the calibrations that apply to a data set: those fitted in its label space; identity first."""
        names = [name for f in self._fits_for(dataset) for name, _ in f.calibrations()]
        every = dict.fromkeys([*names, *(r.name for r in self.loaded_for(dataset, model))])
        return [IDENTITY, *(name for name in every if name not in self.failed)]

    def means_for(self, dataset: DataSet, model: str) -> dict[str, tuple[str, ...]]:
        """Names of the means over several seeds, and of the calibrations that each is the mean of."""
        pairs = [(m, f.split) for f in self._fits_for(dataset) for m in f.methods]
        pairs += [(m, r.split) for r in self.loaded_for(dataset, model) for m in r.part_of]
        known = self.calibrations_for(dataset, model)
        found = {f"{m}@{split}": tuple(f"{one}@{split}" for one in each_seed(m)) for m, split in pairs}
        return {name: parts for name, parts in found.items() if len(parts) > 1 and set(parts) <= set(known)}

    def seed_of(self, calibration: str, model: str) -> int | None:
        """The seed of a calibration's method, if that has one, else that of the pixels it was fitted on."""
        if calibration == IDENTITY:
            return None
        drawn = {r.name: r.seed for r in self.loaded.get(model, ())}.get(calibration, self.settings.seed)
        return getattr(calibrator(calibration.partition("@")[0]), "seed", drawn)

    def must_be_unseen(self, target: Target) -> bool:
        """Whether an evaluated domain must not hold samples which a calibration was fitted on."""
        wanted = [*([self.reference] if self.reference else []), *self.tests]
        return any(str(t) not in self.allow_seen for t in wanted if str(target) in map(str, t.members()))

    def loaded_for(self, dataset: DataSet, model: str) -> list[Record]:
        """The loaded calibrations of a model that apply to a data set."""
        return [r for r in self.loaded.get(model, ()) if r.classes == tuple(dataset.labels.classes)]

    def _fits_for(self, dataset: DataSet) -> list[Fit]:
        return [f for f in self.fits if f.on[0].dataset.labels.classes == dataset.labels.classes]


def shards(target: Target) -> Iterator[Shard]:
    """The shards of a domain, in the order of scenes and sample ids.

    Scenes are put together until they hold enough samples, as the histograms of one image weigh nearly as much as
    those of many; what is more than a shard holds is cut.
    """
    by_scene = sorted(target.domain.samples, key=lambda s: (s.scene, s.id))
    together: list[Sample] = []
    for _, scene in groupby(by_scene, key=lambda s: s.scene):
        together += scene
        if len(together) >= SHARD_ENOUGH:
            yield from _cut(target, together)
            together = []
    yield from _cut(target, together)


def _cut(target: Target, samples: Sequence[Sample]) -> Iterator[Shard]:
    for i in range(0, len(samples), SHARD_SIZE):
        yield Shard(target, i // SHARD_SIZE, tuple(samples[i : i + SHARD_SIZE]))
