"""Records hold what stands in rows and curves, and nothing that is undefined."""

import pytest
from helpers.chart_data import CALIBRATIONS, HOSTILE, chart_results, chart_state

from reliseg.report.charts.records import (
    against_records,
    change_records,
    class_records,
    confusion_records,
    histogram_records,
    interval_records,
    reliability_records,
    risk_records,
)


def test_a_number_without_interval_has_none_and_names_stay_as_they_are():
    records = interval_records(chart_results(), "ece", score="msp")
    assert len(records) == 8
    assert {r["model"] for r in records} == {"net", HOSTILE}
    first = records[0]
    assert (first["domain"], first["value"], first["low"], first["high"]) == ("street/day", 0.05, None, None)
    dusk = next(r for r in records if r["domain"] == "street/dusk")
    assert (dusk["low"], dusk["high"]) == (pytest.approx(0.06), pytest.approx(0.09))


def test_undefined_numbers_of_classes_are_left_out():
    assert {r["class"] for r in class_records(chart_results(), "iou")} == {"road", HOSTILE}


def test_a_calibration_is_better_where_its_number_moved_the_better_way():
    lower = change_records(chart_results(), "ece", score="msp", better="lower")
    higher = change_records(chart_results(), "ece", score="msp", better="higher")
    same = change_records(chart_results(), "miou", better="higher")
    assert {r["calibration"] for r in lower} == {CALIBRATIONS[1]}
    assert [{r["change"] for r in records} for records in (lower, higher, same)] == [{"better"}, {"worse"}, {"same"}]
    assert (lower[0]["before"], lower[0]["value"]) == (0.05, pytest.approx(0.04))


def test_accuracy_stands_beside_reliability_of_the_same_place():
    records = against_records(chart_results(("net",)), "ece", score="msp")
    assert [(r["accuracy"], r["value"]) for r in records if r["calibration"] == "identity"] == [
        (0.7, 0.05),
        (pytest.approx(0.6), pytest.approx(0.07)),
    ]
    assert records[0]["series"] == "street/day"


def test_a_domain_of_five_models_tells_their_rank_correlation():
    records = against_records(chart_results(tuple("abcde")), "ece", score="msp")
    assert records[0]["series"] == "street/day (ρ = −1.00)"


def test_bins_without_pixels_are_left_out_of_a_reliability_diagram():
    first, second = reliability_records([chart_state()])
    assert (first["confidence"], first["accuracy"], first["share"]) == (0.7, 0.6, 0.2)
    assert (second["pixels"], second["confidence"], second["accuracy"]) == (80, 0.95, 0.975)


def test_an_oracle_rejects_wrong_pixels_first_and_chance_none():
    records = risk_records([chart_state()], "msp")
    lines = {kind: [(r["coverage"], r["risk"]) for r in records if r["kind"] == kind] for kind in ("oracle", "chance")}
    assert lines["oracle"][:2] == [(0.0, 0.0), (0.9, 0.0)]
    assert lines["oracle"][-1] == (1.0, pytest.approx(0.1))
    assert lines["chance"] == [(0.0, 0.1), (1.0, 0.1)]
    assert risk_records([chart_state()], "no such score") == []


def test_each_group_of_a_histogram_makes_one():
    records = histogram_records([chart_state()], "msp")
    for group in ("right", "wrong", "known", "unknown"):
        assert sum(r["share"] for r in records if r["group"] == group) == pytest.approx(1)
    known = [r["pixels"] for r in records if r["group"] == "known"]
    assert known == [16, 84]


def test_where_nothing_is_unknown_only_right_and_wrong_are_shown():
    records = histogram_records([chart_state(unknown=(0, 0))], "msp")
    assert {r["pair"] for r in records} == {"right and wrong"}


def test_classes_that_neither_occur_nor_are_predicted_are_no_part_of_a_confusion_matrix():
    records = confusion_records([chart_state()])
    assert [(r["truth"], r["predicted"], r["share"]) for r in records] == [
        ("road", "road", 0.9),
        ("road", HOSTILE, 0.1),
        (HOSTILE, "road", 0.1),
        (HOSTILE, HOSTILE, 0.9),
    ]
