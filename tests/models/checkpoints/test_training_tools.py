"""Checkpoints of training tools: weights are read from among all else, and three payloads in them do not run."""

import os
import pickle
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from helpers.training_tools import TOOLS, State, foreign_classes, having, optimizer

from reliseg.errors import ModelError
from reliseg.models.checkpoints.loading import LoadedWeights, load_weights
from reliseg.models.checkpoints.reader import read_checkpoint


class Net(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.body = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.BatchNorm2d(4))
        self.head = torch.nn.Conv2d(4, 3, 1)


def state(seed: int = 1) -> State:
    torch.manual_seed(seed)
    return {name: torch.rand_like(value.float()).to(value.dtype) for name, value in Net().state_dict().items()}


def check_loaded(path: Path, key: str | None = None) -> LoadedWeights:
    """Load a file into a network, and check that its numbers are those of the state."""
    net = Net()
    loaded = load_weights(net, path, key)
    assert all(torch.equal(value, net.state_dict()[name]) for name, value in state().items())
    return loaded


PLACES = {
    "lightning": ("state_dict.model.", (), ["project.losses.Dice", "functools.partial", "project.losses.Make"]),
    "mmengine": ("state_dict", ("road", "sky", "tree"), []),
    "mmseg_of_old": ("state_dict", ("road", "sky", "tree"), []),
    "timm": ("state_dict", (), []),
    "parallel": ("net.module.", (), ["utils.config.Config"]),
    "deepspeed": ("module", (), []),
    "hydra": ("model_state_dict", (), []),
    "averaged": ("ema.module.", (), []),
    "detectron2": ("model", (), []),
}


@pytest.mark.parametrize("form", ["zip", "old"])
@pytest.mark.parametrize("tool", TOOLS, ids=lambda tool: tool.__name__)
def test_weights_are_read_from_what_training_tools_write(
    tmp_path: Path, tool: Callable[[State, Callable[[Any], None]], None], form: str
) -> None:
    path = tmp_path / "last.ckpt"
    tool(state(), lambda content: torch.save(content, path, _use_new_zipfile_serialization=form == "zip"))
    loaded = check_loaded(path)
    place, classes, told = PLACES[tool.__name__]
    assert (loaded.place, loaded.classes) == (place, classes)
    notes = [f"its checkpoint holds more than weights; left out and not run: {', '.join(told)}"] if told else []
    assert loaded.notes() == notes


def test_numbers_beside_weights_are_plain(tmp_path: Path) -> None:
    tool = next(tool for tool in TOOLS if tool.__name__ == "mmengine")
    tool(state(), lambda content: torch.save(content, tmp_path / "w.pth"))
    found = read_checkpoint(tmp_path / "w.pth")
    assert found.content["message_hub"]["runtime_info"] == {"iter": 160000, "last_step": {"mIoU": 77.5}}
    assert found.content["meta"]["dataset_meta"]["palette"][0] == [128, 64, 128]
    assert found.left_out == ("mmengine.logging.history_buffer.HistoryBuffer",)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_a_pickle_of_arrays_is_read(tmp_path: Path, protocol: int) -> None:
    arrays = {name: tensor.numpy() for name, tensor in state().items()}
    content = {"model": arrays, "__author__": "somebody", "matching_heuristics": True}
    (tmp_path / "w.pkl").write_bytes(pickle.dumps(content, protocol))
    assert check_loaded(tmp_path / "w.pkl").place == "model"


def test_two_sets_of_weights_of_a_training_script_are_listed(tmp_path: Path) -> None:
    torch.save({"state_dict": state(2), "state_dict_ema": state(), "optimizer": optimizer(state())}, tmp_path / "w.pth")
    with pytest.raises(ModelError, match="several state dicts fit: state_dict, state_dict_ema; say which with key"):
        load_weights(Net(), tmp_path / "w.pth")
    check_loaded(tmp_path / "w.pth", "state_dict_ema")


class Reduce:
    """Makes a file by what is called when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = str(path)

    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, (f"touch {self.path}",)


class Build(Reduce):
    """Makes a file by its own method, which gets its state when it is unpickled."""

    def __reduce__(self) -> tuple[Any, ...]:
        return Build, (Path("x"),), {"path": self.path}

    def __setstate__(self, state: dict[str, Any]) -> None:
        Path(state["path"]).touch()


class Array(Reduce):
    """Makes a file by a type of numbers that is none."""

    def __reduce__(self) -> tuple[Any, ...]:
        return torch._utils._rebuild_parameter, (Reduce(Path(self.path)), False, Reduce(Path(self.path)))


FORMS: dict[str, Callable[[Any, Path], None]] = {
    "new.pth": lambda content, path: torch.save(content, path),
    "old.pth": lambda content, path: torch.save(content, path, _use_new_zipfile_serialization=False),
    "last.ckpt": lambda content, path: torch.save(content, path, pickle_protocol=5),
    "plain.pkl": lambda content, path: path.write_bytes(pickle.dumps(content)) and None,
}
PAYLOADS = {"reduce": Reduce, "build": Build, "nested": Reduce, "argument": Array}


@pytest.mark.parametrize("way", PAYLOADS)
@pytest.mark.parametrize("name", FORMS)
def test_a_payload_does_not_run_and_is_named_and_the_weights_around_it_load(
    tmp_path: Path, name: str, way: str
) -> None:
    ran = tmp_path / "ran"
    payload = PAYLOADS[way](ran)
    weights: dict[str, Any] = {key: tensor.numpy() for key, tensor in state().items()} if name.endswith("pkl") else {}
    weights = weights or dict(state())
    nested = {"payload": payload, **weights} if way in ("nested", "argument") else weights
    FORMS[name](
        {"state_dict": nested, **({"callbacks": [payload]} if way in ("reduce", "build") else {})}, tmp_path / name
    )
    [note] = check_loaded(tmp_path / name).notes()
    assert not ran.exists()
    assert ("test_training_tools.Build" if way == "build" else "posix.system") in note
    with suppress(AttributeError):
        pickle.loads(pickle.dumps(payload))  # the payload is one
    assert ran.exists()


@pytest.mark.parametrize("name", FORMS)
def test_a_payload_in_the_place_of_a_weight_is_named_with_what_is_missing(tmp_path: Path, name: str) -> None:
    content = {"state_dict": dict(state()) | {"head.bias": Reduce(tmp_path / "ran")}}
    FORMS[name](content, tmp_path / name)
    with pytest.raises(ModelError, match=r": missing head\.bias; left out and not run: posix\.system$"):
        load_weights(Net(), tmp_path / name)
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("name", FORMS)
def test_a_whole_network_is_refused_with_what_to_save(tmp_path: Path, name: str) -> None:
    with foreign_classes("segmentation_models_pytorch.decoders.unet.model.Unet") as (unet,):
        network = having(unet, _modules={"head": torch.nn.Conv2d(3, 3, 1)}, _parameters={}, _buffers={}, training=True)
        FORMS[name](network, tmp_path / name)
        FORMS[name]({"model": network, "ema": None, "optimizer": optimizer(state())}, tmp_path / f"in_{name}")
    with pytest.raises(ModelError) as caught:
        load_weights(Net(), tmp_path / name)
    assert str(caught.value).endswith(
        "holds a whole network (segmentation_models_pytorch.decoders.unet.model.Unet), which is code and not loaded; "
        "save its state dict alone: torch.save(model.state_dict(), path)"
    )
    with pytest.raises(ModelError) as caught:
        load_weights(Net(), tmp_path / f"in_{name}")
    assert "Unet) at model, which is code and not loaded" in str(caught.value)
    assert "torch.save(checkpoint['model'].state_dict(), path)" in str(caught.value)


def test_a_checkpoint_of_objects_alone_says_what_it_holds(tmp_path: Path) -> None:
    torch.save({"metric": np.random.default_rng(1), "epoch": 3}, tmp_path / "w.pth")
    with pytest.raises(ModelError, match=r"not a checkpoint \(it holds .*numpy.*\); a state dict is needed"):
        load_weights(Net(), tmp_path / "w.pth")
