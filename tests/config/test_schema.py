"""The configuration: what is known, what is written out, and one line for what is wrong."""

import json
from pathlib import Path

import numpy as np
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from reliseg.config.scalars import Plain
from reliseg.config.schema import (
    SampleConfig,
    parse_config,
    parse_settings,
    plain_name,
    read_config,
    render_config,
)
from reliseg.config.yaml_files import parse_yaml
from reliseg.errors import ConfigError
from reliseg.metrics import METRICS
from reliseg.models import Augmented, FitWithin, Pad, Slide
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


NUMBERS = [
    ("seed: 0x1F", "seed", 31),
    ("seed: 0016", "seed", 16),
    ("seed: '3'", "seed", 3),
    ("limit: ~", "limit", None),
    ("limit:", "limit", None),
    ("sample: {cap: 1e8}", "sample", SampleConfig(cap=100_000_000)),
    ("batch: 2.0", "batch", 2),
]


@pytest.mark.parametrize(("text", "key", "value"), NUMBERS)
def test_a_number_is_one_of_yaml_1_2_where_a_number_is_asked_for(text, key, value):
    settings = parse_settings(parse_yaml(text))
    assert getattr(settings, key) == value
    assert type(getattr(settings, key)) is type(value)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("seed: 1_0", "seed: give a whole number, not '1_0'"),
        ("seed: true", "seed: give a whole number, not 'true'"),
        ("seed: ' 7'", "seed: give a whole number, not ' 7'"),
        ("seed: 3.5", "seed: give a whole number, not 3.5"),
        ("seed: null", "seed: give a whole number"),
        (f"seed: {'9' * 30}", f"seed: give less than 9223372036854775808, not {'9' * 30}"),
        (f"seed: {'9' * 5000}", f"seed: give a whole number, not '{'9' * 57}...'"),
        ("threads: 100000", "threads: give at most 1024, not 100000"),
        ("batch: 100000", "batch: give at most 4096, not 100000"),
        ("sample: {cap: all pixels}", "sample.cap: give a whole number or all, not 'all pixels'"),
        ("device:", "device is empty; write a word, in quotes where it is '~'"),
        ("scores: [msp, ~]", "scores.1 is empty; write a word, in quotes where it is '~'"),
        ("sample: [1]", "sample: give keys with values"),
    ],
)
def test_what_is_no_number_or_name_is_refused_with_what_to_give(text, line):
    with pytest.raises(ConfigError) as refusal:
        parse_settings(parse_yaml(text))
    assert str(refusal.value) == f"settings: {line}"


@pytest.mark.parametrize(
    ("model", "line"),
    [
        ({"upsampling": {"align_corners": Plain("yes")}}, "upsampling.align_corners: give true or false, not 'yes'"),
        ({"mean": [Plain("1"), Plain(".nan"), Plain("0")]}, "mean.1: give a finite number, not nan"),
        ({"mean": [Plain("1"), Plain("true"), Plain("0")]}, "mean.1: give a number, not 'true'"),
        ({"mean": [1, True, 0]}, "mean.1: give a number, not True"),
        ({"resize": [Plain("64"), Plain("6_4")]}, "resize.1: give a whole number, not '6_4'"),
        (
            {"args": {"n": Plain("9" * 5000)}},
            "args: a number of 5000 digits is too long; put it in quotes if it is a name",
        ),
        ({"weights": "a\0b"}, "weights: 'a\\x00b' holds the character U+0000, which no name can hold; remove it"),
        (
            {"where": "a\udce9"},
            "where: 'a\\udce9' holds bytes that are not UTF-8, which no configuration can hold; rename it",
        ),
    ],
)
def test_values_of_a_model_are_refused_where_they_are_not_what_is_asked_for(model, line):
    text = refusal_of(LEAST | {"models": [MODEL | model]})
    assert text in (f"file: models.0.{line}", f"file: models.0: {line}")


def test_arguments_follow_the_core_rules():
    text = "{a: 0x1F, b: '0x1F', c: on, d: 2024-01-01, e: [1_0, 1e1, ~], f: {1: x, '2': y}}"
    config = parse_config(LEAST | {"models": [MODEL | {"args": parse_yaml(text)}]})
    args = {"a": 31, "b": "0x1F", "c": "on", "d": "2024-01-01", "e": ["1_0", 10.0, None], "f": {1: "x", "2": "y"}}
    assert config.models[0].args == args


@pytest.mark.parametrize("value", [{"seed": np.int64(3)}, {"seed": 3.0}, {"seed": 3}, {"seed": "3"}])
def test_numbers_of_a_program_are_read_alike(value):
    assert parse_settings(value).seed == 3


@pytest.mark.parametrize("value", [True, 3.5, "1_0", None, [3], np.bool_(True)])
def test_what_is_no_number_of_a_program_is_refused(value):
    with pytest.raises(ConfigError, match="settings: seed: give a whole number"):
        parse_settings({"seed": value})


SHORT = {letter: f"'{letter * 57}...'" for letter in "nülws"}
"""Long names as messages show them."""
UNFIT = [
    ("models", MODEL, "name", "n" * 256, f"{SHORT['n']} has 256 bytes, and the limit is 255"),
    ("models", MODEL, "name", "ü" * 128, f"{SHORT['ü']} has 256 bytes, and the limit is 255"),
    ("models", MODEL, "name", ".net", "'.net' is not a plain name; use letters, digits and . _ + -, and do not begin"),
    ("models", MODEL, "where", "a/" + "w" * 256, f"{SHORT['w']} has 256 bytes, and the limit is 255; correct it"),
    ("models", MODEL, "weights", "a/" * 2100, "a path of 4200 bytes, and the limit is 4095; shorten it"),
    ("datasets", DATA, "root", "~nobody_of_this_name/x", "no home folder is known for '~nobody_of_this_name/x'"),
    ("datasets", DATA, "spec", "s" * 300, f"{SHORT['s']} has 300 bytes, and the limit is 255; correct it"),
    ("calibration", {}, "load", "l" * 256, f"{SHORT['l']} has 256 bytes, and the limit is 255; correct it"),
]


@pytest.mark.parametrize(("part", "section", "key", "value", "line"), UNFIT)
def test_names_and_paths_that_no_file_can_have_are_refused(part, section, key, value, line):
    text = refusal_of(LEAST | {part: [section | {key: value}]})
    assert text.startswith(f"file: {part}.0.{key}: {line}")


def test_names_and_paths_up_to_the_limit_are_taken():
    config = parse_config(LEAST | {"models": [MODEL | {"name": "n" * 255, "where": "a/" * 2000 + "w" * 90}]})
    assert len(config.models[0].name) == 255


@pytest.mark.parametrize("where", ["net.py", "package.module", "a/b"])
def test_a_place_without_a_function_stays_as_it_is(where, tmp_path):
    config = parse_config(LEAST | {"models": [{"name": "m", "kind": "python", "where": where}]})
    text = render_config(config, tmp_path)
    assert parse_config(parse_yaml(text)).models[0].where == where


def test_how_images_are_predicted_is_read_and_written_only_where_it_is_said():
    text = """{resize: {long: 2048, short: 1024}, slide: {crop: [768, 768], stride: [512, 512]}, masks: 384,
        interpolation: opencv, pad: {to_multiple: 32}, tta: {flip: true, scales: [1, 0.5]}, mc_dropout: 8}"""
    given_ = parse_yaml(f"models: {text}")["models"]
    (model,) = parse_config({**LEAST, "models": [MODEL | given_]}).models
    assert model.resize == FitWithin(2048, 1024)
    assert model.slide == Slide((768, 768), (512, 512))
    assert model.tta == Augmented(flip=True, scales=(1.0, 0.5))
    assert (model.masks, model.pad, model.mc_dropout, model.interpolation) == ("384", Pad(32), 8, "opencv")
    written = yaml.safe_load(render_config(parse_config({**LEAST, "models": [MODEL | given_]}), Path()))
    assert parse_config(written).models[0] == model
    plain = yaml.safe_load(render_config(parse_config(LEAST), Path()))["models"][0]
    assert not {"members", "interpolation", "pad", "slide", "tta", "mc_dropout", "masks"} & set(plain)


@pytest.mark.parametrize(
    ("section", "line"),
    [
        ("slide: {crop: [7, 8], stride: [9, 3]}", "slide: stride [9, 3] leaves gaps between windows of [7, 8]"),
        ("slide: {crop: [7, 8]}", "slide.stride is missing"),
        ("slide: {crop: [7, 8], strides: [1, 1]}", "unknown key 'strides' at models.0.slide.strides; did you mean"),
        ("slide: {crop: [7, true], stride: [1, 1]}", "slide.crop.1: give a whole number"),
        ("tta: {scales: [1]}", "tta: nothing is averaged"),
        ("tta: {flip: yes}", "tta.flip: give true or false"),
        ("pad: 32", "pad: give keys with values, not '32'"),
        ("resize: {long: 3, short: 4}", "resize: short is 4, and long 3"),
        ("mc_dropout: 1", "mc_dropout: give at least 2, not 1"),
        ("masks: 385", "masks: give input, image, native, 384 or window, not '385'"),
        ("members: [a, b]", "members applies only to kind: ensemble; leave it out"),
        ("where: ''", "models.0: where is missing"),
    ],
)
def test_a_wrong_way_to_predict_is_refused_at_its_place(section, line):
    given_ = parse_yaml(f"models: {{{section}}}")["models"]
    assert line in refusal_of({**LEAST, "models": [MODEL | given_]})


@pytest.mark.parametrize(
    ("promise", "message"),
    [
        ({"risk": "0"}, "accept.risk: give more than 0"),
        ({"risk": "1"}, "accept.risk: give less than 1"),
        ({"risk": "five"}, "accept.risk: give a number, not 'five'"),
        ({}, "accept.risk is missing"),
        ({"risk": "0.05", "confidence": "95"}, "accept.confidence: give less than 1"),
        ({"risk": "0.05", "clas": "car"}, "unknown key 'clas' at accept.clas; did you mean 'class'"),
    ],
)
def test_a_promise_that_is_none_is_refused_with_its_place(promise, message):
    with pytest.raises(ConfigError, match=message):
        parse_config(LEAST | {"accept": promise})


def test_promises_are_written_back_as_they_are_asked_and_others_are_not():
    promises = [{"risk": "0.05"}, {"risk": "0.01", "class": "car", "on": "a/b", "confidence": "0.95"}]
    config = parse_config(LEAST | {"accept": promises})
    written = config.model_dump()["accept"]
    assert written == [{"risk": 0.05}, {"risk": 0.01, "class": "car", "on": ["a/b"], "confidence": 0.95}]
    assert parse_config(config.model_dump()) == config
    assert "accept" not in parse_config(LEAST).model_dump()
