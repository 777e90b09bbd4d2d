"""Building a plan: the data sets, models and calibrations of a configuration, and what speaks against it."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeAlias

from reliseg.calibration.records.record import Record
from reliseg.config.protocol import provenance
from reliseg.config.requests import CalibrationConfig
from reliseg.config.schema import RunConfig
from reliseg.config.settings import Settings
from reliseg.data import DataSet, Sample
from reliseg.data.augment import Copy
from reliseg.errors import ConfigError, count_text, suggestion
from reliseg.plan.corrupt import corrupted_tests, with_corrupted_domains
from reliseg.plan.open import limit_samples, model_loaders, open_configured_dataset
from reliseg.plan.plan import Fit, ModelSource, Plan, Pool, PromiseGround, Reported, Target, all_members
from reliseg.plan.promised import key_of, promise_grounds, with_halves_left_out
from reliseg.plan.records import StoredRecords, load_records
from reliseg.remote import Roots, root_name
from reliseg.runtime.process.garbage import no_collection

FileKey: TypeAlias = tuple[str, str]
"""The root of a data set, and the path of an image below it: two data sets may be opened on one folder."""


@no_collection()
def plan_from_config(config: RunConfig, folder: Path) -> Plan:
    """Return the plan of a configuration whose relative paths start at `folder`; opens data sets, loads no model."""
    roots = Roots()
    datasets = [open_configured_dataset(d, folder, roots) for d in config.datasets]
    models = model_loaders(config.models, folder, config)
    return plan_with(models, datasets, config, folder)


def plan_with(models: Sequence[ModelSource], opened: Sequence[DataSet], config: RunConfig, folder: Path) -> Plan:
    """Return the plan of a configuration with its models and data sets, however they were opened."""
    datasets = with_corrupted_domains({d.name: limit_samples(d, config.limit) for d in opened}, config)
    fits: list[Fit] = []
    stored: list[StoredRecords] = []
    applications: list[tuple[Sequence[str], CalibrationConfig]] = []
    for c in config.calibration:
        if c.load is None:
            fits.append(Fit(tuple(find_targets(c.on, datasets)), tuple(dict.fromkeys(c.methods))))
            applications.append(([name for name, _ in fits[-1].calibrations()], c))
        else:
            stored.append(StoredRecords.read(c.load, folder))
            records = load_records(stored[-1:], [m.name for m in models])
            applications.append(([r.name for of_model in records.values() for r in of_model], c))
    fits, grounds = _promised(config, fits, datasets)
    reported = ReportedTargets(
        None if config.test.on is None else find_targets(config.test.on, datasets),
        find_reference(config.test.reference, datasets),
        frozenset(find_targets(config.test.allow_seen, datasets)),
        _pools(config, datasets),
        _applied(applications, datasets),
        corrupted_tests(datasets, config),
        grounds,
    )
    loaded = load_records(stored, [m.name for m in models])
    plan = build_plan(tuple(models), datasets, fits, reported, config, loaded)
    for _, c in applications:
        _check_applied(c, plan, datasets)
    return replace(plan, protocol=provenance(config))


def _promised(
    config: RunConfig, fits: list[Fit], datasets: Mapping[str, DataSet]
) -> tuple[list[Fit], tuple[PromiseGround, ...]]:
    """Return the fits with what they leave out, and the images that promises rest on."""
    for fit in fits:
        _check_fit(fit)
    if any(not section.on for section in config.promises):
        fits = with_halves_left_out(fits, config.seed)
    on = []
    for section in config.promises:
        try:
            on.append(tuple(find_targets(section.on, datasets)))
        except ConfigError as error:
            raise ConfigError(f"{key_of(section)}: on: {error}") from error
    return fits, promise_grounds(config.promises, fits, on)


def _pools(config: RunConfig, datasets: Mapping[str, DataSet]) -> tuple[Pool, ...]:
    """Return the pools of a configuration; a ConfigError for one that has the name of a data set, or is no pool."""
    pools = []
    for name, domains in config.test.pooled.items():
        if name in datasets:
            raise ConfigError(f"test: pooled: {name} is the name of a data set; give the pool another one")
        pool = Pool(name, tuple(find_targets(domains, datasets)))
        if len(pool.members()) < 2:
            raise ConfigError(f"test: pooled: {name} is one domain, {domains[0]}; name several, or leave it out")
        pools.append(pool)
    return tuple(pools)


def _applied(
    applications: Sequence[tuple[Sequence[str], CalibrationConfig]], datasets: Mapping[str, DataSet]
) -> dict[str, frozenset[Target]]:
    """Return the domains that calibrations are applied to, by name; those that are applied everywhere are left out."""
    everywhere = {name for names, c in applications if c.apply is None for name in names}
    applied: dict[str, frozenset[Target]] = {}
    for names, c in applications:
        members = frozenset(all_members(find_targets(c.apply or (), datasets)))
        for name in names:
            if name not in everywhere:
                applied[name] = applied.get(name, frozenset()) | members
    return applied


def _check_applied(c: CalibrationConfig, plan: Plan, datasets: Mapping[str, DataSet]) -> None:
    """Refuse domains that calibrations of a section are said to be applied to, and cannot be."""
    tested, where = set(plan.test_domains()), f"calibration on {'+'.join(c.on)}" if c.on else f"calibration {c.load}"
    for name in c.apply or ():
        targets = find_targets([name], datasets)
        if not tested.intersection(all_members(targets)):
            raise ConfigError(f"{where}: apply: {name} is not tested; add it to test: on:, or remove it here")
        fitted = find_targets(c.on, datasets)[0].classes if c.on else targets[0].classes
        if targets[0].classes != fitted:
            raise ConfigError(f"{where}: apply: {name} has other classes than the data it is fitted on; remove it here")


@dataclass(frozen=True)
class ReportedTargets:
    """The domains that results are reported for."""

    tests: Sequence[Target] | None = None
    """None is every domain that shares no sample with a calibration split."""
    reference: Target | None = None
    """The domain that the others are compared with."""
    allow_seen: frozenset[Target] = frozenset()
    """Those that may hold samples which a calibration was fitted on."""
    pools: tuple[Pool, ...] = ()
    """Those that are reported together, beside each."""
    applied: Mapping[str, frozenset[Target]] = field(default_factory=dict)
    """By calibration, the domains that it is applied to; all of its classes where it is not named here."""
    corrupted: Sequence[Target] = ()
    """Those that are tested beside the others."""
    grounds: tuple[PromiseGround, ...] = ()
    """The images that promises rest on: none of them is tested, unless it is allowed, and none is fitted on."""


def build_plan(
    models: tuple[ModelSource, ...],
    datasets: Mapping[str, DataSet],
    fits: Sequence[Fit],
    reported: ReportedTargets,
    settings: Settings,
    loaded: Mapping[str, tuple[Record, ...]] | None = None,
) -> Plan:
    """Return a checked plan; a ConfigError where its parts contradict each other. `loaded` are records by model."""
    for f in fits:
        _check_fit(f)
    plan = Plan(
        models,
        tuple(fits),
        (),
        reported.reference,
        settings,
        loaded=loaded or {},
        allow_seen=reported.allow_seen,
        pools=reported.pools,
        applied=reported.applied,
        grounds=reported.grounds,
    )
    fitted = [(f.split, {key: str(t) for t in f.on for key in _files(t)}) for f in fits]
    fitted += [(_PROMISED, {key: str(t) for t in g.members for key in _files(t)}) for g in _own_domains(reported)]
    tests = reported.tests
    if tests is None:
        every = [t for name in datasets for t in _targets(name, datasets)]
        wherever = replace(plan, applied={})  # a calibration split is tested only where it is named
        tests = [t for t in every if t in reported.allow_seen or not _shared_samples(t, fitted, wherever)]
        if not tests:
            raise ConfigError(
                "test: no domain is left to test on, because each shares samples with a calibration split; "
                "add a domain with other samples"
            )
    plan = replace(plan, tests=tuple(dict.fromkeys([*tests, *reported.corrupted])))
    _check_reported(plan, fitted)
    for united in [*plan.reported(), *(t for f in fits for t in f.on)]:
        _check_union(united)
    _check_records(loaded or {}, fits, datasets.values())
    return plan


_PROMISED = ""
"""In the place of a split: images that no calibration is fitted on, and thresholds are chosen on."""


def _own_domains(reported: ReportedTargets) -> list[PromiseGround]:
    """Return the grounds of promises that are domains of their own."""
    return [ground for ground in reported.grounds if not ground.left_out]


def _check_reported(plan: Plan, fitted: Sequence[tuple[str, Mapping[FileKey, str]]]) -> None:
    """Refuse domains that share samples with a calibration split, unless they are allowed to."""
    for t in plan.reported_targets():
        shared = [] if t in plan.allow_seen else _shared_samples(t, fitted, plan)
        if shared:
            fit, choice = "which a calibration is fitted on (first:", "which a promise rests on (first:"
            use = fit if _is_fitted(shared[0][1], fitted) else choice
            raise ConfigError(
                f"test: {t} shares {count_text(len(shared), 'sample')} with {shared[0][1]}, {use} "
                f"{shared[0][0]}); test on other samples, or name {t} in test: allow_seen:"
            )
    untested = sorted(str(t) for t in plan.allow_seen.difference(plan.reported_targets()))
    if untested:
        raise ConfigError(f"test: allow_seen: {untested[0]} is not tested; add it to on:, or remove it here")


def _is_fitted(domain: str, fitted: Sequence[tuple[str, Mapping[FileKey, str]]]) -> bool:
    return any(domain in files.values() for split, files in fitted if split != _PROMISED)


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


def _check_union(reported: Reported) -> None:
    """Refuse a union with a sample in two of its members: its statistics are the sum of theirs."""
    seen: dict[tuple[str, str, Copy | None], Target] = {}
    for member in reported.members():
        root = root_name(member.dataset.root)
        for sample in member.domain.samples:
            other = seen.setdefault((root, sample.image, sample.copy), member)
            if other != member:
                raise ConfigError(
                    f"{reported}: {sample.id} is in {other} and in {member}; domains of a union must not share samples"
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


def _shared_samples(
    target: Target, fitted: Sequence[tuple[str, Mapping[FileKey, str]]], plan: Plan
) -> list[tuple[str, str]]:
    """Return the samples that belong to a split whose calibrations are applied to them, with its domain."""
    shared: dict[str, str] = {}
    for member in target.members():
        splits = [files for split, files in fitted if plan.split_reaches(split, member)]
        for key, sample in _files(member).items():
            for files in (f for f in splits if key in f):
                shared[sample.id] = files[key]
    return sorted(shared.items())


def _files(target: Target) -> dict[FileKey, Sample]:
    """Return the samples by image file."""
    root = root_name(target.dataset.root)
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
    """Return the domain of a name like `camvid/day`, or for `camvid` all domains that are no corrupted copies."""
    dataset, _, domain = name.partition("/")
    if dataset not in datasets:
        raise ConfigError(f"{name}: no data set {dataset!r} in datasets; {suggestion(dataset, datasets)}")
    domains = datasets[dataset].domains
    if not domain:
        return [Target(datasets[dataset], d) for d in domains.values() if not d.clean]
    if domain not in domains:
        raise ConfigError(f"{name}: {dataset} has no domain {domain!r}; {suggestion(domain, domains)}")
    return [Target(datasets[dataset], domains[domain])]
