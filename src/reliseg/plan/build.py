"""The way to a plan: what a configuration names is found, and what must not be is refused."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from reliseg.calibration.records.record import Record, read_records
from reliseg.config.protocol import provenance
from reliseg.config.schema import RunConfig, Settings
from reliseg.data import DataSet, Sample
from reliseg.errors import ConfigError, suggestion
from reliseg.plan.open import limit_samples, model_loader, open_configured_dataset
from reliseg.plan.plan import Fit, ModelSource, Plan, Target


def plan_from_config(config: RunConfig, folder: Path) -> Plan:
    """Return the plan of a configuration whose relative paths start at `folder`; opens data sets, loads no model."""
    datasets = [open_configured_dataset(d, folder) for d in config.datasets]
    models = [model_loader(m, folder, config) for m in config.models]
    return plan_with(models, datasets, config, folder)


def plan_with(models: Sequence[ModelSource], opened: Sequence[DataSet], config: RunConfig, folder: Path) -> Plan:
    """Return the plan of a configuration with its models and data sets, however they were opened."""
    datasets = {d.name: limit_samples(d, config.limit) for d in opened}
    fits = [
        Fit(tuple(find_targets(c.on, datasets)), tuple(dict.fromkeys(c.methods)))
        for c in config.calibration
        if c.load is None
    ]
    tests = None if config.test.on is None else find_targets(config.test.on, datasets)
    paths = [folder / Path(c.load).expanduser() for c in config.calibration if c.load is not None]
    plan = build_plan(
        tuple(models),
        datasets,
        fits,
        tests,
        find_reference(config.test.reference, datasets),
        config,
        loaded=load_records(paths, [m.name for m in models]),
        allow_seen=find_targets(config.test.allow_seen, datasets),
    )
    return replace(plan, protocol=provenance(config))


def build_plan(
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
    allowed = frozenset(allow_seen)
    fitted = {key: str(t) for f in fits for t in f.on for key in _files(t)}
    for f in fits:
        _check_fit(f)
    if tests is None:
        every = [Target(d, domain) for d in datasets.values() for domain in d.domains.values()]
        tests = [t for t in every if t in allowed or not _shared_samples(t, fitted)]
        if not tests:
            raise ConfigError("test: every domain shares samples with a calibration split; give test.on a domain")
    for t in (*tests, *([reference] if reference else [])):
        shared = [] if t in allowed else _shared_samples(t, fitted)
        if shared:
            raise ConfigError(
                f"test: {t} shares {len(shared)} samples with {shared[0][1]}, which a calibration is fitted on "
                f"(first: {shared[0][0]}); test on samples that no calibration saw, or name {t} in test: allow_seen:"
            )
    for t in (*tests, *(t for f in fits for t in f.on)):
        _check_union(t)
    tests = tuple(dict.fromkeys(tests))
    untested = sorted(map(str, allowed - {*tests, *([reference] if reference else [])}))
    if untested:
        raise ConfigError(f"test: allow_seen: {untested[0]} is not tested; name it in on:, or leave it out")
    _check_loaded(loaded or {}, fits, datasets.values())
    return Plan(models, tuple(fits), tests, reference, settings, loaded=loaded or {}, allow_seen=allowed)


def load_records(paths: Sequence[Path], models: Sequence[str]) -> dict[str, tuple[Record, ...]]:
    """The records in these places for each model: those of its name; one file is any single model's."""
    found: dict[str, dict[str, Record]] = {name: {} for name in models}
    for path in paths:
        records = read_records(path)
        if path.is_file() and len(models) == 1:
            records = {models[0]: next(iter(records.values()))}
        for model in models:
            if model not in records:
                raise ConfigError(f"{path}: no calibration of model {model!r}; {suggestion(model, records)}")
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


def _shared_samples(target: Target, fitted: Mapping[tuple[str, str], str]) -> list[tuple[str, str]]:
    return [(sample.id, fitted[key]) for key, sample in _files(target).items() if key in fitted]


def _files(target: Target) -> dict[tuple[str, str], Sample]:
    """The samples by image file: two data sets may be opened on one folder."""
    root = str(target.dataset.root.resolve())
    return {(root, sample.image): sample for sample in target.domain.samples}


def find_targets(names: Sequence[str], datasets: Mapping[str, DataSet]) -> list[Target]:
    """The domains of these names, each once; a ConfigError that suggests the nearest for an unknown one."""
    return list(dict.fromkeys(t for name in names for t in _targets(name, datasets)))


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
        raise ConfigError(f"{name}: no data set {dataset!r} in datasets; {suggestion(dataset, datasets)}")
    domains = datasets[dataset].domains
    if not domain:
        return [Target(datasets[dataset], d) for d in domains.values()]
    if domain not in domains:
        raise ConfigError(f"{name}: {dataset} has no domain {domain!r}; {suggestion(domain, domains)}")
    return [Target(datasets[dataset], domains[domain])]
