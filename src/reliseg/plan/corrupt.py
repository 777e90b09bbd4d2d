"""The corrupted domains that a configuration names, added to its data sets."""

from collections.abc import Iterator, Mapping

from reliseg.config.schema import RunConfig
from reliseg.corruptions import Corrupted, parse_corruption
from reliseg.data import DataSet, corrupted_dataset, corrupted_name
from reliseg.errors import ConfigError, suggestion
from reliseg.plan.plan import Target


def with_corrupted_domains(datasets: Mapping[str, DataSet], config: RunConfig) -> dict[str, DataSet]:
    """Return the data sets with every corrupted domain that is named; a ConfigError for one that cannot be.

    What is drawn depends on the run's seed. A domain that has such a name itself stays what it is.
    """
    found = dict(datasets)
    for dataset, clean, corruption in (*_named(config, datasets), *_sections(config, datasets)):
        if corrupted_name(clean, corruption) not in found[dataset].domains:
            found[dataset] = corrupted_dataset(found[dataset], clean, corruption)
    return found


def corrupted_tests(datasets: Mapping[str, DataSet], config: RunConfig) -> list[Target]:
    """Return the domains of the sections `corrupt`, which are among those of the data sets."""
    return [
        Target(datasets[dataset], datasets[dataset].domains[corrupted_name(clean, corruption)])
        for dataset, clean, corruption in _sections(config, datasets)
    ]


def _named(config: RunConfig, datasets: Mapping[str, DataSet]) -> Iterator[tuple[str, str, Corrupted]]:
    """Yield data set, clean domain and corruption of each name like `camvid/test+fog-3`."""
    for name in _names(config):
        dataset, _, domain = name.partition("/")
        clean, _, text = domain.rpartition("+")
        known = datasets[dataset].domains if dataset in datasets else {}
        if clean and domain not in known and clean.partition("+")[0] in known:
            if clean not in known:
                raise ConfigError(f"{name}: an image is corrupted once; name one corruption after the +")
            try:
                yield dataset, clean, parse_corruption(text, config.seed)
            except ConfigError as error:
                raise ConfigError(f"{name}: {error}") from error


def _names(config: RunConfig) -> Iterator[str]:
    """Yield the names of domains, wherever they stand."""
    for section in config.calibration:
        yield from (*section.on, *(section.apply or ()))
    yield from (name for promise in config.promises for name in promise.on)
    test = config.test
    yield from (*(test.on or ()), *test.allow_seen, *(name for names in test.pooled.values() for name in names))
    if test.reference:
        yield test.reference


def _sections(config: RunConfig, datasets: Mapping[str, DataSet]) -> Iterator[tuple[str, str, Corrupted]]:
    """Yield data set, clean domain and corruption of each section `corrupt`."""
    for section in config.corrupt:
        dataset, _, domain = section.of.partition("/")
        if dataset not in datasets:
            raise ConfigError(f"corrupt: of: {section.of}: no data set {dataset!r}; {suggestion(dataset, datasets)}")
        known = [name for name, d in datasets[dataset].domains.items() if not d.clean]
        if domain not in known and domain.partition("+")[0] in known:
            raise ConfigError(f"corrupt: of: {section.of}: an image is corrupted once; name what stands before the +")
        if domain and domain not in known:
            raise ConfigError(
                f"corrupt: of: {section.of}: {dataset} has no domain {domain!r}; {suggestion(domain, known)}"
            )
        for clean in [domain] if domain else known:
            for kind in section.kinds:
                for severity in section.severities:
                    yield dataset, clean, Corrupted(kind, severity, config.seed)
