"""The sections of models and data sets."""

from pathlib import Path

import pytest
import yaml
from helpers.configurations import LEAST, MODEL, refusal_of

from reliseg.config.scalars import Plain
from reliseg.config.schema import parse_config, render_config
from reliseg.config.yaml_files import parse_yaml
from reliseg.models import Augmented, FitWithin, Pad, Slide


def test_values_are_logits_or_probabilities():
    stated = LEAST | {"models": [MODEL | {"values": "probabilities"}]}
    assert parse_config(stated).models[0].values == "probabilities"
    assert parse_config(LEAST).models[0].values is None
    assert "models.0.values" in refusal_of(LEAST | {"models": [MODEL | {"values": "percent"}]})


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
