"""Charts of results in Python."""

import json

import pytest
from helpers.simulated_run import Shape, write_simulated_run

from reliseg.errors import ConfigError
from reliseg.report.charts.style import svg_of
from reliseg.report.figures.kinds import KINDS
from reliseg.report.figures.plots import Plots
from reliseg.results import Results


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    return Results.read(
        write_simulated_run(tmp_path_factory.mktemp("run"), Shape(images=2, unknown=True, corruptions=["fog"]))
    )


@pytest.mark.parametrize("name", KINDS)
def test_every_chart_of_figures_is_an_altair_chart(results, name):
    spec = getattr(results.plot, name)(model="dabnet", domain="dusk").to_dict()
    assert "vega-lite" in spec["$schema"]
    assert "dusk" in json.dumps(spec)
    assert name in repr(results.plot)


def test_the_chart_is_of_what_is_named_in_the_theme_that_is_named(results):
    chart = results.plot.intervals("miou", model=["edanet"], calibration="ts@camvid/cal", theme="paper", width=234)
    spec = chart.to_dict()
    assert "tooltip" not in json.dumps(spec).replace('"tooltip": {"value": null}', "")
    assert spec["config"]["background"] == "#ffffff"
    (values,) = [layers["values"] for layers in [spec["data"]]]
    assert {(r["model"], r["calibration"]) for r in values} == {("edanet", "ts")}
    assert "<svg" in svg_of(spec)


def test_rows_that_were_chosen_are_those_of_the_chart(results):
    spec = results.where(domain="day").plot.reliability(model="dabnet").to_dict()
    assert {r["domain"] for r in spec["data"]["values"]} == {"day"}
    assert spec["title"] == "dabnet"


@pytest.mark.parametrize(
    ("name", "names", "said"),
    [
        ("reliability", {"modle": "dabnet"}, "no argument is called 'modle'; did you mean 'model'?"),
        ("reliability", {"model": "dabnt"}, "no row has model 'dabnt'; did you mean 'dabnet'?"),
        ("intervals", {"metric": "eec"}, "no row has metric 'eec'; did you mean 'ece'?"),
        ("confusion", {"theme": "drak"}, "no theme is called 'drak'; did you mean 'dark'?"),
    ],
)
def test_what_is_unknown_is_one_line(results, name, names, said):
    with pytest.raises(ConfigError) as caught:
        getattr(results.plot, name)(**names)
    assert said in str(caught.value)


def test_rows_of_no_run_have_charts_of_rows_alone(results):
    alone = Plots(Results(results.rows))
    assert alone.intervals("ece").to_dict()
    with pytest.raises(ConfigError, match="the run has no curves"):
        alone.reliability()
