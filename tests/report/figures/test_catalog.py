"""Which figures there are."""

import pytest
from helpers.result_rows import HOSTILE
from helpers.simulated_run import Shape, write_simulated_run

from reliseg.errors import ConfigError
from reliseg.report.charts.style import Look
from reliseg.report.figures.catalog import catalog_of, one_figure
from reliseg.report.figures.choice import Choice, chosen_material
from reliseg.report.figures.kinds import KINDS
from reliseg.report.joined import join_runs

SHAPE = Shape(images=2, unknown=True, corruptions=("fog", "snow"))


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    folder = tmp_path_factory.mktemp("small")
    return join_runs({"run": write_simulated_run(folder, SHAPE)}, with_curves=True)


@pytest.fixture(scope="module")
def large(tmp_path_factory):
    shape = Shape(
        models=[f"net{i}" for i in range(9)],
        domains=[f"rain{i}" for i in range(8)],
        calibrations=("identity", *(f"method{i}@camvid/cal" for i in range(7))),
        images=1,
    )
    return join_runs({"run": write_simulated_run(tmp_path_factory.mktemp("large"), shape)}, with_curves=True)


def catalog(runs, only=(), **names):
    choice = Choice(**names)
    return catalog_of(chosen_material(runs, choice), choice, only)


def test_every_kind_of_chart_is_made_of_a_run_with_curves(small):
    found = catalog(small)
    assert found.notes == ()
    stems = [figure.stem for figure in found.figures]
    assert {stem.partition("-")[0] for stem in stems} == set(KINDS)
    assert len(set(stems)) == len(stems)
    assert [s for s in stems if s.startswith("reliability")] == ["reliability-dabnet", "reliability-edanet"]


def test_names_choose_what_a_chart_shows(small):
    (figure,) = catalog(small, ["intervals"], metrics=["ece"], domains=["dusk"], calibrations=["ts@camvid/cal"]).figures
    assert {(r["domain"], r["calibration"]) for r in figure.records} == {("dusk", "ts")}
    assert figure.stem == "intervals-ece"


def test_where_metrics_are_named_there_are_no_charts_of_curves_unless_they_are_named_too(small):
    assert {f.stem for f in catalog(small, metrics=["nll"]).figures} == {
        "intervals-nll",
        "accuracy_against-nll",
        "before_after-nll",
        "over_severity-nll-dabnet",
        "over_severity-nll-edanet",
    }
    assert len(catalog(small, ["confusion", "intervals"], metrics=["nll"]).figures) == 3


def test_one_calibration_and_several_models_make_one_chart_with_a_colour_for_each_model(small):
    (figure,) = catalog(small, ["reliability"], calibrations=["identity"]).figures
    assert figure.subject.by == "model"
    assert {r["model"] for r in figure.records} == {"dabnet", "edanet"}


def test_what_was_before_a_calibration_is_shown_beside_the_named_one(small):
    figure = catalog(small, ["before_after"], calibrations=["ts@camvid/cal"]).figures[0]
    assert {r["calibration"] for r in figure.records} == {"ts"}
    assert all(r["before"] != r["value"] for r in figure.records)


def test_many_models_domains_and_calibrations_are_cut_with_a_line_unless_they_are_named(large):
    found = catalog(large, ["reliability"])
    assert len(found.figures) == 4
    assert found.figures[0].domains == [f"rain{i}" for i in range(6)]
    assert {n.partition(";")[2] for n in found.notes} == {
        " name others by --model",
        " name others by --domain",
        " name others by --calibration",
    }
    named = catalog(large, ["reliability"], models=["net8"], domains=["rain7"], calibrations=["method6@camvid/cal"])
    assert named.notes == ()
    assert [f.stem for f in named.figures] == ["reliability-net8"]


def test_the_first_domains_of_a_figure_can_be_drawn_alone(large):
    figure = one_figure(chosen_material(large, Choice()), Choice(), "intervals")
    text = figure.draw(Look(), 2).to_json()
    assert "rain1" in text
    assert "rain2" not in text


@pytest.mark.parametrize(
    ("only", "names", "said"),
    [
        (["relability"], {}, "no chart is called 'relability'; did you mean 'reliability'?"),
        (["intervals"], {"metrics": ["eec"]}, "no row has metric 'eec'; did you mean 'ece'?"),
        (["per_class"], {"metrics": ["ece"]}, "nothing to draw: per_class: it is for another kind of metric"),
        (["before_after"], {"calibrations": ["identity"]}, "before_after: it needs a calibration beside none"),
    ],
)
def test_what_cannot_be_drawn_is_said(small, only, names, said):
    with pytest.raises(ConfigError) as caught:
        catalog(small, only, **names)
    assert said in str(caught.value)


def test_without_curves_the_other_charts_are_made(tmp_path):
    run = write_simulated_run(tmp_path / "run", Shape(images=1))
    (run / "curves.json").unlink()
    runs = join_runs({"run": run}, with_curves=True)
    assert not {f.stem.partition("-")[0] for f in catalog(runs).figures} & {"reliability", "histograms", "confusion"}
    with pytest.raises(ConfigError, match="the run has no curves"):
        catalog(runs, ["confusion"])


def test_files_have_plain_names_and_no_two_the_same(tmp_path):
    names = [name for name in dict.fromkeys(HOSTILE) if "\ud800" not in name]
    run = write_simulated_run(tmp_path / "run", Shape(models=names, domains=("a", "b"), labels=names, images=1))
    stems = [f.stem for f in catalog(join_runs({"run": run}, with_curves=True), ["confusion"], models=names).figures]
    assert len(set(stems)) == len(names)
    assert all(stem.isascii() and "/" not in stem and len(stem) < 120 for stem in stems)


def test_corrupted_copies_have_a_chart_of_their_own_and_are_in_others_only_where_they_are_named(small):
    found = {figure.stem: figure for figure in catalog(small).figures}
    assert set(found["intervals-ece"].domains) == {"day", "dusk"}
    miou = found["over_severity-miou"]
    assert {(r["domain"], r["kind"], r["severity"]) for r in miou.records} == {
        (domain, kind, s) for domain in ("day", "dusk") for kind in ("fog", "snow") for s in (0, 1, 3, 5)
    }
    assert {r["calibration"] for r in miou.records} == {"uncalibrated"}
    assert len({r["calibration"] for r in found["over_severity-ece-dabnet"].records}) == 2
    (named,) = catalog(small, ["intervals"], metrics=["ece"], domains=["day+fog-3"]).figures
    assert named.domains == ["day+fog-3"]


def test_a_clean_domain_brings_its_copies_and_a_number_may_have_no_clean_value(small):
    (figure,) = catalog(small, ["over_severity"], metrics=["ood_auroc"], domains=["day"], models=["edanet"]).figures
    assert {r["severity"] for r in figure.records} == {1, 3, 5}
    assert figure.domains == ["day"]


def test_without_corrupted_domains_there_are_no_curves_over_severity(large):
    with pytest.raises(ConfigError, match="over_severity: the results have no corrupted domains"):
        catalog(large, ["over_severity"])
