"""Rows are chosen by one name or several; a domain may have its data set before it."""

import pytest

from reliseg.results.chosen import choose

DOMAINS = ("dusk", "day", "dusk", "fog")
DATASETS = ("camvid", "camvid", "acdc", "acdc")


@pytest.mark.parametrize(
    ("wanted", "places"),
    [
        ("dusk", [0, 2]),
        ("acdc/dusk", [2]),
        (["day", "acdc/dusk"], [1, 2]),
        (("fog", "fog"), [3]),
        ("none", []),
        ([], []),
        ("camvid", []),
    ],
)
def test_a_domain_is_called_with_its_data_set_or_without(wanted, places):
    assert choose(DOMAINS, wanted, DATASETS) == places


def test_other_values_are_equal_or_not():
    assert choose([3, None, 3, 4], None) == [1]
    assert choose([3, None, 3, 4], [3, None]) == [0, 1, 2]
    assert choose(["a/b", "b"], "b") == [1]
