"""Several seeds: rows of each, their mean and spread; a pure function of rows, and whole runs."""

import io
import math
import runpy
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from helpers.street import add_features, ask_for_all, make_street
from hypothesis import given
from hypothesis import strategies as st

import reliseg
from reliseg.intervals import Scale
from reliseg.results import NAN, Origin, Results, Row, Value
from reliseg.run.measure.numbers import Number
from reliseg.run.measure.seed_means import mean_rows, with_means

pytestmark = pytest.mark.slow

ORIGIN = Origin("net", "street", "day", calibration="m", fitted_on="street/cal", seed=1)


def row(value, *, seed=1, metric="ece", why="", width=0.0, definition="d"):
    number = Value(metric, value, definition, value - width, value + width, why)
    return Row.of(replace(ORIGIN, seed=seed), number, n_images=2, n_pixels=9)


def number(of, replicates=None, units=()):
    return Number(of, Scale("identity"), replicates, units, "no units")


@given(st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=6), st.floats(0, 10))
def test_the_mean_and_the_spread_are_those_of_numpy(values, width):
    (found,) = mean_rows("m(seeds=[1,2])", [[row(v, seed=i, width=width)] for i, v in enumerate(values)])
    size = max(map(abs, values)) + width + 1
    assert found.value == pytest.approx(np.mean(values), rel=0, abs=1e-14 * size)
    assert found.spread == pytest.approx(np.std(values, ddof=1), rel=0, abs=1e-9 * size)
    assert found.lo == pytest.approx(np.mean(values) - width, rel=0, abs=1e-14 * size)
    assert found.lo <= found.value <= found.hi
    assert (found.calibration, found.seed, found.fitted_on) == ("m(seeds=[1,2])", None, "street/cal")


@pytest.mark.parametrize("n", range(2, 9))
@given(value=st.floats(allow_nan=False, allow_infinity=False))
def test_equal_numbers_have_that_mean_to_the_bit_and_no_spread(n, value):
    (found,) = mean_rows("m", [[row(value)]] * n)
    assert (found.value, found.lo, found.hi, found.spread) == (value, value, value, 0)


def test_an_undefined_number_of_one_seed_makes_the_mean_undefined():
    undefined = row(NAN, why="no wrong pixel")
    (found,) = mean_rows("m", [[row(0.5)], [undefined], [row(0.1)]])
    assert math.isnan(found.value)
    assert all(map(math.isnan, (found.lo, found.hi, found.spread)))
    assert found.why == "for 1 of 3 seeds: no wrong pixel"
    (all_of_them,) = mean_rows("m", [[undefined], [undefined]])
    assert all_of_them.why == "no wrong pixel"
    (missing,) = mean_rows("m", [[row(0.5)], [row(0.5, definition="other")]])
    assert missing.why == "for 1 of 2 seeds: not measured"


def test_numbers_are_matched_by_what_they_are_and_not_by_their_place():
    one, two = [row(1.0, metric="a"), row(5.0, metric="b")], [row(7.0, metric="b"), row(3.0, metric="a")]
    assert {r.metric: r.value for r in mean_rows("m", [one, two])} == {"a": 2.0, "b": 6.0}


def test_means_stand_after_the_last_of_their_seeds():
    numbers = {name: [number(replace(row(1.0), calibration=name))] for name in ("identity", "a1", "a2", "b")}
    found = [n.row.calibration for of_one in with_means(numbers, {"a": ("a1", "a2"), "c": ("b", "a1")}) for n in of_one]
    assert found == ["identity", "a1", "a2", "a", "b", "c"]


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    street = ask_for_all(add_features(make_street(tmp_path_factory.mktemp("street"), day=5, dusk=5)))
    content = street.content()
    content["calibration"][0]["methods"] = ["ts", "cluster-ts(k=3,seeds=[1,2,3],shrinkage=0)", "cluster-ts(k=1)"]
    street.write(content | {"seed": 9})
    return reliseg.run_config(street.config, street.root / "out")


MEAN = "cluster_ts(k=3,shrinkage=0,seeds=[1,2,3])@street/cal"
SEEDS = [f"cluster_ts(k=3,shrinkage=0,seed={s})@street/cal" for s in (1, 2, 3)]


def test_every_number_of_every_seed_and_of_the_mean_is_there(results):
    for domain in ("day", "dusk"):
        rows = [results.where(calibration=c, domain=domain).rows for c in (*SEEDS, MEAN)]
        assert len({len(r) for r in rows}) == 1
        for *seeds, mean in zip(*rows, strict=True):
            assert [r.seed for r in seeds] == [1, 2, 3]
            assert mean.seed is None
            assert mean.fitted_on == "street/cal"
            assert {(r.metric, r.score, r.class_, r.definition) for r in (*seeds, mean)} == {
                (mean.metric, mean.score, mean.class_, mean.definition)
            }
            assert bool(mean.why) == any(r.why for r in seeds)
            if not mean.why:
                values = [r.value for r in seeds]
                assert mean.value == pytest.approx(np.mean(values), rel=1e-12)
                assert mean.spread == pytest.approx(np.std(values, ddof=1), abs=1e-12)
    assert {r.seed for r in results.where(calibration="ts@street/cal")} == {9}
    others = [r for r in results if r.calibration != MEAN]
    assert all(math.isnan(r.spread) for r in others)
    assert (
        results.value("ece", domain="day", calibration=MEAN)
        == results.where(metric="ece", domain="day", calibration=MEAN).rows[0].value
    )
    assert any(r.spread > 0 for r in results.where(calibration=MEAN, metric="nll"))
    assert all(r.spread == 0 for r in results.where(calibration=MEAN, metric="miou"))  # no prediction changes


def test_one_number_is_asked_for_by_name(results):
    with pytest.raises(KeyError, match=r"also give calibration \(ts@street/cal, cluster_ts"):
        results.value("ece", domain="day", fitted_on="street/cal")
    assert results.value("ece", domain="day", seed=2) == results.value("ece", domain="day", calibration=SEEDS[1])


def test_tables_for_people_hold_the_mean_alone(results):
    from rich.console import Console

    from reliseg.report.table import summary

    console = Console(width=200, record=True, file=io.StringIO())
    console.print(summary(results))
    shown = [line.split()[2] for line in console.export_text().splitlines()[1:]]
    assert shown == ["identity", "ts@street/cal", MEAN, "cluster_ts(k=1)@street/cal"] * 2
    script = runpy.run_path(str(Path(__file__).parents[3] / "docs" / "calibration_table.py"))
    of_one_score = Results(tuple(r for r in results if r.score in ("", "msp")))
    lines = script["table"](of_one_score).splitlines()[2:]
    assert [line.split(" | ")[2] for line in lines[:4]] == [
        f"`{c.partition('@')[0]}`" for c in ("identity", "ts@", MEAN, "cluster_ts(k=1)@")
    ]


def test_the_mean_is_written_and_read_back(results, tmp_path):
    path = tmp_path / "results.json"
    path.write_text(results.to_json())
    assert Results.read(path).to_csv() == results.to_csv()
    assert "spread" in results.to_csv().splitlines()[0].split(",")
