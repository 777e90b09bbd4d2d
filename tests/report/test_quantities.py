"""Which way is worse is what the families of metrics say."""

import pytest

from reliseg.errors import ConfigError
from reliseg.metrics import METRICS
from reliseg.report.quantities import known_quantities, sign_of_worse


def test_every_number_of_every_family_is_known():
    for family in METRICS.names():
        assert METRICS.get(family)().quantities().items() <= known_quantities().items()


def test_the_direction_is_that_of_the_metric():
    assert sign_of_worse("ece") == sign_of_worse("drop_miou") == 1
    assert sign_of_worse("miou") == sign_of_worse("prr") == -1


def test_a_metric_without_a_direction_and_one_that_is_not_known_are_refused():
    with pytest.raises(ConfigError, match="flip_rate: neither a larger nor a smaller value is worse; use another"):
        sign_of_worse("flip_rate")
    with pytest.raises(ConfigError, match="their_metric: no installed package has this metric, so"):
        sign_of_worse("their_metric")
