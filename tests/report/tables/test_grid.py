"""Which numbers stand where."""

import math

import pytest
from helpers.result_rows import result_row

from reliseg.errors import ConfigError
from reliseg.report.tables.grid import Wanted, competitors, grid_of

ROWS = [
    result_row(value, metric=metric, model=model, domain=domain, calibration=calibration, score=score)
    for model in ("net", "other")
    for domain in ("day", "dusk")
    for calibration in ("ts@street/cal", "identity")
    for metric, score, value in (
        ("miou", "", 0.7),
        ("ece", "msp", 0.1),
        ("prr", "margin", 60.0),
        ("prr", "msp", 65.0),
    )
]
CLASSES = [result_row(0.5, metric="iou", class_=name) for name in ("road", "sky")]


def test_models_and_calibrations_go_down_domains_and_metrics_along_by_default():
    grid = grid_of(ROWS, Wanted())
    assert grid.row_axes == ("model", "calibration")
    assert grid.row_keys[:2] == (("net", "identity"), ("net", "ts@street/cal"))
    assert grid.column_axes == ("domain", "metric")
    assert grid.column_keys[:3] == (("street/day", "miou"), ("street/day", "ece"), ("street/day", "prr"))
    assert grid.cells[("net", "identity"), ("street/day", "prr")].score == "msp"


def test_what_is_not_placed_is_shown_without_calibration_and_said():
    grid = grid_of(ROWS, Wanted(rows=["model"], columns=["domain"], names={"metric": ["miou"]}))
    assert {row.calibration for row in grid.cells.values()} == {"identity"}
    assert grid.shared == {"calibration": "identity", "score": "", "class": "", "metric": "miou"}


def test_names_come_in_the_order_of_the_user():
    names = {"metric": ["ece", "miou"], "domain": ["dusk", "street/day"], "model": ["other", "net"]}
    grid = grid_of(ROWS, Wanted(rows=["metric"], columns=["domain", "model"], names=names))
    assert grid.row_keys == (("ece",), ("miou",))
    assert grid.column_keys[0] == ("street/dusk", "other")


def test_scores_are_an_axis_too():
    grid = grid_of(ROWS, Wanted(rows=["score"], names={"metric": ["prr"], "model": ["net"], "domain": ["day"]}))
    assert grid.row_keys == (("margin",), ("msp",))


def test_classes_are_an_axis_or_named():
    by_class = grid_of(CLASSES, Wanted(rows=["class"]))
    assert by_class.row_keys == (("road",), ("sky",))
    named = grid_of(CLASSES, Wanted(names={"class": ["sky"]}))
    assert named.shared["class"] == "sky"


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        (Wanted(rows=["modle"]), "nothing is called 'modle' that rows or columns go by; did you mean 'model'?"),
        (Wanted(rows=["model"], columns=["model"]), "model stands twice in --rows and --columns"),
        (Wanted(rows=["model"], columns=["metric"]), "there are 2 domains (street/day, street/dusk), and domain is"),
        (Wanted(names={"metric": ["eec"]}), "no row has metric 'eec'; did you mean 'ece'?"),
        (Wanted(names={"model": ["ohter"]}), "no row has model 'ohter'; did you mean 'other'?"),
        (Wanted(names={"class": ["road"], "metric": ["ece"]}), "ece is not measured for single classes"),
        (Wanted(names={"metric": ["prr"], "score": ["msp", "margin"]}), "several names are given by --score"),
    ],
)
def test_what_is_missing_or_ambiguous_is_one_line(wanted, said):
    with pytest.raises(ConfigError) as caught:
        grid_of(ROWS, wanted)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_metric_of_single_classes_needs_an_axis_for_them():
    with pytest.raises(ConfigError, match="iou is of single classes; add class to --rows or --columns"):
        grid_of([*ROWS, *CLASSES], Wanted(names={"metric": ["iou"]}))
    with pytest.raises(ConfigError, match="none of the usual metrics"):
        grid_of([result_row(metric="brier")], Wanted())


def test_a_definition_with_a_value_stands_for_one_without_and_several_splits_are_said():
    first = result_row(math.nan, metric="transfer_risk95", fitted_on="a/cal", definition="x/1")
    second = result_row(0.1, metric="transfer_risk95", fitted_on="a/cal", definition="x/2")
    third = result_row(0.2, metric="transfer_risk95", fitted_on="b/cal", definition="x/2")
    grid = grid_of([first, second, third], Wanted(names={"metric": ["transfer_risk95"]}))
    assert [row.value for row in grid.cells.values()] == [0.1]
    assert grid.notes == ("transfer_risk95 has several splits; this is that of a/cal",)


def test_numbers_of_one_metric_on_one_domain_are_compared():
    groups = list(competitors(grid_of(ROWS, Wanted())))
    assert all(len({(r.metric, r.domain) for r in group}) == 1 for group in groups)
    assert {len(group) for group in groups} == {4}
