"""The Python interface with objects: modules, callables, and what is wrong with them."""

import re
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from helpers.street import make_street

import reliseg
from reliseg.data import DataOptions
from reliseg.models import ModelOptions


@pytest.fixture(scope="module")
def street(tmp_path_factory):
    return make_street(tmp_path_factory.mktemp("street"), cal=3, day=4, dusk=4)


@pytest.fixture
def data(street):
    domains = {"cal": {"split": "val"}, "day": {"split": "train"}, "dusk": {"split": "test"}}
    return reliseg.open_dataset("camvid", street.root / "data", domains=domains)


def module():
    torch.manual_seed(0)
    return torch.nn.Sequential(torch.nn.Conv2d(3, 8, 3, 4, 1), torch.nn.ReLU(), torch.nn.Conv2d(8, 11, 1))


def test_a_module_is_evaluated_and_calibrated(data):
    model = reliseg.open_model(module(), labels="camvid")
    results = reliseg.evaluate(model, data, calibrate_on="camvid/cal", methods=["ts", "cluster-ts(k=2)"])
    pairs = {(r.domain, r.calibration) for r in results}
    clusters = ("cluster_ts(k=2)", "cluster_ts(k=2,seed=42)", "cluster_ts(k=2,seed=43)")
    names = ("identity", *(f"{m}@camvid/cal" for m in ("ts", *clusters)))
    assert pairs == {(d, c) for d in ("day", "dusk") for c in names}
    nll = [results.value("nll", domain="day", calibration=c) for c in names]
    assert nll[1] < nll[0]


def test_a_stopped_evaluation_goes_on_with_the_same_module_only(data, tmp_path):
    out = tmp_path / "out"
    model = reliseg.open_model(module(), labels="camvid")
    first = reliseg.evaluate(model, data, test="camvid/day", out=out)
    again = reliseg.evaluate(reliseg.open_model(module(), labels="camvid"), data, test=["camvid/day"], out=out)
    assert first.to_csv() == again.to_csv()
    other = module()
    with torch.no_grad():
        other[0].bias.add_(1)
    with pytest.raises(reliseg.ReliSegError, match="holds another run"):
        reliseg.evaluate(reliseg.open_model(other, labels="camvid"), data, test="camvid/day", out=out)


def test_a_callable_and_its_saved_logits_give_the_same(data, street):
    def predict(image):
        assert image.dtype == np.uint8
        logits = image[2::4, 2::4].astype(np.float32).mean(axis=2) / 50
        return np.stack([logits * ((c % 3) - 1) for c in range(11)])

    results = reliseg.evaluate({"mine": reliseg.open_model(predict, labels="camvid")}, [data], test="camvid/dusk")
    assert {r.model for r in results} == {"mine"}
    assert 0 <= results.value("ece") <= 1


@pytest.mark.parametrize(
    ("opener", "options", "own"),
    [
        (reliseg.open_model, ModelOptions, {"name", "kind", "where", "labels", "folder"}),
        (reliseg.open_dataset, DataOptions, {"spec", "root", "folder"}),
    ],
)
def test_every_option_is_named_where_it_is_looked_up(opener, options, own):
    names = {f.name for f in fields(options)} - own
    page = (Path(__file__).parents[1] / "docs" / "python-api.md").read_text()
    section = page.partition(f"## `{opener.__name__}(")[2].partition("\n## ")[0]
    assert names <= set(re.findall(r"\w+", opener.__doc__))
    assert names <= set(re.findall(r"`(\w+)`", section))


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (lambda d: reliseg.evaluate(module(), d), "open_model"),
        (lambda d: reliseg.evaluate({"../x": reliseg.open_model(module(), labels="camvid")}, d), "plain name"),
        (lambda d: reliseg.evaluate(reliseg.open_model(module(), labels="camvid"), []), "no data set"),
        (lambda d: reliseg.evaluate(reliseg.open_model(module(), labels="camvid"), "camvid"), "open_dataset"),
        (lambda d: reliseg.open_model(module(), labels="camvid", wieghts="x"), "'weights'"),
        (lambda d: reliseg.open_model(module()), "labels"),
        (lambda d: reliseg.open_model("somewhere"), "KIND:WHERE"),
        (lambda d: reliseg.open_dataset("camvid", d.root, lables="x"), "'labels'"),
        (lambda d: reliseg.evaluate(reliseg.open_model(module(), labels="camvid"), d, score=["msp"]), "'scores'"),
        (lambda d: reliseg.evaluate(reliseg.open_model(module(), labels="camvid"), d, reference="camvid"), "3 domains"),
        (lambda d: reliseg.evaluate(reliseg.open_model(module(), labels="camvid"), d, workers=0), "workers"),
    ],
)
def test_what_is_wrong_is_a_clear_error(data, wrong, message):
    with pytest.raises(reliseg.ReliSegError, match=message):
        wrong(data)


def test_the_configuration_of_an_evaluation_can_be_run(data, street, tmp_path):
    model = reliseg.open_model(f"stored:{street.root / 'logits'}", labels="camvid")
    options = {"calibrate_on": "camvid/cal", "reference": "camvid/day", "scores": ["msp", "margin"], "limit": 3}
    results = reliseg.evaluate({"net": model}, data, out=tmp_path / "out", **options)
    written = tmp_path / "out" / "config.yaml"
    again = reliseg.run_config(written, tmp_path / "again")
    assert again.to_csv() == results.to_csv()
    assert {r.n_images for r in results} == {3}
    assert (tmp_path / "again" / "config.yaml").read_text() == written.read_text()


def test_the_configuration_of_an_object_in_memory_says_so_when_it_is_run(data, tmp_path):
    model = reliseg.open_model(module(), labels="camvid")
    reliseg.evaluate({"mine": model}, data, test="camvid/dusk", out=tmp_path / "out")
    with pytest.raises(reliseg.ReliSegError) as refusal:
        reliseg.run_config(tmp_path / "out" / "config.yaml", tmp_path / "again")
    assert str(refusal.value) == (
        "model mine was an object in Python; call reliseg.evaluate again, or write here kind: python, "
        "where: FILE.py:FUNCTION"
    )


def test_the_configuration_of_a_data_set_in_memory_says_so_when_it_is_run(data, street, tmp_path):
    model = reliseg.open_model(f"stored:{street.root / 'logits'}", labels="camvid")
    fewer = replace(data, domains={"dusk": data.domains["dusk"]})
    reliseg.evaluate(model, fewer, out=tmp_path / "out")
    with pytest.raises(reliseg.ReliSegError, match="data set camvid was an object in Python; "):
        reliseg.run_config(tmp_path / "out" / "config.yaml", tmp_path / "again")
