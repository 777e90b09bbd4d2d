"""The configuration: what is known, what is written out, and one line for what is wrong."""

from pathlib import Path

import pytest
import yaml

from reliseg.config.schema import (
    SampleConfig,
    parse_config,
    parse_settings,
    plain_name,
    read_config,
    render_config,
)
from reliseg.errors import ConfigError
from reliseg.metrics import METRICS
from reliseg.stats.built_in_scores import BUILT_IN_SCORES

LEAST = {
    "models": [{"name": "m", "kind": "stored", "where": "logits"}],
    "datasets": [{"name": "d", "spec": "camvid", "root": "data"}],
}
MODEL, DATA = LEAST["models"][0], LEAST["datasets"][0]


def refusal_of(content):
    with pytest.raises(ConfigError) as refusal:
        parse_config(content, where="file")
    text = str(refusal.value)
    assert text.startswith("file: ")
    assert "\n" not in text
    return text


@pytest.mark.parametrize(
    ("content", "place", "meant"),
    [
        ({"modles": []}, "modles", "models"),
        (LEAST | {"models": [MODEL | {"wieghts": "x"}]}, "models.0.wieghts", "weights"),
        (LEAST | {"models": [MODEL | {"upsampling": {"align": 1}}]}, "models.0.upsampling.align", "align_corners"),
        (LEAST | {"datasets": [DATA, DATA | {"rot": "x"}]}, "datasets.1.rot", "root"),
        (LEAST | {"calibration": [{"lod": "x"}]}, "calibration.0.lod", "load"),
        (LEAST | {"test": {"allow_sen": []}}, "test.allow_sen", "allow_seen"),
        (LEAST | {"sample": {"perimage": 1}}, "sample.perimage", "per_image"),
        (LEAST | {"protocol": {"nam": 1}}, "protocol.nam", "name"),
    ],
)
def test_an_unknown_key_is_named_with_the_nearest_of_its_own_section(content, place, meant):
    key = place.rpartition(".")[2]
    assert f"unknown key {key!r} at {place}; did you mean {meant!r}? known: " in refusal_of(content)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (LEAST | {"models": [MODEL | {"kind": "store"}]}, "unknown model kind 'store'; did you mean 'stored'?"),
        (LEAST | {"models": [MODEL, MODEL]}, "two models are named 'm'; give each its own name"),
        (LEAST | {"datasets": [DATA, DATA]}, "two data sets are named 'd'"),
        (LEAST | {"models": [MODEL | {"name": "a/b"}]}, "models.0.name: 'a/b' is not a plain name"),
        (LEAST | {"calibration": [{"on": ["d"]}]}, "give on: and methods:, or only load:"),
        (LEAST | {"calibration": [{"on": ["d"], "methods": ["ts"], "load": "x"}]}, "or only load:"),
        (LEAST | {"scores": ["mps"]}, "unknown score 'mps'; did you mean 'msp'?"),
        (LEAST | {"metrics": ["ece"]}, "'ece' is one number of the family 'calibration_error'; write the family"),
        (LEAST | {"metrics": ["segmentatoin"]}, "unknown metric family 'segmentatoin'; did you mean 'segmentation'?"),
        (LEAST | {"device": "gpu"}, "device: unknown device 'gpu'"),
        (LEAST | {"test": {"on": []}}, "test.on: give at least 1 in the list"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(content, message):
    assert message in refusal_of(content)


def test_settings_alone_are_checked_as_those_of_a_run():
    with pytest.raises(ConfigError, match=r"^settings: unknown key 'score' at score; did you mean 'scores'"):
        parse_settings({"score": ["msp"]})
    assert parse_settings({"seed": 3}).seed == parse_config(LEAST | {"seed": 3}).seed == 3


def test_scores_and_metrics_are_written_out():
    settings = parse_settings({})
    assert settings.scores == list(BUILT_IN_SCORES)
    assert settings.metrics == [f for f in METRICS.names() if METRICS.get(f).by_default]
    assert parse_settings({"metrics": None}).metrics == settings.metrics
    assert parse_settings({"metrics": ["drop", "all"]}).metrics[0] == "drop"
    assert parse_settings({"scores": ["neg-energy", "margin", "margin"]}).scores == ["msp", "neg_energy", "margin"]


@pytest.mark.parametrize(
    ("content", "images", "quota"),
    [
        ({}, 10, 20_000),
        ({}, 1000, 10_000),
        ({"per_image": 5}, 10**9, 1),
        ({"per_image": 7, "cap": "all"}, 10**9, 7),
        ({"per_image": "all", "cap": 100}, 10, 10),
    ],
)
def test_the_pixels_of_an_image_are_limited_by_both_numbers(content, images, quota):
    assert SampleConfig.model_validate(content).quota(images) == quota


def test_all_pixels_of_an_image_are_all_of_the_run():
    assert SampleConfig.model_validate({"per_image": "all"}).cap == "all"
    assert SampleConfig.model_validate({"per_image": "all"}).quota(10**6) > 10**12


@pytest.mark.parametrize("name", ["a", "a-b_c.d+1", "0016"])
def test_a_plain_name_is_given_back(name):
    assert plain_name(name) == name


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "a b", "a:b"])
def test_a_name_that_is_no_folder_everywhere_is_refused(name):
    with pytest.raises(ValueError, match="is not a plain name"):
        plain_name(name)


def test_what_is_written_out_is_read_back_with_absolute_paths(tmp_path, monkeypatch):
    for name in ("net.py", "weights.pth", "mine.toml", "idd"):
        (tmp_path / name).touch()
    model = {"name": "m", "kind": "python", "where": "net.py:build", "weights": "weights.pth", "labels": "mine.toml"}
    data = {"name": "d", "spec": "idd", "root": "../elsewhere", "labels": "mine.toml"}
    hub = {"name": "h", "kind": "hf", "where": "some/hub-id", "labels": "idd"}
    config = parse_config({"models": [model, hub], "datasets": [data], "calibration": [{"load": "idd"}]})
    path = tmp_path / "written.yaml"
    path.write_text(render_config(config, tmp_path))
    again = read_config(path)
    first, second = again.models
    assert (first.where, first.weights) == (f"{tmp_path}/net.py:build", f"{tmp_path}/weights.pth")
    assert (second.where, second.labels) == ("some/hub-id", "idd")  # a name, though a file is called so
    (dataset,) = again.datasets
    assert (dataset.spec, dataset.root) == ("idd", str(tmp_path.parent / "elsewhere"))
    assert first.labels == dataset.labels == f"{tmp_path}/mine.toml"
    assert again.calibration[0].load == f"{tmp_path}/idd"
    monkeypatch.chdir("/")
    assert render_config(again, Path()) == path.read_text()
    assert set(yaml.safe_load(path.read_text())) == {
        *LEAST,
        "calibration",
        "test",
        "protocol",
        *parse_settings({}).model_dump(),
    }


def test_values_are_logits_or_probabilities():
    stated = LEAST | {"models": [MODEL | {"values": "probabilities"}]}
    assert parse_config(stated).models[0].values == "probabilities"
    assert parse_config(LEAST).models[0].values is None
    assert "models.0.values" in refusal_of(LEAST | {"models": [MODEL | {"values": "percent"}]})
