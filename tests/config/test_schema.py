"""The configuration: what is known, what is written out, and one line for what is wrong."""

import json
from pathlib import Path

import pytest
import yaml
from helpers.configurations import DATA, LEAST, MODEL, refusal_of
from hypothesis import given
from hypothesis import strategies as st

from reliseg.config.schema import parse_config, parse_settings, read_config, render_config
from reliseg.config.yaml_files import parse_yaml
from reliseg.errors import ConfigError


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


NAMES = [
    "0016E5",
    "0001",
    "+1",
    "1_0",
    "on",
    "~",
    "0x1F",
    "1:30",
    "2024-01-01",
    " a ",
    "a\nb",
    "null",
    "true",
    "1.0",
    "=",
]
TEXTS = st.sampled_from(NAMES) | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1)
PLAIN_NAMES = st.sampled_from([name for name in NAMES if not set(name) & set("~: \n=")])
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS | st.integers(), inner, max_size=3),
    max_leaves=6,
)


@given(name=PLAIN_NAMES, texts=st.lists(TEXTS, min_size=6, max_size=6), args=st.dictionaries(TEXTS, VALUES, max_size=3))
def test_every_name_and_value_is_read_back_as_it_was(name, texts, args):
    a, b, c, d, e, f = texts
    model = {"name": name, "kind": "hf", "where": f"hub/{a}", "feature": b, "args": args}
    data = {"name": name, "spec": "idd", "root": "/x", "image": [c], "missing": "skip"}
    data["domains"] = {
        d: {"scenes": [e, f], "split": e, "augment": {"kind": "photometric", "copies": 2}},
        e + "x": None,
    }
    config = parse_config({"models": [model], "datasets": [data], "test": {"on": [f], "reference": a}, "seed": 16})
    text = render_config(config, Path("/"))
    again = parse_config(parse_yaml(text))
    assert again == config
    assert render_config(again, Path("/")) == text
    (section,) = again.datasets
    assert section.domains[d]["scenes"] == [e, f]
    assert again.models[0].args == args


@pytest.mark.parametrize("name", NAMES)
def test_a_name_in_quotes_is_its_text_everywhere(name):
    text = f"""
    models: [{{name: m, kind: stored, where: {json.dumps(name)}, weights: {json.dumps(name)}}}]
    datasets: [{{name: d, spec: x, root: x, domains: {{day: {{scenes: [{json.dumps(name)}]}}}}}}]
    test: {{reference: {json.dumps(name)}}}
    """
    config = parse_config(parse_yaml(text))
    assert config.models[0].where == config.models[0].weights == config.test.reference == name
    assert config.datasets[0].domains["day"] == {"scenes": [name]}


@pytest.mark.parametrize(
    "name", ["0016E5", "0001", "+1", "1_0", "on", "0x1F", "1:30", "2024-01-01", "null", "true", "1.0"]
)
def test_a_name_without_quotes_is_the_text_of_the_file(name):
    text = f"""
    models: [{{name: m, kind: stored, where: {name}}}]
    datasets:
    - name: d
      spec: x
      root: {name}
      domains: {{{name}: {{scenes: [{name}], split: {name}, samples: [{name}/{name}]}}}}
    calibration: [{{load: {name}x}}]
    test: {{on: [{name}], allow_seen: [{name}]}}
    """
    config = parse_config(parse_yaml(text))
    (data,) = config.datasets
    assert data.domains == {name: {"scenes": [name], "split": name, "samples": [f"{name}/{name}"]}}
    assert {config.models[0].where, data.root, *config.test.on, *config.test.allow_seen} == {name}
