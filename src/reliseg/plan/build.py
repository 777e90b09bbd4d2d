"""Building a plan: the data sets, models and calibrations of a configuration, and what speaks against it."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from reliseg.calibration.records.record import Record, read_records
from reliseg.config.protocol import provenance
from reliseg.config.schema import RunConfig, Settings
from reliseg.data import DataSet, Sample
from reliseg.errors import ConfigError, count_text, suggestion
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
    reported = ReportedTargets(
        None if config.test.on is None else find_targets(config.test.on, datasets),
        find_reference(config.test.reference, datasets),
        frozenset(find_targets(config.test.allow_seen, datasets)),
    )
    paths = [folder / Path(c.load).expanduser() for c in config.calibration if c.load is not None]
    loaded = load_records(paths, [m.name for m in models])
    plan = build_plan(tuple(models), datasets, fits, reported, config, loaded)
    return replace(plan, protocol=provenance(config))


@dataclass(frozen=True)
class ReportedTargets:
    """The domains that results are reported for."""

    tests: Sequence[Target] | None = None
    """None is every domain that shares no sample with a calibration split."""
    reference: Target | None = None
    """The domain that the others are compared with."""
    allow_seen: frozenset[Target] = frozenset()
    """Those that may hold samples which a calibration was fitted on."""


def build_plan(
    models: tuple[ModelSource, ...],
    datasets: Mapping[str, DataSet],
    fits: Sequence[Fit],
    reported: ReportedTargets,
    settings: Settings,
    loaded: Mapping[str, tuple[Record, ...]] | None = None,
) -> Plan:
    """Return a checked plan; a ConfigError where its parts contradict each other. `loaded` are records by model."""
    fitted = {key: str(t) for f in fits for t in f.on for key in _files(t)}
    for f in fits:
        _check_fit(f)
    tests = reported.tests
    if tests is None:
        every = [Target(d, domain) for d in datasets.values() for domain in d.domains.values()]
        tests = [t for t in every if t in reported.allow_seen or not _shared_samples(t, fitted)]
        if not tests:
            raise ConfigError(
                "test: no domain is left to test on, because each shares samples with a calibration split; "
                "add a domain with other samples"
            )
    tests = tuple(dict.fromkeys(tests))
    _check_reported(tests, reported, fitted)
    for t in (*tests, *(t for f in fits for t in f.on)):
        _check_union(t)
    _check_records(loaded or {}, fits, datasets.values())
    return Plan(
        models, tuple(fits), tests, reported.reference, settings, loaded=loaded or {}, allow_seen=reported.allow_seen
    )


def _check_reported(tests: Sequence[Target], reported: ReportedTargets, fitted: Mapping[tuple[str, str], str]) -> None:
    """Refuse domains that share samples with a calibration split, unless they are allowed to."""
    targets = [*tests, *([reported.reference] if reported.reference else [])]
    for t in targets:
        shared = [] if t in reported.allow_seen else _shared_samples(t, fitted)
        if shared:
            raise ConfigError(
                f"test: {t} shares {count_text(len(shared), 'sample')} with {shared[0][1]}, which a calibration is "
                f"fitted on (first: {shared[0][0]}); test on other samples, or name {t} in test: allow_seen:"
            )
    untested = sorted(str(t) for t in reported.allow_seen.difference(targets))
    if untested:
        raise ConfigError(f"test: allow_seen: {untested[0]} is not tested; add it to on:, or remove it here")


def load_records(paths: Sequence[Path], models: Sequence[str]) -> dict[str, tuple[Record, ...]]:
    """Return the records in these places for each model: those of its name; one file is any single model's."""
    by_model: dict[str, dict[str, Record]] = {name: {} for name in models}
    for path in paths:
        records = read_records(path)
        if path.is_file() and len(models) == 1:
            records = {models[0]: next(iter(records.values()))}
        for model in models:
            if model not in records:
                raise ConfigError(f"{path}: no calibration of model {model!r}; {suggestion(model, records)}")
            for record in records[model]:
                if by_model[model].setdefault(record.name, record) is not record:
                    raise ConfigError(f"{path}: {record.name} of {model} is loaded twice; load it once")
    return {model: tuple(records.values()) for model, records in by_model.items() if records}


def _check_records(
    loaded: Mapping[str, tuple[Record, ...]], fits: Sequence[Fit], datasets: Collection[DataSet]
) -> None:
    fitted = {name for f in fits for name, _ in f.calibrations()}
    spaces = {tuple(d.labels.classes): d for d in datasets}
    for record in (r for records in loaded.values() for r in records):
        if record.name in fitted:
            raise ConfigError(f"calibration: {record.name} is both fitted and loaded; remove one of the two")
        if record.classes not in spaces:
            here = " or ".join(f"{d.labels.name} ({len(c)} classes, data set {d.name})" for c, d in spaces.items())
            raise ConfigError(
                f"calibration: {record.name} was fitted for {record.label_space} ({len(record.classes)} classes), and "
                f"the data has {here}; a calibration applies only to the classes it was fitted for"
            )


def _check_union(target: Target) -> None:
    """Refuse a union with a sample in two of its members: its statistics are the sum of theirs."""
    seen: dict[str, Target] = {}
    for member in target.members():
        for sample in member.domain.samples:
            other = seen.setdefault(sample.id, member)
            if other != member:
                raise ConfigError(
                    f"{target}: {sample.id} is in {other} and in {member}; domains of a union must not share samples"
                )


def _check_fit(f: Fit) -> None:
    if not f.on:
        raise ConfigError("calibration: on: names no domain; name at least one")
    spaces = {t.dataset.labels.classes: t for t in f.on}
    if len(spaces) > 1:
        first, second = list(spaces.values())[:2]
        raise ConfigError(
            f"calibration on {f.split}: {first} and {second} have different classes; fit on each by itself"
        )
    for t in f.on:
        if not t.domain.annotated:
            raise ConfigError(f"calibration on {t}: this domain has no annotation; fit on an annotated one")


def _shared_samples(target: Target, fitted: Mapping[tuple[str, str], str]) -> list[tuple[str, str]]:
    return [(sample.id, fitted[key]) for key, sample in _files(target).items() if key in fitted]


def _files(target: Target) -> dict[tuple[str, str], Sample]:
    """Return the samples by image file: two data sets may be opened on one folder."""
    root = str(target.dataset.root.resolve())
    return {(root, sample.image): sample for sample in target.domain.samples}


def find_targets(names: Sequence[str], datasets: Mapping[str, DataSet]) -> list[Target]:
    """Return the domains of these names, each once; a ConfigError that suggests the nearest for an unknown one."""
    return list(dict.fromkeys(t for name in names for t in _targets(name, datasets)))


def find_reference(name: str | None, datasets: Mapping[str, DataSet]) -> Target | None:
    """Return the one domain of this name, if one is given."""
    targets = find_targets([name], datasets) if name else []
    if len(targets) > 1:
        names = ", ".join(map(str, targets))
        raise ConfigError(f"reference: {name!r} names {len(targets)} domains; name one of {names}")
    return targets[0] if targets else None


def _targets(name: str, datasets: Mapping[str, DataSet]) -> list[Target]:
    """Return the domain of a name like `camvid/day`, or all domains for `camvid`."""
    dataset, _, domain = name.partition("/")
    if dataset not in datasets:
        raise ConfigError(f"{name}: no data set {dataset!r} in datasets; {suggestion(dataset, datasets)}")
    domains = datasets[dataset].domains
    if not domain:
        return [Target(datasets[dataset], d) for d in domains.values()]
    if domain not in domains:
        raise ConfigError(f"{name}: {dataset} has no domain {domain!r}; {suggestion(domain, domains)}")
    return [Target(datasets[dataset], domains[domain])]
