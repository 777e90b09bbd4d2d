"""What figures show, by names."""

from unicodedata import category

import pytest
from helpers.result_rows import HOSTILE, result_row
from helpers.simulated_run import Shape, write_simulated_run

from reliseg.errors import ConfigError
from reliseg.report.figures.choice import Choice, Labels, chosen_material, score_of
from reliseg.report.joined import JoinedRuns, join_runs


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    shape = Shape(domains=("day", "rain", "dusk"), calibrations=("ts@camvid/cal", "identity"), images=3)
    return join_runs({"run": write_simulated_run(folder, shape)}, with_curves=True)


def test_everything_is_chosen_by_default_and_calibrations_begin_with_none(runs):
    material = chosen_material(runs, Choice())
    assert material.models == ("dabnet", "edanet")
    assert material.domains == ("camvid/day", "camvid/rain", "camvid/dusk")
    assert material.calibrations == ("identity", "ts@camvid/cal")
    assert len(material.rows) == len(runs.rows)
    assert len(material.states) == len(runs.states)


def test_what_is_chosen_comes_in_the_order_of_the_user(runs):
    material = chosen_material(runs, Choice(models=["edanet"], domains=["dusk", "camvid/day"])).only()
    assert material.domains == ("camvid/dusk", "camvid/day")
    assert list(dict.fromkeys((r.model, r.domain) for r in material.rows)) == [("edanet", "dusk"), ("edanet", "day")]
    assert [(s["domain"], s["calibration"]) for s in material.states] == [
        ("dusk", "identity"),
        ("dusk", "ts@camvid/cal"),
        ("day", "identity"),
        ("day", "ts@camvid/cal"),
    ]


@pytest.mark.parametrize(
    ("choice", "said"),
    [
        (Choice(models=["dabnt"]), "no row has model 'dabnt'; did you mean 'dabnet'?"),
        (Choice(domains=["camvid/dsk"]), "did you mean 'camvid/dusk'?"),
        (Choice(calibrations=["ts@camvid/ca"]), "did you mean 'ts@camvid/cal'?"),
        (Choice(score="mps"), "no number has the score 'mps'; did you mean 'msp'?"),
    ],
)
def test_a_name_that_no_run_has_is_refused_with_the_nearest(runs, choice, said):
    with pytest.raises(ConfigError) as caught:
        chosen_material(runs, choice)
    assert said in str(caught.value)


def test_seeds_are_left_out_where_their_mean_is_there_unless_they_are_named():
    names = ("identity", "lts(seed=1)@a/b", "lts(seed=2)@a/b", "lts(seeds=[1,2])@a/b")
    runs = JoinedRuns(tuple(result_row(calibration=name) for name in names))
    assert chosen_material(runs, Choice()).calibrations == (names[0], names[3])
    assert chosen_material(runs, Choice(calibrations=[names[1]])).calibrations == (names[1],)


def test_a_score_that_a_metric_has_not_is_replaced_by_the_usual_or_the_first():
    rows = [result_row(metric="prr", score=s) for s in ("margin", "msp")] + [result_row(metric="miou")]
    rows += [result_row(metric="aurc", score="max_logit")]
    assert [score_of(rows, m, "margin") for m in ("prr", "miou", "aurc")] == ["margin", "", "max_logit"]
    assert score_of(rows, "prr", "unknown") == "msp"


def test_names_are_short_where_all_share_a_part_and_never_hide_anything():
    labels = Labels.of(["a/day", "a/dusk"], ["identity", "ts@a/cal", "vs@a/cal"])
    assert (labels.domain("a/dusk"), labels.calibration("ts@a/cal")) == ("dusk", "ts")
    assert labels.calibration("identity") == "uncalibrated"
    mixed = Labels.of(["a/day", "b/day"], ["ts@a/cal", "ts@b/cal"])
    assert (mixed.domain("b/day"), mixed.calibration("ts@a/cal")) == ("b/day", "ts@a/cal")
    for name in HOSTILE:
        record = {"model": name, "domain": f"d/{name}", "calibration": name, "series": f"d/{name} (ρ = 1.00)"}
        shown = labels.record(record)
        assert all(category(c) not in ("Cc", "Cf", "Cs", "Zl", "Zp") for text in shown.values() for c in text)
        assert shown["series"] == f"{shown['domain']} (ρ = 1.00)"
