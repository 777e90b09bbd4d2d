"""Sets of classes: what was kept, how large they are, and intervals without each unit."""

from dataclasses import replace

import numpy as np
import pytest
from helpers.worlds import World, world

from reliseg.conformal import Promise, PromisedThreshold
from reliseg.metrics.families.prediction_sets import PredictionSets
from reliseg.metrics.set_counts import SetCounts

DRAWN = world(3, images=12, pixels=900, scores=("msp",))
PROMISE = PromisedThreshold(Promise(0.1, of_sets=True), "d/cal", "images", 50, 260)


class Counted(World):
    """A world whose sets are counted."""

    @property
    def layout(self):
        return super().layout.with_extras(("sets",))


def state(keep=None):
    drawn = Counted(**vars(DRAWN if keep is None else DRAWN.only(np.isin(DRAWN.image, keep))))
    counts = SetCounts.of(drawn.table(), PROMISE.bins)
    return replace(drawn.domain(), promises=(PROMISE,), sets={PROMISE.promise.key: counts})


def values(domain):
    return {(v.metric, v.label): v for v in PredictionSets().compute(domain, None)}


def test_the_numbers_are_those_of_the_counts():
    found, counts = values(state()), state().sets["risk=0.1"]
    known, missed, others = counts.known.sum(axis=1), counts.missed.sum(axis=1), counts.others.sum(axis=1)
    assert found["sets_promised_share", ""].value == 0.1
    assert found["sets_kept_share", ""].value == pytest.approx((missed / known).mean(), rel=1e-12)
    assert found["set_size", ""].value == pytest.approx(1 + others.sum() / known.sum(), rel=1e-12)
    assert found["set_coverage", ""].value == 1 - missed.sum() / known.sum()
    of_one = found["class_set_coverage", "class-1"].value, found["class_set_size", "class-1"].value
    n = counts.known[:, 1].sum()
    assert of_one == (pytest.approx(1 - counts.missed[:, 1].sum() / n), 1 + counts.others[:, 1].sum() / n)
    assert all(v.lo <= v.value <= v.hi for v in found.values() if not v.why)


def test_what_is_not_counted_or_not_promised_says_so():
    assert values(replace(state(), sets={}))["set_size", ""].why == "its sets are not counted"
    bare = values(replace(state(), promises=()))
    assert bare["set_size", ""].why == "no promise of sets is made here; see sets:"


def test_replicates_are_the_numbers_without_each_image():
    found = {(r.metric, r.label): r for r in PredictionSets().replicates(state(), None)}
    centres = values(state())
    for i in (0, 5, 11):
        again = values(state(np.flatnonzero(np.arange(12) != i)))
        for key, replicates in found.items():
            assert replicates.centre == pytest.approx(centres[key].value, rel=1e-12)
            assert replicates.lefts[0][i] == pytest.approx(again[key].value, rel=1e-9)
