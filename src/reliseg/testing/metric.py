"""The laws of metrics."""

import math
from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from typing import TypeAlias

import numpy as np

from reliseg.errors import ReliSegError
from reliseg.metrics import METRICS, DomainState, ImageSummary, Metric, Quantity
from reliseg.results import Value
from reliseg.stats import PixelStatistics
from reliseg.stats.threshold import Threshold
from reliseg.testing import worlds
from reliseg.testing.laws import Examiner, check_specification

Key: TypeAlias = tuple[str, str, str, str]

_SIGNS = {"higher": 1, "lower": -1, "neither": 0}


def check_metric(metric: Metric) -> None:
    """Raise an AssertionError that names the first law of metrics that `metric` breaks.

    It is computed on drawn domains: usual ones, and ones without images, without annotation, of one class, of one
    pixel, all right, all wrong, all void, all unknown. The first check of a process draws them, which takes seconds,
    and keeps them, which takes about 1 GB of memory.
    """
    examiner = Examiner(f"metric {metric!r}")
    check_specification(examiner, metric, Metric)
    quantities = _check_quantities(examiner, metric)
    _check_is_pure(examiner, metric)
    for case, domain in _domains().items():
        values = _compute(examiner, metric, case, domain)
        _check_values(examiner, quantities, case, values)
        _check_rows(examiner, metric, case, domain, values)
        _check_replicates(examiner, metric, case, domain, values)
    _check_order(examiner, metric)
    _check_direction(examiner, metric, quantities)
    _check_reference(examiner, metric)
    _check_declarations(examiner, metric)


@cache
def _domains() -> Mapping[str, DomainState]:
    """Return all domains, made once; no metric can write into their arrays."""
    domains = {name: _asked(domain()) for name, domain in worlds.domains().items()}
    for domain in domains.values():
        for array in _arrays(domain).values():
            array.flags.writeable = False
    return domains


@cache
def _thresholds() -> Mapping[str, Threshold]:
    return worlds.thresholds()


def _asked(domain: DomainState) -> DomainState:
    """Return a domain with all that is chosen on other images."""
    return replace(domain, thresholds=_thresholds(), promises=worlds.promises())


@cache
def _reference() -> DomainState:
    return worlds.reference_domain()


@cache
def _full_domain(classes: int) -> DomainState:
    return worlds.full_domain(classes)


def _compute(examiner: Examiner, metric: Metric, case: str, domain: DomainState) -> list[Value]:
    """Return the numbers of a domain, compared with the usual reference."""
    with examiner.calling("compute", f"the domain {case!r}"):
        return metric.compute(domain, _reference())


def _check_quantities(examiner: Examiner, metric: Metric) -> Mapping[str, Quantity]:
    with examiner.calling("quantities", "any object"):
        quantities = metric.quantities()
    examiner.require(len(quantities) > 0, "quantities() names at least one number", "it is empty")
    for name, quantity in quantities.items():
        examiner.require(name.isidentifier(), "names of quantities are words of letters, digits and _", f"{name!r}")
        for field in ("definition", "text"):
            examiner.require(
                bool(getattr(quantity, field)), f"each quantity has a {field}", f"that of {name!r} is empty"
            )
        examiner.require(
            quantity.better in _SIGNS,
            "better is 'higher', 'lower' or 'neither'",
            f"that of {name!r} is {quantity.better!r}",
        )
        examiner.require(
            quantity.low < quantity.high,
            "the range of a quantity has low < high",
            f"that of {name!r} is {quantity.low} to {quantity.high}",
        )
    definitions = [q.definition for q in quantities.values()]
    examiner.require(
        len(set(definitions)) == len(definitions), "no two quantities have one definition", sorted(definitions)
    )
    _check_names_are_free(examiner, metric, quantities)
    return quantities


def _check_names_are_free(examiner: Examiner, metric: Metric, quantities: Mapping[str, Quantity]) -> None:
    definitions = {q.definition: name for name, q in quantities.items()}
    for family in METRICS.names():
        try:
            kind = METRICS.get(family)
            others = {} if kind is type(metric) else kind().quantities()
        except ReliSegError:  # another plug-in that cannot be loaded
            continue
        for name, other in others.items():
            law = "no other metric has a quantity of this name or definition"
            examiner.require(name not in quantities, law, f"{family} has the name {name!r}")
            examiner.require(other.definition not in definitions, law, f"{family} has {other.definition!r}")


def _check_values(examiner: Examiner, quantities: Mapping[str, Quantity], case: str, values: list[Value]) -> None:
    names = list(dict.fromkeys(v.metric for v in values))
    examiner.require(
        names == list(quantities),
        "compute() gives the names of quantities(), in their order",
        f"on the domain {case!r} {names}, not {list(quantities)}",
    )
    for v in values:
        seen = f"on the domain {case!r} {v}"
        examiner.require(
            all(type(number) is float for number in (v.value, v.lo, v.hi)), "value, lo and hi are Python floats", seen
        )
        quantity = quantities[v.metric]
        examiner.require(
            any(name == quantity.definition or name in quantity.text for name in _beginnings(v.definition)),
            "a value has the definition of its quantity, or one that the quantity's text names; what was asked for may "
            "stand behind it",
            seen,
        )
        if math.isnan(v.value):
            examiner.require(bool(v.why), "a value that is NaN says why", seen)
            examiner.require(math.isnan(v.lo) and math.isnan(v.hi), "a value that is NaN has no bracket", seen)
            continue
        low, high = quantity.low, quantity.high
        examiner.require(v.why == "", "a value that is a number has no reason why it is undefined", seen)
        examiner.require(low <= v.value <= high, f"a value lies in the range of its quantity, {low} to {high}", seen)
        examiner.require(v.lo <= v.value <= v.hi, "a value lies in its bracket, lo <= value <= hi", seen)
        examiner.require(low <= v.lo and v.hi <= high, f"a bracket lies in the range, {low} to {high}", seen)


def _beginnings(definition: str) -> tuple[str, str]:
    """Return a definition, and what it is without the part that says what was asked for, like `/risk=0.05`."""
    *parts, last = definition.split("/")
    return definition, "/".join(parts) if "=" in last else definition


def _check_rows(examiner: Examiner, metric: Metric, case: str, domain: DomainState, values: list[Value]) -> None:
    keys = _keys(values)
    examiner.require(
        len(set(keys)) == len(keys), "no value is given twice", f"on the domain {case!r} {_duplicate_keys(keys)}"
    )
    full = replace(
        _full_domain(len(domain.labels)),
        labels=domain.labels,
        annotated=domain.annotated,
        thresholds=domain.thresholds,
        promises=domain.promises,
    )
    expected = _keys(_compute(examiner, metric, f"{case}, with many images", full))
    examiner.require(
        keys == expected,
        "the rows depend on classes and scores alone: a number that has no value is given as undefined",
        f"on the domain {case!r} {keys}, on one of the same classes {expected}",
    )


def _check_replicates(examiner: Examiner, metric: Metric, case: str, domain: DomainState, values: list[Value]) -> None:
    reference = _reference()
    with examiner.calling("replicates", f"the domain {case!r}"):
        found = list(metric.replicates(domain, reference))
    names = {(v.metric, v.label, v.score) for v in values}
    units = [len(state.units) for state in (domain, reference) if state.units is not None]
    for number in found:
        seen = f"on the domain {case!r} {number.metric} {number.label} {number.score}"
        examiner.require(
            (number.metric, number.label, number.score) in names, "replicates are of numbers that compute() gives", seen
        )
        examiner.require(
            [len(left) for left in number.lefts] == units[: len(number.lefts)],
            "replicates leave out each unit of the domain, then each of the reference",
            seen,
        )


def _keys(values: list[Value]) -> list[Key]:
    return [(v.metric, v.definition, v.label, v.score) for v in values]


def _duplicate_keys(keys: list[Key]) -> list[Key]:
    return [key for key in dict.fromkeys(keys) if keys.count(key) > 1]


def _check_is_pure(examiner: Examiner, metric: Metric) -> None:
    plain = _domains()["plain"]
    copies = {name: array.copy() for name, array in plain.pixels.arrays().items()}
    images = ImageSummary(plain.images.rows.copy())
    domain = replace(plain, pixels=PixelStatistics.from_arrays(copies), images=images)
    first = _compute(examiner, metric, "plain", domain)
    before, after = _arrays(plain), _arrays(domain)
    changed = [name for name, array in after.items() if not np.array_equal(array, before[name], equal_nan=True)]
    examiner.require(not changed, "compute() does not change what it reads", f"it changed {', '.join(changed)}")
    second = _compute(examiner, metric, "plain", domain)
    examiner.require_equal(first, second, "compute() gives the same values each time", "the domain 'plain'")


def _arrays(domain: DomainState) -> dict[str, np.ndarray]:
    return {**domain.pixels.arrays(), "images.rows": domain.images.rows}


def _check_order(examiner: Examiner, metric: Metric) -> None:
    """Require the same bytes for images in another order, and nearly the same numbers for classes in another order."""
    domain = _domains()["many images"]
    values = _compute(examiner, metric, "many images", domain)
    order = np.random.default_rng(0).permutation(len(domain.images))
    permuted = replace(domain, images=ImageSummary(domain.images.rows[order]))
    examiner.require_equal(
        values,
        _compute(examiner, metric, "many images, in another order", permuted),
        "the order of images does not matter, to the last bit (math.fsum adds exactly)",
        "the domain 'many images'",
    )
    world = worlds.WORLDS["plain"]()
    numbers, other = (
        _by_label(_compute(examiner, metric, "plain", _asked(w.domain()))) for w in (world, world.reverse_classes())
    )
    law = "the order of classes does not matter"
    examiner.require(set(numbers) == set(other), law, "other rows are given")
    for key, number in numbers.items():
        close = math.isclose(number, other[key], rel_tol=1e-9, abs_tol=1e-9)
        both_undefined = math.isnan(number) and math.isnan(other[key])
        examiner.require(close or both_undefined, law, f"{key[0]} {key[1]} is {number!r}, then {other[key]!r}")


def _by_label(values: list[Value]) -> dict[tuple[str, str, str], float]:
    return {(v.metric, v.label, v.score): v.value for v in values}


def _check_direction(examiner: Examiner, metric: Metric, quantities: Mapping[str, Quantity]) -> None:
    good, bad = (
        _by_label(_compute(examiner, metric, name, _asked(domain)))
        for name, domain in zip(("a good prediction", "a bad prediction"), _unequal_domains(), strict=True)
    )
    for key in good.keys() & bad.keys():
        better = quantities[key[0]].better
        gain = _SIGNS[better] * (good[key] - bad[key])
        examiner.require(
            not gain < 0,  # NaN where one is undefined
            f"of {key[0]}, {better} is better",
            f"a prediction that is better in all has {good[key]:.6g}, a worse one {bad[key]:.6g}",
        )


@cache
def _unequal_domains() -> tuple[DomainState, DomainState]:
    return worlds.unequal_domains()


def _check_reference(examiner: Examiner, metric: Metric) -> None:
    domain = _domains()["plain"]
    with examiner.calling("compute", "a domain without reference"):
        alone = metric.compute(domain, None)
    beside = {repr(v) for v in _compute(examiner, metric, "plain", domain)}
    examiner.require(
        all(repr(v) in beside for v in alone),
        "without a reference, values that compare are left out and the others stay the same",
        [v for v in alone if repr(v) not in beside],
    )


def _check_declarations(examiner: Examiner, metric: Metric) -> None:
    """Require that the metric does without what it does not ask for: a run does not prepare it."""
    plain, reference = _domains()["plain"], _reference()
    values = _compute(examiner, metric, "plain", plain)
    if not metric.reads_classwise:
        with examiner.calling("compute", "a domain without class-wise statistics (set reads_classwise to read them)"):
            without = [replace(d, pixels=replace(d.pixels, classwise=None)) for d in (plain, reference)]
            again = metric.compute(*without)
        examiner.require_equal(values, again, "class-wise statistics are read only with reads_classwise", "'plain'")
    with examiner.calling("compute", "a domain without thresholds"):
        unthresholded = metric.compute(replace(plain, thresholds={}), reference)
    if not metric.reads_thresholds:
        examiner.require_equal(values, unthresholded, "thresholds are read only with reads_thresholds", "'plain'")
    with examiner.calling("compute", "a domain without promises"):
        unpromised = metric.compute(replace(plain, promises=()), reference)
    if not metric.reads_promises:
        examiner.require_equal(values, unpromised, "promises are read only with reads_promises", "'plain'")
    if not metric.needs_annotation:
        defined = [v for v in _compute(examiner, metric, "not annotated", _domains()["not annotated"]) if not v.why]
        examiner.require(
            len(defined) > 0,
            "a metric that needs no annotation gives a number for a domain without one",
            "all are undefined; leave needs_annotation as it is",
        )
