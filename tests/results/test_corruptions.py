"""What corruptions cost: numbers beside the clean ones, means and worst cases."""

import math

import pytest
from helpers.result_rows import result_row as row

from reliseg.results.corruptions import (
    CorruptedDomain,
    corrupted_domains,
    corruption_rows,
    corruptions_text,
    read_corruptions,
)
from reliseg.results.names import CORRUPTIONS_FILE

CORRUPTED = {("street", f"day+{kind}-{s}"): CorruptedDomain("day", kind, s) for kind in ("fog", "snow") for s in (1, 5)}
MIOU = {"day": 0.8, "day+fog-1": 0.7, "day+fog-5": 0.3, "day+snow-1": 0.6, "day+snow-5": 0.4}


def rows_of(values, metric="miou"):
    return [row(value, domain=domain, metric=metric) for domain, value in values.items()]


def table(rows, corrupted=CORRUPTED):
    better = {"miou": "higher", "ece": "lower", "n": "neither"}
    return {(r.metric, r.kind, r.severity): r for r in corruption_rows(rows, corrupted, better)}


def test_each_number_stands_beside_the_clean_one_with_means_and_the_worst():
    found = table(rows_of(MIOU))
    fog = found["miou", "fog", "5"]
    assert (fog.domain, fog.at, fog.value, fog.clean) == ("day", "day+fog-5", 0.3, 0.8)
    assert (fog.degradation, fog.relative) == pytest.approx((0.5, 0.625))
    mean = found["miou", "fog", "mean"]
    assert (mean.value, mean.degradation, mean.relative) == pytest.approx((0.5, 0.3, 0.375))
    assert (found["miou", "snow", "worst"].at, found["miou", "snow", "worst"].value) == ("day+snow-5", 0.4)
    assert found["miou", "all", "1"].value == pytest.approx(0.65)
    assert found["miou", "all", "mean"].degradation == pytest.approx(0.3)
    assert found["miou", "all", "worst"].at == "day+fog-5"


def test_means_are_of_all_severities_of_a_kind_in_whatever_order_they_are_asked_for():
    mixed = {name: MIOU[name] for name in ("day", "day+fog-1", "day+snow-1", "day+fog-5", "day+snow-5")}
    rows = list(corruption_rows(rows_of(mixed), CORRUPTED, {"miou": "higher"}))
    means = [(r.kind, r.value) for r in rows if r.severity == "mean"]
    assert means == [("fog", pytest.approx(0.5)), ("snow", pytest.approx(0.5)), ("all", pytest.approx(0.5))]


def test_a_number_below_zero_gets_worse_in_the_same_direction():
    found = table(rows_of({"day": -0.2, "day+fog-1": -0.3}))
    assert (found["miou", "fog", "1"].degradation, found["miou", "fog", "1"].relative) == pytest.approx((0.1, 0.5))


def test_where_less_is_better_more_is_a_degradation():
    found = table(rows_of({"day": 0.1, "day+fog-1": 0.3, "day+fog-5": 0.05}, "ece"))
    assert found["ece", "fog", "1"].degradation == pytest.approx(0.2)
    assert found["ece", "fog", "worst"].at == "day+fog-1"
    assert ("ece", "all", "mean") not in found  # of one kind alone


def test_numbers_that_are_not_better_either_way_or_of_one_class_are_left_out():
    assert not table(rows_of(MIOU, "n"))
    assert not table([row(v, domain=d, metric="miou", class_="car") for d, v in MIOU.items()])


def test_what_the_clean_domain_does_not_have_stands_alone():
    values = {"day+fog-1": 0.2, "day+fog-5": 0.4}
    found = table([*rows_of(MIOU), *rows_of(values, "ece")])
    alone, mean = found["ece", "fog", "1"], found["ece", "fog", "mean"]
    assert alone.value == 0.2
    assert all(map(math.isnan, (alone.clean, alone.degradation, alone.relative)))
    assert mean.value == pytest.approx(0.3)
    assert found["ece", "fog", "worst"].at == "day+fog-5"


def test_what_is_undefined_makes_means_and_worst_cases_undefined():
    found = table(rows_of(MIOU | {"day+fog-1": math.nan}))
    assert math.isnan(found["miou", "fog", "mean"].value)
    assert found["miou", "fog", "worst"].at == "day+fog-1"
    assert found["miou", "snow", "mean"].value == pytest.approx(0.5)


def test_the_table_is_read_as_it_was_written(tmp_path):
    rows = list(table(rows_of(MIOU)).values())
    (tmp_path / CORRUPTIONS_FILE).write_text(corruptions_text(rows))
    assert read_corruptions(tmp_path) == rows
    assert read_corruptions(tmp_path / "other") == []


def test_a_manifest_tells_corrupted_domains():
    corruption = {"kind": "fog", "severity": 5, "seed": 0}
    facts = {"domains": {"a/day": {"images": 2}, "a/day+fog-5": {"clean": "day", "corruption": corruption}}}
    assert corrupted_domains(facts) == {("a", "day+fog-5"): CorruptedDomain("day", "fog", 5)}
