"""Corrupted copies of domains: the same samples, whose images are corrupted when they are decoded."""

from dataclasses import replace

from reliseg.corruptions import Corrupted
from reliseg.data.base import DataSet, Domain


def corrupted_dataset(dataset: DataSet, domain: str, corruption: Corrupted) -> DataSet:
    """Return the data set with one more domain, `DOMAIN+KIND-SEVERITY`; of a union, also with those it unites then."""
    clean = dataset.domains[domain]
    for member in clean.union:
        dataset = corrupted_dataset(dataset, member, corruption)
    copy = _corrupted(clean, corruption)
    return replace(dataset, domains={**dataset.domains, copy.name: copy})


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
