"""What a run will do: domains, calibrations, and the shards that are stored, resumed and distributed."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby
from pathlib import Path
from typing import Any
from urllib.parse import quote

from reliseg.calibration import calibrator, each_seed
from reliseg.data import DataOptions, DataSet, Domain, Sample, open_dataset
from reliseg.errors import ConfigError, ModelError, near
from reliseg.labels import LabelSpace, label_space
from reliseg.metrics import METRICS
from reliseg.models import MODELS, Model, ModelOptions
from reliseg.run.config import DataConfig, ModelConfig, RunConfig, Settings
from reliseg.run.protocol import provenance
from reliseg.run.record import Record, read_records
from reliseg.stats import Layout

SHARD_SIZE = 64
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
    """At most 64 samples of one scene."""

    target: Target
    scene: str
    index: int
    samples: tuple[Sample, ...]

    @property
    def path(self) -> Path:
        """Where it is stored, below a model's folder."""
        scene = quote(self.scene, safe=" +@,()")
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

    def several(self, method: str) -> tuple[str, ...]:
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

    lost: frozenset[str] = frozenset()
    """Calibrations that could not be fitted on the model at hand."""

    def reduced(self, fitted: Collection[str]) -> "Plan":
        """The plan for a model on which only these calibrations could be fitted."""
        wanted = {name for fit in self.fits for name, _ in fit.calibrations()}
        return replace(self, lost=frozenset(wanted - set(fitted)))

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
            fitted = [name for name, _ in fit.calibrations() if name not in self.lost]
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
        every = dict.fromkeys([*names, *(r.name for r in self._loaded_for(dataset, model))])
        return [IDENTITY, *(name for name in every if name not in self.lost)]

    def means_for(self, dataset: DataSet, model: str) -> dict[str, tuple[str, ...]]:
        """Names of the means over several seeds, and of the calibrations that each is the mean of."""
        pairs = [(m, f.split) for f in self._fits_for(dataset) for m in f.methods]
        pairs += [(m, r.split) for r in self._loaded_for(dataset, model) for m in r.part_of]
        known = self.calibrations_for(dataset, model)
        found = {f"{m}@{split}": tuple(f"{one}@{split}" for one in each_seed(m)) for m, split in pairs}
        return {name: parts for name, parts in found.items() if len(parts) > 1 and set(parts) <= set(known)}

    def seed_of(self, calibration: str, model: str) -> int | None:
        """The seed of a calibration's method, if that has one, else that of the pixels it was fitted on."""
        if calibration == IDENTITY:
            return None
        drawn = {r.name: r.seed for r in self.loaded.get(model, ())}.get(calibration, self.settings.seed)
        return getattr(calibrator(calibration.partition("@")[0]), "seed", drawn)

    def guards(self, target: Target) -> bool:
        """Whether an evaluated domain must not hold samples which a calibration was fitted on."""
        wanted = [*([self.reference] if self.reference else []), *self.tests]
        return any(str(t) not in self.allow_seen for t in wanted if str(target) in map(str, t.members()))

    def _fits_for(self, dataset: DataSet) -> list[Fit]:
        return [f for f in self.fits if f.on[0].dataset.labels.classes == dataset.labels.classes]

    def _loaded_for(self, dataset: DataSet, model: str) -> list[Record]:
        return [r for r in self.loaded.get(model, ()) if r.classes == tuple(dataset.labels.classes)]


def shards(target: Target) -> Iterator[Shard]:
    """The shards of a domain, in the order of sample ids within each scene."""
    by_scene = sorted(target.domain.samples, key=lambda s: (s.scene, s.id))
    for scene, group in groupby(by_scene, key=lambda s: s.scene):
        samples = tuple(group)
        for i in range(0, len(samples), SHARD_SIZE):
            yield Shard(target, scene, i // SHARD_SIZE, samples[i : i + SHARD_SIZE])


def plan_of(config: RunConfig, folder: Path) -> Plan:
    """The plan of a configuration whose relative paths start at `folder`; opens data sets, loads no model."""
    datasets = {d.name: _opened(d, folder, config.limit) for d in config.datasets}
    models = tuple(ModelSource(m.name, _loader(m, folder, config)) for m in config.models)
    fits = [
        Fit(tuple(find_targets(c.on, datasets)), tuple(dict.fromkeys(c.methods)))
        for c in config.calibration
        if c.load is None
    ]
    tests = None if config.test.on is None else find_targets(config.test.on, datasets)
    paths = [folder / Path(c.load).expanduser() for c in config.calibration if c.load is not None]
    plan = make_plan(
        models,
        datasets,
        fits,
        tests,
        find_reference(config.test.reference, datasets),
        config,
        loaded=loaded_records(paths, [m.name for m in models]),
        allow_seen=find_targets(config.test.allow_seen, datasets),
    )
    return replace(plan, protocol=provenance(config))


def make_plan(
    models: tuple[ModelSource, ...],
    datasets: Mapping[str, DataSet],
    fits: Sequence[Fit],
    tests: Sequence[Target] | None,
    reference: Target | None,
    settings: Settings,
    *,
    loaded: Mapping[str, tuple[Record, ...]] | None = None,
    allow_seen: Sequence[Target] = (),
) -> Plan:
    """A checked plan. Without `tests`, every domain that shares no sample with a calibration split is reported."""
    allowed = frozenset(map(str, allow_seen))
    fitted = {key: str(t) for f in fits for t in f.on for key in _files(t)}
    for f in fits:
        _check_fit(f)
    if tests is None:
        every = [Target(d, domain) for d in datasets.values() for domain in d.domains.values()]
        tests = [t for t in every if str(t) in allowed or not _shared(t, fitted)]
        if not tests:
            raise ConfigError("test: every domain shares samples with a calibration split; give test.on a domain")
    for t in (*tests, *([reference] if reference else [])):
        shared = [] if str(t) in allowed else _shared(t, fitted)
        if shared:
            raise ConfigError(
                f"test: {t} shares {len(shared)} samples with {shared[0][1]}, which a calibration is fitted on "
                f"(first: {shared[0][0]}); test on samples that no calibration saw, or name {t} in test: allow_seen:"
            )
    for t in (*tests, *(t for f in fits for t in f.on)):
        _check_union(t)
    tests = tuple({str(t): t for t in tests}.values())
    untested = allowed - {str(t) for t in (*tests, *([reference] if reference else []))}
    if untested:
        raise ConfigError(f"test: allow_seen: {sorted(untested)[0]} is not tested; name it in on:, or leave it out")
    _check_loaded(loaded or {}, fits, datasets.values())
    return Plan(models, tuple(fits), tests, reference, settings, loaded=loaded or {}, allow_seen=allowed)


def loaded_records(paths: Sequence[Path], models: Sequence[str]) -> dict[str, tuple[Record, ...]]:
    """The records in these places for each model: those of its name; one file is any single model's."""
    found: dict[str, dict[str, Record]] = {name: {} for name in models}
    for path in paths:
        records = read_records(path)
        if path.is_file() and len(models) == 1:
            records = {models[0]: next(iter(records.values()))}
        for model in models:
            if model not in records:
                raise ConfigError(f"{path}: no calibration of model {model!r}; {near(model, records)}")
            for record in records[model]:
                if found[model].setdefault(record.name, record) is not record:
                    raise ConfigError(f"{path}: {record.name} of {model} is loaded twice; load it from one place")
    return {model: tuple(records.values()) for model, records in found.items() if records}


def _check_loaded(loaded: Mapping[str, tuple[Record, ...]], fits: Sequence[Fit], datasets: Collection[DataSet]) -> None:
    fitted = {name for f in fits for name, _ in f.calibrations()}
    spaces = {tuple(d.labels.classes): d for d in datasets}
    for record in (r for records in loaded.values() for r in records):
        if record.name in fitted:
            raise ConfigError(f"calibration: {record.name} is fitted and loaded; do one of them")
        if record.classes not in spaces:
            here = " or ".join(f"{d.labels.name} ({len(c)} classes, data set {d.name})" for c, d in spaces.items())
            raise ConfigError(
                f"calibration: {record.name} was fitted in {record.label_space} ({len(record.classes)} classes), and "
                f"the data is in {here}; calibrations apply to the classes they were fitted in"
            )


def _check_union(target: Target) -> None:
    """Statistics of a union are the sum of its members': no sample may be in two of them."""
    seen: dict[str, str] = {}
    for member in target.members():
        for sample in member.domain.samples:
            other = seen.setdefault(sample.id, str(member))
            if other != str(member):
                raise ConfigError(f"{target}: {sample.id} is in {other} and in {member}; members must not overlap")


def _check_fit(f: Fit) -> None:
    if not f.on:
        raise ConfigError("calibration: on: names no domain")
    spaces = {t.dataset.labels.classes: t for t in f.on}
    if len(spaces) > 1:
        first, second = list(spaces.values())[:2]
        raise ConfigError(f"calibration on {f.split}: {first} and {second} have different label spaces")
    for t in f.on:
        if not t.domain.annotated:
            raise ConfigError(f"calibration on {t}: this domain has no annotation; fit on an annotated one")


def _shared(target: Target, fitted: Mapping[tuple[str, str], str]) -> list[tuple[str, str]]:
    return [(sample.id, fitted[key]) for key, sample in _files(target).items() if key in fitted]


def _files(target: Target) -> dict[tuple[str, str], Sample]:
    """The samples by image file: two data sets may be opened on one folder."""
    root = str(target.dataset.root.resolve())
    return {(root, sample.image): sample for sample in target.domain.samples}


def find_targets(names: Sequence[str], datasets: Mapping[str, DataSet]) -> list[Target]:
    """The domains of these names, each once; a ConfigError that suggests the nearest for an unknown one."""
    return list({str(t): t for name in names for t in _targets(name, datasets)}.values())


def find_reference(name: str | None, datasets: Mapping[str, DataSet]) -> Target | None:
    """The one domain of this name, if one is given."""
    found = find_targets([name], datasets) if name else []
    if len(found) > 1:
        raise ConfigError(f"reference: {name!r} names {len(found)} domains; name one of {', '.join(map(str, found))}")
    return found[0] if found else None


def _targets(name: str, datasets: Mapping[str, DataSet]) -> list[Target]:
    """`camvid/day`, or `camvid` for all its domains."""
    dataset, _, domain = name.partition("/")
    if dataset not in datasets:
        raise ConfigError(f"{name}: no data set {dataset!r} in datasets; {near(dataset, datasets)}")
    domains = datasets[dataset].domains
    if not domain:
        return [Target(datasets[dataset], d) for d in domains.values()]
    if domain not in domains:
        raise ConfigError(f"{name}: {dataset} has no domain {domain!r}; {near(domain, domains)}")
    return [Target(datasets[dataset], domains[domain])]


def _opened(config: DataConfig, folder: Path, limit: int | None) -> DataSet:
    options = config.model_dump()
    dataset = open_dataset(
        DataOptions(
            **options
            | {"root": Path(config.root), "folder": folder, "image": config.image or (), "mask": config.mask or ()}
        )
    )
    if limit is None:
        return dataset
    return replace(dataset, domains={n: _limited(d, dataset, limit) for n, d in dataset.domains.items()})


def _limited(domain: Domain, dataset: DataSet, limit: int) -> Domain:
    """The first `limit` samples of a domain; a union keeps what its members keep."""
    if not domain.union:
        return replace(domain, samples=domain.samples[:limit])
    kept = {s for name in domain.union for s in dataset.domains[name].samples[:limit]}
    return replace(domain, samples=tuple(s for s in domain.samples if s in kept))


def _loader(config: ModelConfig, folder: Path, settings: Settings) -> Callable[[], Model]:
    def load() -> Model:
        options = ModelOptions(
            name=config.name,
            kind=config.kind,
            where=config.where,
            labels=_labels(config, folder),
            weights=Path(config.weights).expanduser() if config.weights else None,
            align_corners=config.upsampling.align_corners if config.upsampling else None,
            mean=config.mean,
            std=config.std,
            resize=config.resize,
            feature=config.feature,
            precision=config.precision,
            args=config.args,
            device=settings.device,
            threads=settings.threads,
            folder=folder,
        )
        try:
            return MODELS.get(config.kind).load(options)
        except ModelError as error:
            text = str(error)
            raise type(error)(text if config.name in text else f"model {config.name}: {text}") from error

    return load


def _labels(config: ModelConfig, folder: Path) -> LabelSpace | None:
    if config.labels is None:
        return None
    path = folder / config.labels
    return label_space(str(path) if path.suffix == ".toml" else config.labels)
