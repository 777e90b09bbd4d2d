"""The images that promises rest on: domains of their own, or the half of each calibration split that no fit reads."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from reliseg.config.requests import AcceptConfig, SetsConfig
from reliseg.conformal import Promise
from reliseg.data import Sample
from reliseg.errors import ConfigError, count_text, suggestion
from reliseg.metrics.units import Kind, scenes_are_units
from reliseg.plan.plan import Fit, PromiseGround, Target, all_members
from reliseg.remote import root_name

_Key = tuple[str, str]
"""The root of a data set, and the path of an image below it."""


def with_halves_left_out(fits: Sequence[Fit], seed: int) -> list[Fit]:
    """Return the fits without the half of their images that a seed chooses: whole scenes where these are units.

    An image is left out of all fits or of none, whichever of its domains they name.
    """
    decided: dict[_Key, bool] = {}
    for member in all_members(target for fit in fits for target in fit.on):
        _decide(member, seed, decided)
    out = {
        member: frozenset(s.id for s in member.domain.samples if decided[_key(member, s)])
        for member in all_members(target for fit in fits for target in fit.on)
    }
    return [replace(fit, left_out={m: out[m] for m in fit.members()}) for fit in fits]


def promise_grounds(
    sections: Sequence[AcceptConfig | SetsConfig], fits: Sequence[Fit], on: Sequence[tuple[Target, ...]]
) -> tuple[PromiseGround, ...]:
    """Return the images that thresholds are chosen on, with the promises; `on` are the domains of each section.

    A ConfigError for a promise that is made twice, of a class that is not known, or on too few images.
    """
    promises: dict[str, list[Promise]] = {}
    members: dict[str, tuple[Target, ...]] = {}
    for section, targets in zip(sections, on, strict=True):
        label = section.class_ if isinstance(section, AcceptConfig) else ""
        promise = Promise(section.risk, section.confidence, label, isinstance(section, SetsConfig))
        grounds = {"+".join(map(str, targets)): targets} if targets else {fit.split: fit.on for fit in fits}
        if not grounds:
            raise ConfigError(
                f"{key_of(section)}: no calibration is fitted, so there is no split to leave images out of; "
                "name domains in on:"
            )
        if targets:
            _check_unfitted(key_of(section), targets, fits)
        for name, of_ground in grounds.items():
            _check_domains(key_of(section), name, of_ground)
            _check(promise, name, of_ground[0], promises.setdefault(name, []))
            promises[name].append(promise)
            members[name] = of_ground
    own = {fit.split: fit for fit in fits}
    found = tuple(
        PromiseGround(name, tuple(all_members(members[name])), tuple(of_ground), _left_out(own.get(name)))
        for name, of_ground in promises.items()
    )
    for ground in found:
        _check_size(ground)
    return found


def key_of(asked: AcceptConfig | SetsConfig | Promise) -> str:
    """Return the key of the configuration under which a promise stands."""
    of_sets = asked.of_sets if isinstance(asked, Promise) else isinstance(asked, SetsConfig)
    return "sets" if of_sets else "accept"


def units_of(ground: PromiseGround) -> Kind:
    """Return what is drawn: scenes where the images of a scene are alike, as for intervals; else images."""
    samples = [(m.dataset.name, s.scene) for m in ground.members for s in m.domain.samples]
    return "scenes" if scenes_are_units(len(set(samples)), len(samples)) else "images"


def size_of(ground: PromiseGround) -> int:
    """Return how many units there are to choose a threshold on."""
    chosen = [(m.dataset.name, s) for m in ground.members for s in ground.chosen(m)]
    return len({(name, s.scene) for name, s in chosen}) if units_of(ground) == "scenes" else len(chosen)


def notes_on(ground: PromiseGround) -> Iterable[str]:
    """Yield a line for what may be as it is meant, and makes a promise weaker or dearer."""
    units, n = units_of(ground), size_of(ground)
    for promise in ground.promises:
        if n < promise.comfortable:
            yield (
                f"{key_of(promise)}: {promise} on {count_text(n, units[:-1])} of {ground.name} costs much more than it "
                f"must; with {promise.comfortable} or more it costs little"
            )
    scenes = {(m.dataset.name, s.scene) for m in ground.members for s in m.domain.samples}
    if units == "images" and ground.left_out and len(scenes) < n:
        yield (
            f"{key_of(ground.promises[0])}: half of the images of {ground.name} are left out of its calibrations, and "
            f"they are of the same {count_text(len(scenes), 'scene')}; what is promised holds for new images of such "
            "scenes"
        )


def _decide(member: Target, seed: int, decided: dict[_Key, bool]) -> None:
    """Decide for each image of a domain whether it is left out; those of domains before are decided."""
    samples = member.domain.samples
    by_scene = scenes_are_units(len({s.scene for s in samples}), len(samples))
    units: dict[str, list[Sample]] = {}
    for sample in samples:
        units.setdefault(sample.scene if by_scene else sample.id, []).append(sample)
    order = sorted(units, key=lambda name: hashlib.sha256(f"{seed} {member.dataset.name}/{name}".encode()).digest())
    known = {name: decided[_key(member, units[name][0])] for name in order if _key(member, units[name][0]) in decided}
    lacking = len(order) // 2 - sum(known.values())
    for name in order:
        is_out = known.get(name, lacking > 0)
        lacking -= is_out and name not in known
        for sample in units[name]:
            decided.setdefault(_key(member, sample), is_out)


def _key(member: Target, sample: Sample) -> _Key:
    return root_name(member.dataset.root), sample.image


def _left_out(fit: Fit | None) -> Mapping[Target, frozenset[str]]:
    return {} if fit is None else fit.left_out


def _check_domains(key: str, name: str, on: Sequence[Target]) -> None:
    """Refuse domains that no promise can rest on, whatever is in their images."""
    if len({t.classes for t in on}) > 1:
        raise ConfigError(f"{key}: on {name}: these domains have different classes; promise on each by itself")
    for target in on:
        if not target.domain.annotated:
            raise ConfigError(f"{key}: on {target}: this domain has no annotation; name an annotated one")


def _check(promise: Promise, name: str, first: Target, others: Sequence[Promise]) -> None:
    """Refuse a promise that is made already, or of a class that the domains do not have."""
    if promise in others:
        raise ConfigError(f"{key_of(promise)}: {promise} is promised twice on {name}; leave one of them out")
    if promise.label and promise.label not in first.classes:
        known = suggestion(promise.label, first.classes)
        raise ConfigError(f"accept: class: {first.dataset.name} has no class {promise.label!r}; {known}")


def _check_unfitted(key: str, on: Sequence[Target], fits: Sequence[Fit]) -> None:
    """Refuse promises on samples that a calibration is fitted on."""
    for fit in fits:
        files = {_key(member, sample) for member in fit.members() for sample in member.domain.samples}
        for member in all_members(on):
            shared = sorted(s.id for s in member.domain.samples if _key(member, s) in files)
            if shared:
                raise ConfigError(
                    f"{key}: on: {member} shares {count_text(len(shared), 'sample')} with {fit.split}, which "
                    f"calibrations are fitted on (first: {shared[0]}); name other images, or leave on: out"
                )


def _check_size(ground: PromiseGround) -> None:
    units, n = units_of(ground), size_of(ground)
    for promise in ground.promises:
        if n < promise.least:
            which = f"half of {ground.name}" if ground.left_out else ground.name
            alike = ", because images of a scene are alike" if units == "scenes" else ""
            way = "or name other images in on:" if ground.left_out else "or name more images"
            raise ConfigError(
                f"{key_of(promise)}: {promise} needs {promise.least} {units}, and {which} has {n}{alike}; "
                f"promise a larger risk, {way}"
            )
