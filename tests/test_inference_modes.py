"""Windows, mirror images, dropout, ensembles and masks from a configuration to the table of results."""

import json

import numpy as np
import pytest
import yaml
from PIL import Image

import reliseg
from reliseg.errors import ModelError

NETWORK = """
import torch
from torch import nn

def build(classes=3, seed=0):
    torch.manual_seed(seed)
    return nn.Sequential(
        nn.Conv2d(3, 8, 5, stride=4, padding=2), nn.ReLU(), nn.Dropout(0.3), nn.Conv2d(8, classes, 1)
    )
"""
LABELS = 'classes = ["soil", "crop", "weed"]\n'
pytestmark = pytest.mark.slow


@pytest.fixture
def field(tmp_path):
    """Return a folder with a network and four images of 48 x 80."""
    rng = np.random.default_rng(0)
    for i in range(4):
        for kind, shape in (("images", (48, 80, 3)), ("masks", (48, 80))):
            path = tmp_path / "photos" / kind / f"day/{i}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(rng.integers(0, 256 if kind == "images" else 3, shape, np.uint8)).save(path)
    (tmp_path / "net.py").write_text(NETWORK)
    (tmp_path / "field.toml").write_text(LABELS)
    return tmp_path


SCORES = ("msp", "max_logit", "neg_mutual_information", "neg_expected_entropy", "rba")


def written(folder, models, scores=SCORES, **settings):
    """Write a configuration; return its path."""
    base = {"kind": "python", "where": "net.py:build", "labels": "field.toml"}
    data = {"name": "field", "spec": "folder", "root": "photos", "labels": "field.toml"}
    sections = [m if m.get("kind") == "ensemble" else base | m for m in models]
    config = {"models": sections, "datasets": [data], "scores": list(scores), "device": "cpu", "threads": 1}
    (folder / "run.yaml").write_text(yaml.safe_dump(config | settings))
    return folder / "run.yaml"


@pytest.fixture
def called(field, command, monkeypatch):
    """A command on a configuration, called in the folder; returns what it said."""

    def call(models, *words, **settings):
        written(field, models, **settings)
        monkeypatch.chdir(field)
        code, out, err = command(*words)
        assert code == 0, out + err
        return out + err

    return call


def evaluated(folder, models, **settings):
    """Run a configuration; return its values and reasons by model, score, metric and calibration."""
    reliseg.run_config(written(folder, models, **settings), folder / "out")
    rows = json.loads((folder / "out" / "results.json").read_text())["rows"]
    keys = ("model", "score", "metric", "calibration")
    return {tuple(r[k] for k in keys): (r["value"], r["why"]) for r in rows if not r["class"]}


ONE, TWO = {"name": "one"}, {"name": "two", "args": {"seed": 1}}


def test_every_way_to_predict_gives_its_numbers_and_reasons_for_those_it_has_not(field):
    slide = {"name": "slid", "slide": {"crop": [32, 32], "stride": [16, 24]}}
    views = {"name": "views", "tta": {"flip": True, "scales": [1.0, 1.5]}}
    dropped = {"name": "dropped", "mc_dropout": 4}
    both = {"name": "both", "kind": "ensemble", "members": ["one", "two"]}
    values = evaluated(field, [ONE, TWO, slide, views, dropped, both])
    for model in ("one", "two", "slid"):
        value, why = values[model, "neg_mutual_information", "auroc", "identity"]
        assert value is None
        assert "it comes with several predictions: kind: ensemble, mc_dropout or tta" in why
        assert values[model, "max_logit", "auroc", "identity"][0] is not None
    for model in ("views", "dropped", "both"):
        assert 0 < values[model, "neg_mutual_information", "auroc", "identity"][0] < 1
        assert 0 < values[model, "neg_expected_entropy", "auroc", "identity"][0] < 1
        assert "needs logits" in values[model, "max_logit", "auroc", "identity"][1]
    assert "class maps of mask classification" in values["both", "rba", "auroc", "identity"][1]
    ece = {m: values[m, "msp", "ece", "identity"][0] for m in ("one", "two", "slid", "views", "dropped", "both")}
    assert len({round(v, 9) for v in ece.values()}) == 6
    facts = json.loads((field / "out" / "manifest.json").read_text())["models"]
    assert facts["slid"]["slide"]["average"] == "logits"
    assert facts["dropped"]["mc_dropout"] == 4
    assert set(facts["both"]["members"]) == {"one", "two"}
    assert not {"slide", "pad", "views", "mc_dropout"} & set(facts["one"])


def test_an_ensemble_is_calibrated_and_keeps_what_its_members_disagree_on(field):
    both = {"name": "both", "kind": "ensemble", "members": ["one", "two"]}
    models = [ONE, TWO, both]
    values = evaluated(
        field,
        models,
        calibration=[{"on": ["field/all"], "methods": ["ts", "lts", "selective"]}],
        test={"on": ["field/all"], "allow_seen": ["field/all"]},
        scores=("msp", "neg_mutual_information"),
    )
    assert {c for _, _, _, c in values} >= {"identity", "ts@field/all", "lts@field/all"}
    assert values["both", "", "nll", "ts@field/all"][0] <= values["both", "", "nll", "identity"][0] + 1e-6
    same = {values["both", "neg_mutual_information", "auroc", c] for c in ("identity", "ts@field/all")}
    assert len(same) == 1


def test_check_says_how_many_passes_an_image_takes(called):
    slide = {"name": "slid", "slide": {"crop": [32, 32], "stride": [16, 24]}, "tta": {"flip": True}}
    said = called([ONE, slide], "check", "run.yaml")
    assert "model slid: 12 forward passes for an image of height 48, width 80" in said
    assert "model one: 1 forward" not in said
    large = {"name": "field", "spec": "folder", "root": "photos", "labels": "field.toml", "resize": [96, 160]}
    said = called([slide], "check", "run.yaml", datasets=[large])
    assert "model slid: 70 forward passes for an image of height 48, width 80" in said


def test_logits_of_windows_are_saved_at_the_size_of_the_image_and_read_back(field, called):
    slide = {"name": "slid", "slide": {"crop": [32, 32], "stride": [16, 24]}}
    called([slide], "run", "run.yaml", "--out", "out", "--save", "logits")
    before = json.loads((field / "out" / "results.json").read_text())["rows"]
    stored = {"name": "slid", "kind": "stored", "where": "out/saved/slid", "labels": "field.toml"}
    called([stored], "run", "run.yaml", "--out", "again")
    after = json.loads((field / "again" / "results.json").read_text())["rows"]
    compared = 0
    for one, other in zip(before, after, strict=True):
        assert one["metric"] == other["metric"]
        if one["metric"] in ("ece", "nll", "brier", "pixel_accuracy", "miou"):
            assert other["value"] == pytest.approx(one["value"], abs=1e-3)  # they were rounded to float16
            compared += 1
    assert compared == 5


def test_mc_dropout_without_dropout_is_refused(field):
    (field / "plain.py").write_text(NETWORK.replace("nn.Dropout(0.3), ", ""))
    with pytest.raises(ModelError, match="mc_dropout needs layers of dropout, and it has none; leave it out"):
        reliseg.open_model(f"python:{field}/plain.py:build", labels=str(field / "field.toml"), mc_dropout=3)


def test_windows_from_python_are_those_of_a_file(field):
    model = reliseg.open_model(
        f"python:{field}/net.py:build",
        labels=str(field / "field.toml"),
        slide={"crop": [32, 32], "stride": [16, 24]},
        device="cpu",
        threads=1,
    )
    data = reliseg.open_dataset("folder", field / "photos", name="field", labels=str(field / "field.toml"))
    results = reliseg.evaluate({"slid": model}, data)
    values = evaluated(field, [{"name": "slid", "slide": {"crop": [32, 32], "stride": [16, 24]}}])
    assert results.value("ece") == values["slid", "msp", "ece", "identity"][0]
