"""Laws that every metric obeys by standing in the registry: those of `check_metric`, and some that only ours have."""

from dataclasses import replace

import numpy as np
import pytest
from helpers.worlds import SCORES, VOID, WORLDS, of_pixels, world

from reliseg.metrics import METRICS, ImageSummary
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
    assert free == {"image_ood", "score_summary"}
    for name in free:
        values = METRICS.get(name)().compute(without, REFERENCE)
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
