"""Laws that every metric obeys by standing in the registry: those of `check_metric`, and some that only ours have."""

from dataclasses import replace

import numpy as np
import pytest
from helpers.metric_values import UNITS
from helpers.worlds import VOID, WORLDS, of_pixels, world
from hypothesis import given, settings
from hypothesis import strategies as st

from reliseg.metrics import METRICS
from reliseg.testing import check_metric

every_metric = pytest.mark.parametrize("name", METRICS.names())
PLAIN = WORLDS["plain"].domain()
REFERENCE = world(31, images=6).domain()


@every_metric
def test_it_obeys_the_laws_of_metrics(name):
    check_metric(METRICS.get(name)())


@every_metric
def test_only_what_compares_needs_a_reference(name):
    alone = METRICS.get(name)().compute(PLAIN, None)
    assert (alone == []) == (name in ("drop", "image_ood"))


@pytest.mark.parametrize("name", [name for name in METRICS.names() if METRICS.get(name).reads_classwise])
def test_class_wise_statistics_that_were_not_counted_are_an_error_and_no_number(name):
    without = [replace(d, pixels=replace(d.pixels, classwise=None)) for d in (PLAIN, REFERENCE)]
    with pytest.raises(ValueError, match="class-wise statistics were not counted"):
        METRICS.get(name)().compute(*without)


def test_metrics_for_domains_without_annotation_are_those_that_need_none():
    without = of_pixels(np.random.default_rng(0).normal(0, 3, (3, 12)), [VOID] * 12).domain(annotated=False)
    free = {name for name in METRICS.names() if not METRICS.get(name).needs_annotation}
    assert free == {"estimated_accuracy", "estimated_miou", "image_ood", "score_summary"}
    for name in free:
        values = METRICS.get(name)().compute(without, REFERENCE)
        assert values
        assert not any(v.why for v in values if not v.metric.endswith("_error"))  # which needs the annotation


@given(seed=st.integers(0, 999))
@settings(max_examples=8, deadline=None)
def test_permuting_classes_permutes_values_of_classes_and_leaves_the_others(seed):
    each = world(seed, pixels=150, classes=4, scores=("msp",), images=3)
    order = np.random.default_rng(seed).permutation(4)  # class c becomes order[c]
    truth = np.append(order, np.zeros(252))[np.where(each.known, each.truth, 0)]
    moved = type(each)(
        4,
        (0, 1, 2, 3),
        each.logits[np.argsort(order)],
        np.where(each.known, truth, each.truth).astype(np.uint8),
        each.image,
        each.scores,
    )
    renamed = {f"class-{c}": f"class-{order[c]}" for c in range(4)} | {"": ""}
    before, after = each.domain(), moved.domain()
    for name in METRICS.names():
        metric = METRICS.get(name)()
        old = {(v.metric, renamed[v.label]): v.value for v in metric.compute(before, None)}
        new = {(v.metric, v.label): v.value for v in metric.compute(after, None)}
        # sums over classes run in another order; a value may be rounded to another unit
        assert new == pytest.approx(old, abs=UNITS, nan_ok=True), name
