"""Tables of comparisons: each number has one partner, p-values are adjusted for all, verdicts follow from them."""

import csv
import io
import json
import math
import re

import numpy as np
import pytest
from helpers.result_rows import HOSTILE, lefts_of, result_row, write_run
from scipy import stats

from reliseg.errors import ConfigError
from reliseg.report.compare.sides import ReadRun, read_runs
from reliseg.report.compare.table import COLUMNS, compare_runs
from reliseg.results.replicates import Replicates

RNG = np.random.default_rng(3)
EASE = RNG.normal(0.5, 0.1, 40)
NUMBERS = {
    "net": EASE,
    "better": EASE - 0.05 + RNG.normal(0, 0.02, 40),
    "equal": EASE + RNG.normal(0, 0.02, 40),
    "worse": EASE + 0.05 + RNG.normal(0, 0.02, 40),
}


def number(values, **columns):
    return result_row(float(np.mean(values)), **columns), lefts_of(values)


@pytest.fixture
def models(tmp_path):
    run = write_run(tmp_path / "run", *(number(values, model=name) for name, values in NUMBERS.items()))
    return read_runs({"run": run})


def plain_run(*rows, name="a"):
    """A run that keeps nothing of single images."""
    return ReadRun(name, rows, Replicates("nowhere"))


def pairs(*runs, metric="ece", **options):
    """What is compared with what, by values."""
    return [(c.row.value, c.baseline.value) for c in compare_runs(runs, metric, **options)]


def test_models_are_better_or_worse_where_the_adjusted_p_value_decides(models):
    found = compare_runs(models, "ece")
    assert (found.by, found.baseline, len(found)) == ("model", "net", 3)
    assert {c.row.model: c.verdict for c in found} == {"better": "better", "equal": "not decided", "worse": "worse"}
    p = {name: stats.ttest_rel(values, EASE).pvalue for name, values in NUMBERS.items() if name != "net"}
    for c in found:
        assert c.difference.p == pytest.approx(p[c.row.model], rel=0.5, abs=1e-4)
        assert c.p_holm >= c.difference.p


def test_a_higher_value_is_better_where_the_metric_says_so(tmp_path):
    rows = [number(values, model=name, metric="miou") for name, values in NUMBERS.items()]
    found = compare_runs(read_runs({"r": write_run(tmp_path / "r", *rows)}), "miou")
    assert [c.verdict for c in found] == ["worse", "not decided", "better"]


def test_a_metric_without_a_direction_is_higher_or_lower(tmp_path):
    rows = [number(values, model=name, metric="flip_rate") for name, values in NUMBERS.items()]
    found = compare_runs(read_runs({"r": write_run(tmp_path / "r", *rows)}), "flip_rate")
    assert [c.verdict for c in found] == ["lower", "not decided", "higher"]


def test_p_values_are_adjusted_for_the_comparisons_that_are_shown(models):
    every = {c.row.model: c for c in compare_runs(models, "ece")}
    (alone,) = compare_runs(models, "ece", only={"model": ["worse"]})
    assert alone.p_holm == alone.difference.p == every["worse"].difference.p
    smallest = min(every.values(), key=lambda c: c.difference.p)
    assert smallest.p_holm == pytest.approx(3 * smallest.difference.p)


def test_what_is_in_doubt_is_not_decided(tmp_path):
    rows = [number(EASE), (result_row(0.9, model="b"), lefts_of(EASE + 0.4 + RNG.normal(0, 0.01, 40), doubt="few"))]
    (found,) = compare_runs(read_runs({"r": write_run(tmp_path / "r", *rows)}), "ece")
    assert found.p_holm < 1e-6
    assert (found.verdict, found.difference.note) == ("not decided", "few")


def test_domains_are_compared_as_independent_samples(tmp_path):
    rows = [
        (result_row(float(EASE.mean()), domain=d), lefts_of(EASE, names=[f"{d}{i}" for i in range(40)])) for d in "ab"
    ]
    (found,) = compare_runs(read_runs({"r": write_run(tmp_path / "r", *rows)}), "ece")
    assert not found.difference.paired
    assert found.difference.units == "40 images and 40 images"
    assert found.verdict == "not decided"


def test_calibrations_are_compared_with_identity_and_thresholds_of_the_same_split():
    split = {"fitted_on": "s/cal"}
    rows = [
        result_row(0.1, **split),
        result_row(0.2, fitted_on="s/b"),
        result_row(0.3, calibration="ts@s/cal", **split),
        result_row(0.4, calibration="ts@s/b", fitted_on="s/b"),
    ]
    assert pairs(plain_run(*rows), by="calibration") == [(0.3, 0.1), (0.4, 0.2)]
    rows[:2] = [result_row(0.1)]  # no threshold: identity has one row, whatever the split
    assert pairs(plain_run(*rows), by="calibration") == [(0.3, 0.1), (0.4, 0.1)]


def test_a_mean_over_seeds_stands_for_its_seeds_unless_they_are_named():
    names = ["identity", *(f"cluster_ts({c})@s/cal" for c in ("k=2,seed=42", "k=2,seed=43", "k=2"))]
    run = plain_run(*(result_row(i / 10, calibration=name) for i, name in enumerate(names)))
    assert pairs(run) == [(0.3, 0.0)]
    assert pairs(run, only={"calibration": names[1:3]}) == [(0.1, 0.0), (0.2, 0.0)]


def test_numbers_over_all_classes_are_compared_where_there_are_any():
    rows = [
        result_row(0.1 * i, model=m, class_=c) for i, (m, c) in enumerate((m, c) for m in "ab" for c in ("", "car"))
    ]
    assert pairs(plain_run(*rows)) == [(0.2, 0.0)]
    assert pairs(plain_run(*rows), only={"class": ["car"]}) == [(0.1 * 3, 0.1)]
    assert pairs(plain_run(rows[1], rows[3])) == [(0.1 * 3, 0.1)]


def test_scores_and_definitions_are_compared_each_with_itself():
    rows = [
        result_row(0.1 * i, model=m, score=s, definition=d)
        for i, (m, s, d) in enumerate((m, s, d) for m in "ab" for s in ("msp", "margin") for d in ("x", "y"))
    ]
    assert len(pairs(plain_run(*rows))) == 4
    assert len(pairs(plain_run(*rows), only={"score": ["msp"]})) == 2


def test_runs_are_compared_model_by_model_and_models_across_runs():
    a, b = plain_run(result_row(0.1), name="a"), plain_run(result_row(0.2), result_row(0.3, model="new"), name="b")
    assert pairs(a, b) == [(0.2, 0.1)]
    assert pairs(a, plain_run(result_row(0.3, model="new"), name="b"), by="model") == [(0.3, 0.1)]
    same = plain_run(result_row(0.1), result_row(0.3, model="new"), name="b")
    assert pairs(a, same, by="model") == [(0.3, 0.1)]
    with pytest.raises(ConfigError, match="net: ece is another number in a than in b; compare them with --by run"):
        pairs(a, b, by="model")


def test_what_is_compared_with_different_references_is_not_compared():
    rows = [
        result_row(0.1, metric="drop_ece", reference="s/day"),
        result_row(0.2, metric="drop_ece", reference="s/noon"),
    ]
    a, b = plain_run(rows[0], name="a"), plain_run(rows[1], name="b")
    with pytest.raises(ConfigError, match="compare: drop_ece has no number of run 'a' and another run that differ in"):
        pairs(a, b, metric="drop_ece")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"metric": "eec"}, "compare: no row has metric 'eec'; did you mean 'ece'? known: ece"),
        ({"only": {"domain": ["fgo"]}}, "compare: no row has domain 'fgo'; known: street/dusk, street/fog"),
        ({"baseline": "nett"}, "did you mean 'net'?"),
    ],
)
def test_names_that_are_not_there_are_answered_with_those_that_are(options, message):
    run = plain_run(result_row(), result_row(model="b", domain="fog"))
    with pytest.raises(ConfigError, match=re.escape(message)):
        pairs(run, **options)


def test_an_undefined_number_has_its_reason_and_no_verdict():
    rows = [result_row(math.nan), result_row(0.1, model="b"), result_row(math.nan, model="c")]
    found = compare_runs([plain_run(*rows)], "ece")
    assert [(c.verdict, c.difference.note) for c in found] == [
        ("", "no value in the baseline: no pixel"),
        ("", "no value: no pixel"),
    ]


def test_a_table_is_written_as_csv_and_json(models):
    found = compare_runs(models, "ece")
    lines = list(csv.DictReader(io.StringIO(found.to_csv())))
    assert tuple(lines[0]) == COLUMNS
    content = json.loads(found.to_json())
    assert (content["metric"], content["by"], content["baseline"], content["adjusted_for"]) == (
        "ece",
        "model",
        "net",
        3,
    )
    assert [line["model"] for line in lines] == [record["model"] for record in content["comparisons"]]
    assert [float(line["p_holm"]) for line in lines] == [record["p_holm"] for record in found.records()]
    assert repr(found) == "Comparisons(ece of 3 by model, baseline 'net')"


def test_undefined_numbers_are_null_in_json_and_empty_in_csv():
    found = compare_runs([plain_run(result_row(), result_row(math.nan, model="b"))], "ece")
    (record,) = json.loads(found.to_json())["comparisons"]
    assert record["difference"] is record["p"] is record["ci_low"] is None
    assert next(csv.DictReader(io.StringIO(found.to_csv())))["difference"] == ""


@pytest.mark.parametrize("name", [name for name in HOSTILE if name and "\ud800" not in name])
def test_any_names_survive_json(name):
    (record,) = json.loads(compare_runs([plain_run(result_row(), result_row(model=name))], "ece").to_json())[
        "comparisons"
    ]
    assert record["model"] == name
