"""Corrupted copies of domains: the same samples, whose images are corrupted when they are decoded."""

from dataclasses import replace

from reliseg.corruptions import Corrupted
from reliseg.data.base import DataSet, Domain, Sample
from reliseg.data.depth import depth_files
from reliseg.errors import ConfigError, DataError


def corrupted_dataset(dataset: DataSet, domain: str, corruption: Corrupted) -> DataSet:
    """Return the data set with one more domain, `DOMAIN+KIND-SEVERITY`; of a union, also with those it unites then.

    A ConfigError or DataError where the corruption needs depth, and there is none.
    """
    clean = dataset.domains[domain]
    for member in clean.union:
        dataset = corrupted_dataset(dataset, member, corruption)
    samples = _with_depth(dataset, clean, corruption) if corruption.reads_depth else clean.samples
    copy = _corrupted(replace(clean, samples=samples), corruption)
    return replace(dataset, domains={**dataset.domains, copy.name: copy})


def _with_depth(dataset: DataSet, clean: Domain, corruption: Corrupted) -> tuple[Sample, ...]:
    """Return the samples of a domain with the files that tell how far everything is."""
    where = f"{dataset.name}/{corrupted_name(clean.name, corruption)}"
    if dataset.depth is None:
        raise ConfigError(
            f"{where}: {corruption.kind} needs to know how far everything is, and the spec of {dataset.name} names no "
            "depth maps; give it a table [depth], or leave the corruption out"
        )
    try:
        files = depth_files(dataset.depth, dataset.root, (sample.image for sample in clean.samples))
    except DataError as error:
        raise DataError(f"{where}: {error}") from error
    return tuple(replace(sample, depth=files[sample.image]) for sample in clean.samples)


def corrupted_name(domain: str, corruption: Corrupted) -> str:
    """Return what the corrupted copy of a domain is called: `test+fog-3`."""
    return f"{domain}+{corruption.name}"


def _corrupted(clean: Domain, corruption: Corrupted) -> Domain:
    return replace(
        clean,
        name=corrupted_name(clean.name, corruption),
        samples=tuple(replace(sample, corruption=corruption) for sample in clean.samples),
        union=tuple(corrupted_name(member, corruption) for member in clean.union),
        corruption=corruption,
        clean=clean.name,
    )
