"""Names pick the rows that have them, and a name that picks none is answered with those that there are."""

import re

import pytest
from helpers.result_rows import HOSTILE, result_row

from reliseg.errors import ConfigError
from reliseg.report.selection import pick_rows, row_names
from reliseg.results import Results

TABLE = Results(
    (
        result_row(0.1),
        result_row(0.2, domain="night"),
        result_row(0.3, calibration="ts@street/cal"),
        result_row(0.4, model="other"),
        result_row(0.5, dataset="field"),
        result_row(0.6, metric="iou", class_="traffic light"),
        result_row(0.7, metric="iou", class_=""),
    )
)


def picked(metric: str, **parts: str | list[str]) -> list[float]:
    wanted = {"metric": metric} | {("class" if name == "class_" else name): value for name, value in parts.items()}
    lists = [(column, [name] if isinstance(name, str) else name) for column, name in wanted.items()]
    return [row.value for row in pick_rows(TABLE.rows, lists, "runs/a")]


def test_what_is_not_named_may_be_anything():
    assert picked("ece") == [0.1, 0.2, 0.3, 0.4, 0.5]
    assert picked("ece", model="net") == [0.1, 0.2, 0.3, 0.5]
    assert picked("ece", calibration="identity", model="net") == [0.1, 0.2, 0.5]


def test_one_of_several_names_is_enough_and_each_must_be_there():
    assert picked("ece", domain=["night", "field/dusk"]) == [0.2, 0.5]
    with pytest.raises(ConfigError, match="has domain 'street/nigth'; did you mean"):
        picked("ece", domain=["street/dusk", "street/nigth"])


def test_a_domain_is_named_with_its_data_set_or_without():
    assert picked("ece", domain="dusk") == [0.1, 0.3, 0.4, 0.5]
    assert picked("ece", domain="field/dusk") == [0.5]
    assert picked("ece", dataset="field", domain="dusk") == [0.5]


def test_a_class_is_named_and_all_classes_are_an_empty_name():
    assert picked("iou") == [0.6, 0.7]
    assert picked("iou", class_="traffic light") == [0.6]
    assert picked("iou", class_="") == [0.7]


@pytest.mark.parametrize("name", HOSTILE)
def test_any_name_is_found(name):
    table = Results((result_row(0.1, model=name), result_row(0.2, model="b")))
    assert [row.value for row in pick_rows(table.rows, [("model", [name])], "run")] == [0.1]
    assert row_names("model")(table.rows[0]) == (name,)


@pytest.mark.parametrize(
    ("metric", "parts", "message"),
    [
        ("eec", {}, "runs/a: no row has metric 'eec'; did you mean 'ece'? known: ece, iou"),
        ("ece", {"model": "nett"}, "no row with metric 'ece' has model 'nett'; did you mean 'net'? known: net, other"),
        (
            "ece",
            {"model": "other", "domain": "night"},
            "no row with metric 'ece' and model 'other' has domain 'night'; known: street/dusk",
        ),
        ("iou", {"class_": "tree"}, "no row with metric 'iou' has class 'tree'; known: \"\", traffic light"),
    ],
)
def test_a_quantity_without_a_row_is_an_error_that_says_what_there_is(metric, parts, message):
    with pytest.raises(ConfigError, match=re.escape(message)):
        picked(metric, **parts)


def test_an_empty_table_has_no_metric():
    with pytest.raises(ConfigError, match="no row has metric 'ece'; known: none"):
        pick_rows((), [("metric", ["ece"])], "runs/a")
