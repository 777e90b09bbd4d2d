"""The drop against the reference domain."""

import numpy as np
from helpers.metric_values import values_of
from helpers.worlds import world

from reliseg.metrics.families.calibration_error import BinnedCalibrationError
from reliseg.metrics.families.drop import Drop
from reliseg.metrics.families.segmentation import Segmentation


def test_drop_is_positive_where_the_domain_is_worse():
    good, poor = world(1, noise=0.1, scores=("msp",)), world(1, noise=30.0, scores=("msp",))
    drop = {v.metric: v for v in Drop().compute(poor.domain(), good.domain())}
    assert drop["drop_miou"].value > 0.2
    assert drop["drop_ece"].value > 0.2
    other_way = {v.metric: v for v in Drop().compute(good.domain(), poor.domain())}
    assert {m: -v.value for m, v in drop.items()} == {m: v.value for m, v in other_way.items()}
    assert Drop().compute(poor.domain(), None) == []
    both = [values_of(Segmentation(), d)["miou", ""].value for d in (good, poor)]
    assert drop["drop_miou"].value == both[0] - both[1]


def test_replicates_are_differences_of_those_of_both_domains_and_as_doubtful():
    here, there = world(5, images=6).domain(), world(6, images=4).domain()
    found = {r.metric: r for r in Drop().replicates(here, there)}
    for name, metric, sign in (("miou", Segmentation(), -1), ("ece", BinnedCalibrationError(), 1)):
        a, b = (next(r for r in metric.replicates(of, None) if r.metric == name) for of in (here, there))
        drop = found[f"drop_{name}"]
        assert drop.centre == sign * (a.centre - b.centre)
        np.testing.assert_array_equal(drop.lefts[0], sign * (a.lefts[0] - b.centre))
        np.testing.assert_array_equal(drop.lefts[1], sign * (a.centre - b.lefts[0]))
        assert drop.doubt == (a.doubt or b.doubt)
    assert found["drop_miou"].doubt
