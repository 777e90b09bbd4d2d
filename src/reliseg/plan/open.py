"""Data sets and models of a configuration, opened."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

from reliseg.config.inputs import ENSEMBLE, IN_MEMORY, DataConfig, ModelConfig
from reliseg.config.settings import Settings
from reliseg.data import DataOptions, DataSet, Domain, open_dataset, open_empty
from reliseg.errors import ConfigError, ModelError
from reliseg.labels import LabelSpace, label_space
from reliseg.models import Model, ModelOptions
from reliseg.models.calling import load_model
from reliseg.plan.plan import ModelSource, Target, all_members
from reliseg.remote import Roots, root_from_text

_AGAIN = "call reliseg.evaluate again, or write here"


def open_configured_dataset(config: DataConfig, folder: Path, roots: Roots | None = None) -> DataSet:
    """Open the data set of a section; relative paths start at `folder`, and `roots` are listed already."""
    return open_dataset(_data_options(config, folder), roots)


def open_without_files(config: DataConfig, folder: Path) -> DataSet:
    """Return the data set of a section without domains: its images need not be on this machine."""
    return open_empty(_data_options(config, folder))


def _data_options(config: DataConfig, folder: Path) -> DataOptions:
    if config.spec == IN_MEMORY:
        raise ConfigError(
            f"data set {config.name} was an object in Python; {_AGAIN} the name or .toml file of its spec"
        )
    paths: dict[str, Any] = {"root": root_from_text(config.root), "folder": folder}
    paths |= {"image": config.image or (), "mask": config.mask or ()}
    return DataOptions(**config.model_dump() | paths)


def limit_samples(dataset: DataSet, limit: int | None) -> DataSet:
    """Return the data set with at most `limit` samples of each domain."""
    if limit is None:
        return dataset
    return replace(dataset, domains={n: _limit_domain(d, dataset, limit) for n, d in dataset.domains.items()})


def _limit_domain(domain: Domain, dataset: DataSet, limit: int) -> Domain:
    """Return the domain with its first `limit` samples; a union has those of the domains that it is made of."""
    if not domain.union:
        return replace(domain, samples=domain.samples[:limit])
    members = all_members(Target(dataset, dataset.domains[name]) for name in domain.union)
    of_members = {sample for member in members for sample in member.domain.samples[:limit]}
    return replace(domain, samples=tuple(s for s in domain.samples if s in of_members))


def model_loaders(configs: Sequence[ModelConfig], folder: Path, settings: Settings) -> list[ModelSource]:
    """Return the models of all sections; an ensemble loads its members anew when its turn comes."""
    by_name: dict[str, ModelSource] = {}
    for config in sorted(configs, key=lambda c: c.kind == ENSEMBLE):
        by_name[config.name] = model_loader(config, folder, settings, by_name)
    return [by_name[config.name] for config in configs]


def model_loader(
    config: ModelConfig, folder: Path, settings: Settings, others: Mapping[str, ModelSource] = MappingProxyType({})
) -> ModelSource:
    """Return the model of a section, to be loaded when its turn comes; relative paths start at `folder`.

    `others` are models that may be members of an ensemble.
    """
    if config.kind == IN_MEMORY:
        raise ConfigError(
            f"model {config.name} was an object in Python; {_AGAIN} kind: python, where: FILE.py:FUNCTION"
        )

    def load() -> Model:
        same = {f.name: getattr(config, f.name) for f in fields(ModelOptions) if f.name in ModelConfig.model_fields}
        own = {
            "members": {name: others[name].load for name in config.members},
            "seed": settings.seed,
            "weights": Path(config.weights).expanduser() if config.weights else None,
            "align_corners": config.upsampling.align_corners if config.upsampling else None,
            "device": settings.device,
            "threads": settings.threads,
            "folder": folder,
        }
        name = f"model {config.name}"
        try:
            options = ModelOptions(**same | own | {"labels": _labels(config, folder)})
            return load_model(config.kind, options)
        except (ConfigError, ModelError) as error:
            text = str(error)
            raise type(error)(text if name in text else f"{name}: {text}") from error

    return ModelSource(config.name, load, _description(config, folder, settings, others))


def _description(config: ModelConfig, folder: Path, settings: Settings, others: Mapping[str, ModelSource]) -> str:
    """Return all that says how a model is loaded; "" where that cannot be told without loading it."""
    try:
        labels = _labels(config, folder)
    except ConfigError:  # loading it says so
        return ""
    members = {name: others[name].described for name in config.members}
    if not all(members.values()):
        return ""
    section = config.absolute(folder).model_dump() | {"name": "", "labels": labels and asdict(labels)}
    running = {"device": settings.device, "threads": settings.threads, "seed": settings.seed}
    return json.dumps([section, running, members], default=_sorted)


def _sorted(values: frozenset[int]) -> list[int]:
    return sorted(values)


def _labels(config: ModelConfig, folder: Path) -> LabelSpace | None:
    if config.labels is None:
        return None
    path = folder / Path(config.labels).expanduser()
    return label_space(str(path) if path.suffix == ".toml" else config.labels)
