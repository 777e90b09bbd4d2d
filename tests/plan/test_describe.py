"""What was opened in Python, written as sections of a configuration."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from reliseg.config.schema import RunConfig, parse_config, render_config
from reliseg.config.yaml_files import parse_yaml
from reliseg.data import DataOptions
from reliseg.labels import LabelSpace, label_space
from reliseg.models import ModelOptions
from reliseg.plan.describe import describe_dataset, describe_model

MODEL = ModelOptions(
    name="net",
    kind="python",
    where="net.py:build",
    labels=label_space("camvid"),
    weights=Path("net.pth"),
    align_corners=True,
    mean=(0.1, 0.2, 0.3),
    resize=(64, 96),
    precision="bfloat16",
    args={"depth": 3, "name": "0016", "widths": [8, 16]},
)
DATA = DataOptions(
    spec="folder",
    root=Path("photos"),
    labels="camvid",
    label_map={"known": {7: 0}, "void": [255]},
    domains={"a": {"scenes": ("s1", "s2")}, "b": None},
    image=("{scene}/{stem}.png",),
    missing="skip",
)


def written(**sections: object) -> RunConfig:
    """The configuration with these sections after a way through a file."""
    content = {
        "models": [{"name": "m", "kind": "stored", "where": "x"}],
        "datasets": [{"name": "d", "spec": "camvid", "root": "x"}],
    }
    text = render_config(parse_config(content | sections), Path())
    return parse_config(parse_yaml(text))


def test_a_model_is_described_by_the_options_it_was_opened_with():
    section = describe_model(MODEL, "camvid")
    assert section is not None
    (model,) = written(models=[section]).models
    assert model == section
    assert (model.kind, model.where, model.labels, model.weights) == ("python", "net.py:build", "camvid", "net.pth")
    assert (model.mean, model.std, model.resize) == ((0.1, 0.2, 0.3), None, (64, 96))
    assert (model.precision, model.args) == ("bfloat16", MODEL.args)
    assert model.upsampling is not None
    assert model.upsampling.align_corners


def test_paths_of_a_model_are_absolute(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("net.py", "net.pth", "mine.toml"):
        (tmp_path / name).touch()
    section = describe_model(MODEL, "mine.toml")
    assert section is not None
    assert section.where == f"{tmp_path / 'net.py'}:build"
    assert section.weights == str(tmp_path / "net.pth")
    assert section.labels == str(tmp_path / "mine.toml")
    assert describe_model(replace(MODEL, labels=None), None).upsampling.align_corners


@pytest.mark.parametrize("value", [np.float32(1), (1, 2), object(), {1: 2}, Path("x"), {"deep": {1, 2}}])
def test_a_model_with_arguments_that_no_file_holds_is_not_described(value):
    assert describe_model(replace(MODEL, args={"value": value}), "camvid") is None


def test_a_label_space_that_is_an_object_is_described_by_its_name_where_that_is_enough():
    space = label_space("camvid")
    assert describe_model(MODEL, space).labels == "camvid"
    assert describe_model(MODEL, replace(space, classes=space.classes[::-1])) is None
    assert describe_model(MODEL, LabelSpace("mine", ("a", "b"), ((0, 0, 0), (1, 1, 1)))) is None


def test_a_data_set_is_described_by_the_options_it_was_opened_with(tmp_path):
    section = describe_dataset(replace(DATA, folder=tmp_path), "mine")
    assert section is not None
    (dataset,) = written(datasets=[section]).datasets
    assert (dataset.name, dataset.spec, dataset.root) == ("mine", "folder", str(tmp_path / "photos"))
    assert dataset.domains == {"a": {"scenes": ["s1", "s2"]}, "b": None}
    assert dataset.label_map == {"known": {"7": 0}, "void": [255]}
    assert (dataset.image, dataset.mask, dataset.missing) == (["{scene}/{stem}.png"], None, "skip")


def test_a_data_set_with_options_that_no_file_holds_is_not_described():
    assert describe_dataset(replace(DATA, domains={"a": {"scenes": object()}}), "mine") is None
