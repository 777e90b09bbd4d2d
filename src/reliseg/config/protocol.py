"""Protocols: whole studies that ship as configurations with their models and the places of their data left open.

A protocol is one file in `protocols/`, in the language of configurations, with `about` (one line) and `version`. Where
what a study did and what it says differ, the file has `readings`, a configuration for each; the first is the usual one.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from reliseg.calibration import canonical_text
from reliseg.config.schema import RunConfig, parse_config
from reliseg.config.settings import Settings
from reliseg.config.yaml_files import read_yaml
from reliseg.errors import ConfigError, suggestion
from reliseg.registry import shipped_files

_MACHINE = {"device", "threads", "batch"}
"""Settings that say how a run is carried out, and not what is measured."""


@dataclass(frozen=True)
class Protocol:
    """A named and versioned choice of data, splits, calibrations, scores and metrics.

    `content` is a configuration without models, whose data sets have no root.
    """

    name: str
    version: int
    about: str
    content: Mapping[str, Any]
    reading: str | None = None
    """Which of its readings this is; None for a protocol that can be read in one way."""

    @property
    def facts(self) -> dict[str, Any]:
        """What a configuration and its results say of the protocol: name, version, and reading, if it has several."""
        return {"name": self.name, "version": self.version} | ({"reading": self.reading} if self.reading else {})

    def domains(self) -> list[str]:
        """Return the data sets and domains, all of which can be left out."""
        sets = self.content["datasets"]
        return [name for d in sets for name in (d["name"], *(f"{d['name']}/{domain}" for domain in d["domains"]))]

    def without(self, names: Sequence[str]) -> dict[str, Any]:
        """Return the content without some data sets (`idd`) and domains (`acdc/fog`), wherever they are named.

        Calibration sets that are empty then, applied nowhere, or part of an earlier one, are left out too, and pools
        of fewer than two domains.
        """
        for name in names:
            if name not in self.domains():
                raise ConfigError(f"--without {name}: not in {self.name}; {suggestion(name, self.domains())}")
        reference = self.content["test"]["reference"]
        if any(_is_in(reference, n) for n in names):
            raise ConfigError(f"--without: {reference} is the reference of {self.name}; it cannot be left out")
        datasets = [_without_domains(d, names) for d in self.content["datasets"]]
        datasets = [d for d in datasets if d["domains"]]
        domains = {f"{d['name']}/{domain}" for d in datasets for domain in d["domains"]}
        tested = [name for name in self.content["test"]["on"] if name in domains]
        sets = {name.partition("/")[0] for name in tested}
        calibration: list[dict[str, Any]] = []
        for section in self.content["calibration"]:
            reduced = {**section, "on": [name for name in section["on"] if name in domains]}
            if "apply" in section:
                reduced["apply"] = [name for name in section["apply"] if name in {*tested, *sets}]
            is_fitted = any(c["on"] == reduced["on"] and {*reduced["methods"]} <= {*c["methods"]} for c in calibration)
            if reduced["on"] and reduced.get("apply", True) and not is_fitted:
                calibration.append(reduced)
        test = {**self.content["test"], "on": tested}
        pools = {n: [m for m in members if m in domains] for n, members in test.pop("pooled", {}).items()}
        if pools := {name: members for name, members in pools.items() if len(members) > 1}:
            test["pooled"] = pools
        return {**self.content, "datasets": datasets, "calibration": calibration, "test": test}

    def configuration(
        self,
        models: Sequence[Mapping[str, Any]],
        data: Sequence[Mapping[str, Any]],
        *,
        without: Sequence[str] = (),
        methods: Sequence[str] = (),
        scores: Sequence[str] = (),
    ) -> dict[str, Any]:
        """Return the content of a whole configuration, every word of it written out.

        `data` holds for each data set its `name`, `root`, and keys that replace the protocol's; `methods` and `scores`
        replace all of the protocol's if there are any.
        """
        content = self.without(without)
        own = {str(d["name"]): d for d in data}
        names = [d["name"] for d in content["datasets"]]
        for name in own:
            if name not in names:
                raise ConfigError(f"--data {name}: not among the data sets of {self.name}; {suggestion(name, names)}")
        if len(own) < len(data):
            raise ConfigError(f"--data names a data set twice; give each of {', '.join(names)} once")
        missing = [name for name in names if name not in own]
        if missing:
            raise ConfigError(
                f"{self.name} needs {' and '.join(f'--data {n}=ROOT' for n in missing)}; leave out what you do not "
                f"have with {' '.join(f'--without {n}' for n in missing)}"
            )
        content["datasets"] = [{**d, **own[d["name"]]} for d in content["datasets"]]
        if methods:
            content["calibration"] = [{**c, "methods": list(methods)} for c in content["calibration"]]
        if scores:
            content["scores"] = list(scores)
        return {"models": list(models), **content, "protocol": self.facts}


def protocol_names() -> list[str]:
    """Return the names of the protocols that ship with reliseg."""
    return list(_protocol_files())


def read_protocol(name: str, reading: str | None = None) -> Protocol:
    """Read the protocol of this name, in the usual reading or another; a ConfigError suggests what is nearest."""
    path = _protocol_files().get(name.replace("_", "-"))
    if path is None:
        raise ConfigError(f"unknown protocol {name!r}; {suggestion(name, protocol_names())}")
    content = dict(read_yaml(path))
    name, version, about = path.stem.replace("_", "-"), int(content.pop("version")), content.pop("about")
    readings = content.pop("readings", {})
    if reading is not None and reading not in readings:
        known = suggestion(reading, readings) if readings else "leave the reading out"
        raise ConfigError(f"protocol {name} has no reading {reading!r}; {known}")
    if readings:
        reading = reading or next(iter(readings))
        content = readings[reading]
    return Protocol(name, version, about, content, reading)


def protocol_readings(name: str) -> list[str]:
    """Return the readings of the protocol of this name, the usual one first; none where it can be read in one way."""
    return list(read_yaml(_protocol_files()[name]).get("readings", {}))


def protocol_lines() -> Iterator[str]:
    """Yield the lines of `reliseg list protocols`."""
    for name in protocol_names():
        protocol = read_protocol(name)
        sets = ", ".join(d["name"] for d in protocol.content["datasets"])
        readings = protocol_readings(name)
        more = f"; readings: {', '.join(readings)}" if readings else ""
        yield f"{name}  version {protocol.version}; {protocol.about}; data: {sets}{more}"


def provenance(config: RunConfig) -> dict[str, Any] | None:
    """Return the protocol that a configuration names, and all that differs from it; None where it names none."""
    if config.protocol is None:
        return None
    facts = read_protocol(config.protocol.name, config.protocol.reading).facts
    return facts | {"version": config.protocol.version, "changed": changes(config)}


def changes(config: RunConfig) -> list[str]:
    """Return where a configuration differs from the protocol that it names, found by comparing all of it."""
    assert config.protocol is not None
    protocol = read_protocol(config.protocol.name, config.protocol.reading)
    lines = []
    if config.protocol.version != protocol.version:
        lines.append(f"version {config.protocol.version}, compared with {protocol.version}")
    present = {name for d in config.datasets for name in (d.name, *(f"{d.name}/{n}" for n in d.domains or {}))}
    absent = [name for name in protocol.domains() if name not in present]
    absent = [name for name in absent if name.partition("/")[0] == name or name.partition("/")[0] not in absent]
    lines += [f"without {name}" for name in absent]
    reference = protocol.content["test"]["reference"]
    expected = protocol.without([name for name in absent if not _is_in(reference, name)])
    return lines + list(_differences(config, expected))


def _differences(config: RunConfig, expected: Mapping[str, Any]) -> Iterator[str]:
    places = {d.name: {"root": d.root, "listing": d.listing} for d in config.datasets}
    datasets = [{**d, **places.get(d["name"], {"root": ""})} for d in expected["datasets"]]
    unchanged = {"models": [m.model_dump() for m in config.models], "calibration": [], "datasets": datasets}
    other = parse_config({**expected, **unchanged}, where="protocol")
    theirs = {d.name: d for d in other.datasets}
    for dataset in config.datasets:
        if dataset.name not in theirs:
            yield f"with {dataset.name}"
        elif dataset != theirs[dataset.name]:
            yield f"datasets.{dataset.name}"
    if [c.on for c in config.calibration] != [c["on"] for c in expected["calibration"]]:
        yield "calibration.on"
    expected_sections = {tuple(c["on"]): c for c in expected["calibration"]}
    pairs = [(c, expected_sections[tuple(c.on)]) for c in config.calibration if tuple(c.on) in expected_sections]
    if any(c.methods != [_method_name(m) for m in other["methods"]] for c, other in pairs):
        yield "calibration.methods"
    if any(c.apply != other.get("apply") for c, other in pairs):
        yield "calibration.apply"
    for key in ("test", *(key for key in Settings.model_fields if key not in _MACHINE)):
        if getattr(config, key) != getattr(other, key):
            yield key


def _method_name(method: str) -> str:
    """Return the one way to write a method; as it is where it is not installed here."""
    try:
        return canonical_text(method)
    except ConfigError:
        return method


def _is_in(target: str, name: str) -> bool:
    """Tell whether a domain such as `cityscapes/test` is this domain, or of this data set."""
    return target == name or target.partition("/")[0] == name


def _without_domains(dataset: Mapping[str, Any], names: Sequence[str]) -> dict[str, Any]:
    """Return a data set without the domains of these names, also in its unions."""
    excluded = {domain for domain in dataset["domains"] if any(_is_in(f"{dataset['name']}/{domain}", n) for n in names)}
    domains = {}
    for domain, selection in dataset["domains"].items():
        if domain not in excluded and "union" in selection:
            selection = {"union": [member for member in selection["union"] if member not in excluded]}
        if domain not in excluded and selection.get("union", [domain]):
            domains[domain] = selection
    return {**dataset, "domains": domains}


def _protocol_files() -> dict[str, Path]:
    shipped = shipped_files("reliseg.config", "protocols/*.yaml")
    return {name.replace("_", "-"): path for name, path in shipped.items()}
