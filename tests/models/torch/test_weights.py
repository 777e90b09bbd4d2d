"""Weights from files that may come from anywhere: what is accepted, and what every refusal says."""

import re
import warnings
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from reliseg.errors import ModelError
from reliseg.models.torch.weights import load_weights


class Net(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.head = torch.nn.Conv2d(3, 11, 3)


def state(bias: float = 3.0) -> dict[str, torch.Tensor]:
    return {"head.weight": torch.zeros(11, 3, 3, 3), "head.bias": torch.full((11,), bias)}


def refusal(path: Path) -> str:
    with pytest.raises(ModelError) as caught:
        load_weights(Net(), path)
    assert "\n" not in str(caught.value)
    assert str(caught.value).startswith(f"weights {path}")
    return str(caught.value)


@pytest.mark.parametrize("wrapper", [None, "state_dict", "model", "model_state"])
@pytest.mark.parametrize("prefix", ["", "module."])
def test_wrapped_and_prefixed_states_are_loaded(tmp_path: Path, wrapper: str | None, prefix: str) -> None:
    prefixed = {prefix + key: value for key, value in state().items()}
    torch.save({wrapper: prefixed, "epoch": 3} if wrapper else prefixed, tmp_path / "w.pth")
    net = Net()
    load_weights(net, tmp_path / "w.pth")
    assert (net.head.bias == 3).all()
    assert (net.head.weight == 0).all()


def test_safetensors_are_loaded(tmp_path: Path) -> None:
    save_file(state(), tmp_path / "w.safetensors")
    net = Net()
    load_weights(net, tmp_path / "w.safetensors")
    assert (net.head.bias == 3).all()


class Opener:
    """Opens a file when it is unpickled."""

    def __reduce__(self) -> tuple[Any, ...]:
        return open, (str(Path(__file__).with_name("opened")), "w")


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ({"head.weight": torch.zeros(11, 3, 3, 3)}, "missing head.bias$"),
        (state() | {"a": torch.zeros(1), "b": torch.zeros(1)}, "unexpected a, b$"),
        ({k: torch.zeros(1) for k in "abcde"}, "missing head.weight, head.bias; unexpected a, b, c and 2 more$"),
        (state() | {"head.bias": torch.zeros(19)}, "head.bias: shape 19, the network's 11$"),
        ({"epoch": 3}, r"not a checkpoint; a state dict is needed \(name -> tensor\)"),
        ([1, 2], "not a checkpoint; a state dict is needed"),
        (Opener(), "holds more than tensors, which is not loaded; save the state dict alone"),
    ],
)
def test_weights_that_do_not_fit(tmp_path: Path, content: Any, problem: str) -> None:
    torch.save(content, tmp_path / "w.pth")
    assert re.search(problem, refusal(tmp_path / "w.pth"))
    assert not Path(__file__).with_name("opened").exists()


def test_weights_that_cannot_be_read(tmp_path: Path) -> None:
    assert "gone.pth: no such file" in refusal(tmp_path / "gone.pth")
    for name, problem in (("w.pth", "not a checkpoint"), ("w.safetensors", "not a safetensors file")):
        (tmp_path / name).write_bytes(b"no weights at all")
        assert problem in refusal(tmp_path / name)
    torch.save(state(), tmp_path / "w.pth")
    (tmp_path / "w.pth").write_bytes((tmp_path / "w.pth").read_bytes()[:800])
    assert "not a checkpoint" in refusal(tmp_path / "w.pth")


def test_a_torchscript_program_is_named(tmp_path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        torch.jit.script(torch.nn.Sequential(torch.nn.Conv2d(3, 11, 3))).save(str(tmp_path / "program.pt"))
    assert refusal(tmp_path / "program.pt").endswith(
        "a TorchScript program, not a state dict; leave out weights, and have the function return torch.jit.load(path)"
    )
