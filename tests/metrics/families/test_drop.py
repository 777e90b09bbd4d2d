"""The drop against the reference domain."""

from helpers.metric_values import values_of
from helpers.worlds import world

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
