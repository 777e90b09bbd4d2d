"""Weights in several files, by their index."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from reliseg.errors import ModelError
from reliseg.models.checkpoints.reader import read_checkpoint
from reliseg.models.checkpoints.shards import beginning, checkpoint_files, index_of

FILES = ("model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors")


def index(folder: Path, weight_map: Any, name: str = "model.safetensors.index.json") -> Path:
    path = folder / name
    path.write_text(json.dumps({"metadata": {"total_size": 20}, "weight_map": weight_map}, indent=2))
    return path


def shards(folder: Path) -> Path:
    save_file({"a": torch.ones(2), "b": torch.zeros(1)}, folder / FILES[0])
    save_file({"c": torch.full((2,), 3.0)}, folder / FILES[1])
    return index(folder, {"a": FILES[0], "b": FILES[0], "c": FILES[1]})


def test_all_files_of_an_index_are_read(tmp_path: Path) -> None:
    path = shards(tmp_path)
    found = read_checkpoint(path).content
    assert {name: tensor.tolist() for name, tensor in found.items()} == {"a": [1, 1], "b": [0], "c": [3, 3]}
    assert checkpoint_files(path) == [path, *(tmp_path / name for name in FILES)]


def test_files_of_torch_may_be_listed_too(tmp_path: Path) -> None:
    torch.save({"a": torch.ones(2)}, tmp_path / "one.bin")
    torch.save({"b": torch.ones(1)}, tmp_path / "two.bin")
    path = index(tmp_path, {"a": "one.bin", "b": "two.bin"}, "pytorch_model.bin.index.json")
    assert sorted(read_checkpoint(path).content) == ["a", "b"]


def test_a_single_file_is_its_own(tmp_path: Path) -> None:
    save_file({"a": torch.ones(2)}, tmp_path / "w.safetensors")
    assert checkpoint_files(tmp_path / "w.safetensors") == [tmp_path / "w.safetensors"]
    assert index_of(tmp_path / "w.safetensors") is None
    assert beginning(tmp_path / "w.safetensors")[1] == (tmp_path / "w.safetensors").stat().st_size


@pytest.mark.parametrize(
    ("weight_map", "problem"),
    [
        ({"a": "gone.safetensors"}, "its index needs gone.safetensors beside it; copy the whole folder"),
        ({"a": "../w.safetensors"}, "names '../w.safetensors'; the files of an index lie beside it, in one folder"),
        ({"a": "/etc/passwd"}, "names '/etc/passwd'"),
        ({"a": "model.safetensors.index.json"}, "names 'model.safetensors.index.json'"),
        ({f"a{i}": f"{i}.bin" for i in range(2000)}, "its index names 2000 files; not read"),
        ({"a": 3}, "its weight_map is not one of tensors and files"),
        ({}, "its weight_map is not one of tensors and files"),
        (["a"], "its weight_map is not one of tensors and files"),
        ({"more": FILES[1]}, "has no more, which the index has there"),
    ],
)
def test_an_index_that_cannot_be_followed_is_told(tmp_path: Path, weight_map: Any, problem: str) -> None:
    shards(tmp_path)
    path = index(tmp_path, weight_map)
    with pytest.raises(ModelError) as caught:
        read_checkpoint(path)
    assert problem in str(caught.value)
    assert str(caught.value).startswith(f"weights {path}: ")


@pytest.mark.parametrize("text", ['{"a": 1}', "{}", '{"a": ', '{"a": ' * 100_000, '{"weight_map": "\x00"}'])
def test_other_json_is_no_index(tmp_path: Path, text: str) -> None:
    (tmp_path / "w.json").write_text(text)
    with pytest.raises(ModelError, match="a JSON file, and no index of weights"):
        read_checkpoint(tmp_path / "w.json")
