"""Laws that every metric obeys by standing in the registry, whatever the domain looks like."""

import math
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from helpers.worlds import SCORES, UNKNOWN, VOID, WORLDS, empty_domain, of_pixels, space, world

from reliseg.metrics import METRICS, DomainState, ImageSummary, Metric
from reliseg.results import Value
from reliseg.stats import Layout
from reliseg.stats.bins import RIGHT, WRONG
from reliseg.stats.threshold import Threshold

every_metric = pytest.mark.parametrize("name", METRICS.names())


def _domains() -> dict[str, DomainState]:
    three = Layout(3, SCORES)
    random = np.random.default_rng(0).normal(0, 3, (3, 12))
    found = {name: each.domain() for name, each in WORLDS.items()}
    found["no images"] = empty_domain(three, space(3))
    found["no images, not annotated"] = empty_domain(three, space(3), annotated=False)
    found["all void"] = of_pixels(random, [VOID] * 12).domain()
    found["not annotated"] = of_pixels(random, [VOID] * 12).domain(annotated=False)
    found["all unknown"] = of_pixels(random, [UNKNOWN] * 12).domain()
    found["one class"] = of_pixels(random, [1] * 12).domain()
    found["one pixel"] = of_pixels(random[:, :1], [0]).domain()
    found["one pixel, unknown"] = of_pixels(random[:, :1], [UNKNOWN]).domain()
    found["all right"] = of_pixels(random, random.argmax(axis=0)).domain()
    found["all wrong"] = of_pixels(random, random.argmin(axis=0)).domain()
    found["surely right"] = of_pixels(random * 1e3, random.argmax(axis=0)).domain()
    found["surely wrong"] = of_pixels(random * 1e3, random.argmin(axis=0)).domain()
    found["undecided"] = of_pixels(np.zeros((3, 12)), [0, 1, 2] * 4).domain()
    found["perfectly ranked"] = of_pixels([np.arange(12, 0, -1.0), np.zeros(12)], [0] * 7 + [1] * 5).domain()
    found["many images"] = world(30, images=25, pixels=250).domain()
    ranks = world(32, noise=0.8, spread=4.0).domain().pixels.ranks
    thresholds = {s: Threshold.at_accuracy(r.counts[RIGHT], r.counts[WRONG]) for s, r in ranks.items()}
    return {name: replace(domain, thresholds=thresholds) for name, domain in found.items()}


DOMAINS = _domains()
every_domain = pytest.mark.parametrize("case", DOMAINS)
REFERENCE = world(31, images=6).domain()


@cache
def values_of(name: str, case: str) -> tuple[Metric, list[Value]]:
    metric: Metric = METRICS.get(name)()
    return metric, metric.compute(DOMAINS[case], REFERENCE)


@cache
def full(classes: int) -> DomainState:
    """A domain that has all numbers."""
    return world(40, classes=classes, images=25, pixels=500).domain()


def keys(values: list[Value]) -> list[tuple[str, str, str, str]]:
    return [(v.metric, v.definition, v.label, v.score) for v in values]


@every_metric
@every_domain
def test_it_yields_its_names_in_order(name, case):
    metric, values = values_of(name, case)
    assert list(dict.fromkeys(v.metric for v in values)) == list(metric.quantities())


@every_metric
@every_domain
def test_values_are_in_their_range_and_brackets_or_undefined_with_a_reason(name, case):
    metric, values = values_of(name, case)
    for v in values:
        quantity = metric.quantities()[v.metric]
        if math.isnan(v.value):
            assert v.why, v
            assert math.isnan(v.lo), v
            assert math.isnan(v.hi), v
        else:
            assert v.why == "", v
            assert quantity.low <= v.value <= quantity.high, v
            assert v.lo <= v.value <= v.hi, v
            assert quantity.low <= v.lo, v
            assert v.hi <= quantity.high, v
            assert type(v.value) is type(v.lo) is type(v.hi) is float


@every_metric
@every_domain
def test_no_value_is_given_twice(name, case):
    _, values = values_of(name, case)
    assert len(set(keys(values))) == len(values)


@every_metric
@every_domain
def test_the_rows_do_not_depend_on_the_data(name, case):
    """A table has the same lines for a domain without pixels as for any other of its classes and scores."""
    domain = DOMAINS[case]
    like = replace(full(len(domain.labels)), labels=domain.labels, annotated=domain.annotated)
    expected = METRICS.get(name)().compute(like, REFERENCE)
    assert keys(values_of(name, case)[1]) == keys(expected)


@every_metric
def test_definitions_are_of_the_quantity(name):
    """Image-level OOD has two definitions of each name; the second only in place of the kind of pixels."""
    metric, values = values_of(name, "plain")
    for v in values:
        assert v.definition.replace("ood/all-pixels", "ood/known-pixels") == metric.quantities()[v.metric].definition


def test_names_and_definitions_are_unique_over_all_metrics():
    quantities = [(m, q) for name in METRICS.names() for m, q in METRICS.get(name)().quantities().items()]
    names, definitions = [m for m, _ in quantities], [q.definition for _, q in quantities]
    assert len(set(names)) == len(names)
    assert len(set(definitions)) == len(definitions)
    for _, quantity in quantities:
        assert quantity.text
        assert quantity.low < quantity.high
        assert quantity.better in ("higher", "lower", "neither")


@every_metric
def test_it_does_not_change_what_it_reads(name):
    domain = DOMAINS["plain"]
    before = {k: a.copy() for k, a in domain.pixels.arrays().items()}
    assert repr(METRICS.get(name)().compute(domain, REFERENCE)) == repr(values_of(name, "plain")[1])  # nan is not nan
    for key, array in before.items():
        np.testing.assert_array_equal(domain.pixels.arrays()[key], array)


@every_metric
def test_the_reference_changes_only_what_compares(name):
    metric = METRICS.get(name)()
    alone = metric.compute(DOMAINS["plain"], None)
    if name in ("drop", "image_ood"):
        assert alone == []
    else:
        assert str(alone) == str(metric.compute(DOMAINS["plain"], REFERENCE))


@every_metric
def test_a_metric_reads_class_wise_statistics_only_if_it_says_so(name):
    """Where it does and they were not counted, that is an error, and no number."""
    domains = DOMAINS["plain"], REFERENCE
    without = [replace(d, pixels=replace(d.pixels, classwise=None)) for d in domains]
    metric = METRICS.get(name)()
    if metric.reads_classwise:
        with pytest.raises(ValueError, match="class-wise statistics were not counted"):
            metric.compute(*without)
    else:
        assert str(metric.compute(*without)) == str(metric.compute(*domains))


def test_metrics_for_domains_without_annotation_are_those_that_need_none():
    free = {name for name in METRICS.names() if not METRICS.get(name).needs_annotation}
    assert free == {"image_ood", "score_summary"}
    for name in free:
        values = METRICS.get(name)().compute(DOMAINS["not annotated"], REFERENCE)
        assert values
        assert not any(v.why for v in values)


def test_summaries_of_shards_together_are_the_summary_of_all():
    each = world(50, images=6, pixels=120)
    union, whole = ImageSummary.allocate(6, len(SCORES)), ImageSummary.of(each.table())
    for i in range(6):
        union.rows[i] = ImageSummary.of(each.observe(np.flatnonzero(each.image == i), f"{i}")[1]).rows[0]
    assert len(union) == len(whole) == 6
    for field in ("known", "miou", "ece", "scores"):
        np.testing.assert_array_equal(getattr(union, field), getattr(whole, field))
    nothing = ImageSummary.allocate(0, len(SCORES))
    assert len(nothing) == 0
    assert nothing.scores.shape == (0, len(SCORES), 2)
