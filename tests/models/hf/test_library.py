"""Loading with transformers: what is a model, what is refused in one line, and that it is quiet about it."""

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from helpers.hugging_face import save_network, segformer, segformer_config
from transformers.utils import logging as transformers_logging

from reliseg.errors import ModelError
from reliseg.models.hf.library import (
    facts,
    find_model,
    model_files,
    read_config,
    read_model,
    silence,
)


@pytest.fixture(autouse=True)
def _no_bars() -> Iterator[None]:
    transformers_logging.disable_progress_bar()
    yield
    transformers_logging.enable_progress_bar()


@pytest.fixture(scope="module")
def network() -> Any:
    return segformer()


def test_a_folder_or_an_id_of_the_hub(tmp_path: Path) -> None:
    segformer_config().save_pretrained(tmp_path / "net")
    assert find_model("hub", "net", tmp_path) == str(tmp_path / "net")
    assert find_model("hub", "nvidia/segformer-b0", tmp_path) == "nvidia/segformer-b0"


@pytest.mark.parametrize("where", ["./gone", "/gone/net", "a/b/c", "net.txt"])
def test_a_folder_that_is_not_there(tmp_path: Path, where: str) -> None:
    (tmp_path / "net.txt").touch()
    with pytest.raises(ModelError, match=r"model hub: '.*' is neither a folder .* nor a model id of the hub"):
        find_model("hub", where, tmp_path)


def test_a_folder_without_a_configuration(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"has no config\.json; give a folder that save_pretrained wrote"):
        find_model("hub", ".", tmp_path)


@pytest.mark.parametrize(
    ("content", "problem"), [("{", "cannot be read"), ('{"model_type": "gone"}', "cannot be read: .*gone")]
)
def test_a_configuration_that_is_broken(tmp_path: Path, content: str, problem: str) -> None:
    (tmp_path / "config.json").write_text(content)
    with pytest.raises(ModelError, match=problem) as caught:
        read_config("hub", str(tmp_path), None)
    assert "\n" not in str(caught.value)


def test_other_families_are_named(tmp_path: Path) -> None:
    transformers.ViTConfig().save_pretrained(tmp_path)
    with pytest.raises(
        ModelError, match=r"model hub: ViTConfig is not a semantic .*; supported: .*segformer, .*upernet"
    ):
        read_config("hub", str(tmp_path), None)


@pytest.mark.parametrize(
    ("config", "reason"), [(transformers.DetrConfig, "boxes"), (transformers.VideomtConfig, "video")]
)
def test_families_that_do_not_fit_say_why(tmp_path: Path, config: Any, reason: str) -> None:
    config().save_pretrained(tmp_path)
    with pytest.raises(ModelError, match=rf"is not supported, as it .*{reason}.*; supported: beit, .*upernet"):
        read_config("hub", str(tmp_path), None)


def test_an_unknown_id_offline_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(
        ModelError, match="model hub: there is no folder nobody/nothing, and as a model of the hub it cannot be read: "
    ) as caught:
        read_config("hub", "nobody/nothing", None)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("content", "problem"), [(None, "cannot be loaded: .*no file named model.safetensors"), ("no", "cannot be loaded")]
)
def test_weights_that_are_broken(tmp_path: Path, content: str | None, problem: str) -> None:
    segformer_config().save_pretrained(tmp_path)
    if content is not None:
        (tmp_path / "model.safetensors").write_text(content)
    with pytest.raises(ModelError, match=problem) as caught:
        read_model("hub", str(tmp_path), None, read_config("hub", str(tmp_path), None))
    assert "\n" not in str(caught.value)


def test_a_backbone_without_a_head_is_refused(tmp_path: Path, network: Any) -> None:
    network.segformer.save_pretrained(tmp_path)
    with pytest.raises(ModelError, match=r"has no weights for decode_head\.\S+ and \d+ more; give a checkpoint"):
        read_model("hub", str(tmp_path), None, read_config("hub", str(tmp_path), None))


def test_a_model_is_read_whole_for_prediction(tmp_path: Path, network: Any) -> None:
    save_network(tmp_path, network, {"image_processor_type": "SegformerImageProcessor"})
    folder = str(tmp_path / "net")
    model, unused = read_model("hub", folder, None, read_config("hub", folder, None))
    assert unused == []
    assert not model.training
    assert not any(parameter.requires_grad for parameter in model.parameters())
    for name, value in network.state_dict().items():
        assert torch.equal(model.state_dict()[name], value), name
    files = model_files(folder, None)
    assert [file.name for file in files] == ["config.json", "preprocessor_config.json", "model.safetensors"]
    said = facts(model, files)
    assert (said["class"], said["commit"]) == ("SegformerForSemanticSegmentation", None)
    assert said["parameters"] == sum(value.numel() for value in network.parameters())


def test_a_commit_is_named_for_files_of_the_hub(network: Any) -> None:
    files = [Path("models--a--b/snapshots/0123abcd/config.json")]
    assert facts(network, files)["commit"] == "0123abcd"


def test_silence_ends_with_what_was_set_before() -> None:
    transformers_logging.set_verbosity(logging.WARNING)
    transformers_logging.enable_progress_bar()
    with silence():
        assert transformers_logging.get_verbosity() == logging.ERROR
        assert not transformers_logging.is_progress_bar_enabled()
    assert transformers_logging.get_verbosity() == logging.WARNING
    assert transformers_logging.is_progress_bar_enabled()
    transformers_logging.disable_progress_bar()
    with silence():
        pass
    assert not transformers_logging.is_progress_bar_enabled()
