"""Weights from files that may come from anywhere: what is accepted, and what every refusal says."""

import re
import warnings
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from reliseg.errors import ModelError
from reliseg.models.checkpoints.loading import load_weights


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
        (Opener(), "holds io.open, which is code and not loaded; save its state dict alone: torch.save"),
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
    assert "a damaged archive (File is not a zip file); copy it again" in refusal(tmp_path / "w.pth")


def test_a_torchscript_program_is_named(tmp_path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        torch.jit.script(torch.nn.Sequential(torch.nn.Conv2d(3, 11, 3))).save(str(tmp_path / "program.pt"))
    assert refusal(tmp_path / "program.pt").endswith(
        "a TorchScript program, not a state dict; leave out weights, and write kind: exported, where: program.pt"
    )


def save(path: Path, content: Any) -> Path:
    torch.save(content, path)
    return path


def prefixed(prefix: str, bias: float = 3.0) -> dict[str, torch.Tensor]:
    return {prefix + key: value for key, value in state(bias).items()}


LIGHTNING = {"epoch": 3, "global_step": 9, "optimizer_states": [{"state": {0: {"exp_avg": torch.zeros(1)}}}]}


@pytest.mark.parametrize(
    ("content", "place"),
    [
        (
            {"model_state_dict": state(), "optimizer_state_dict": {"state": {0: {"step": torch.ones(1)}}}},
            "model_state_dict",
        ),
        ({"ema": state()}, "ema"),
        ({"teacher": prefixed("module.")}, "teacher.module."),
        ({"ema": {"module": state(), "decay": 0.99}}, "ema.module"),
        (LIGHTNING | {"state_dict": prefixed("model.")}, "state_dict.model."),
        (LIGHTNING | {"state_dict": prefixed("model._orig_mod.")}, "state_dict.model."),
        (
            LIGHTNING | {"state_dict": prefixed("_orig_mod.model.") | {"loss.weight": torch.ones(3)}},
            "state_dict.model.",
        ),
        ({"head._orig_mod.weight": torch.zeros(11, 3, 3, 3), "head._orig_mod.bias": torch.full((11,), 3.0)}, ""),
        ({"n_averaged": torch.ones(1)} | prefixed("module."), "module."),
        ({"model": state(), "ema": state(0.0) | {"more": torch.zeros(1)}}, "model"),
        ({"model": state(), "state_dict": state()}, "model"),
        ({"student": {"head.bias": torch.zeros(11)}, "teacher": state()}, "teacher"),
        ({"epoch": 3} | state(), ""),
    ],
)
def test_a_whole_checkpoint_is_read_at_the_only_place_that_fits(tmp_path: Path, content: Any, place: str) -> None:
    net = Net()
    loaded = load_weights(net, save(tmp_path / "w.pth", content))
    assert (net.head.bias == 3).all()
    assert (net.head.weight == 0).all()
    assert loaded.place == place


@pytest.mark.parametrize(
    ("content", "places", "keys"),
    [
        ({"model": state(1), "ema": state()}, "model, ema", ["ema"]),
        ({"state_dict": prefixed("student.", 1) | prefixed("teacher.")}, "state_dict.student., state_dict.teacher.",
         ["state_dict.teacher.", "state_dict.teacher", "teacher", "teacher."]),
        ({"model": state(1), "ema": {"state_dict": state()}}, "model, ema.state_dict", ["ema", "ema.state_dict"]),
        (state(1) | {"ema": state()}, "the file itself, ema", ["ema"]),
    ],
)  # fmt: skip
def test_of_several_that_fit_one_must_be_named(tmp_path: Path, content: Any, places: str, keys: list[str]) -> None:
    path = save(tmp_path / "w.pth", content)
    text = refusal(path)
    assert f"several state dicts fit: {places}; say which with key, for example key: " in text
    for key in [*keys, text.rpartition("key: ")[2]]:
        net = Net()
        load_weights(net, path, key)
        assert (net.head.bias == 3).all()


def test_a_key_that_is_not_there_is_told_with_those_that_are(tmp_path: Path) -> None:
    path = save(tmp_path / "w.pth", {"model": state(), "ema": state(1), "other": {"x": torch.ones(1)}})
    with pytest.raises(ModelError, match=r"nothing at key 'eam' fits; known: model, ema, other$"):
        load_weights(Net(), path, "eam")


def test_a_part_that_does_not_fit_names_its_place(tmp_path: Path) -> None:
    short = {"state_dict": {"net.head.weight": torch.zeros(11, 3, 3, 3)}}
    assert refusal(save(tmp_path / "w.pth", short)).endswith(
        "at state_dict.net. do not fit the network: missing head.bias"
    )


def test_a_parallel_network_takes_plain_weights(tmp_path: Path) -> None:
    net = torch.nn.DataParallel(Net())
    load_weights(net, save(tmp_path / "w.pth", state()))
    assert (net.module.head.bias == 3).all()


@pytest.mark.parametrize(
    "where", [{}, {"meta": {"CLASSES": ("a", "b")}}, {"meta": {"dataset_meta": {"classes": ["a", "b"]}}}]
)
def test_class_names_beside_the_weights_are_told(tmp_path: Path, where: dict[str, Any]) -> None:
    loaded = load_weights(Net(), save(tmp_path / "w.pth", {"state_dict": state()} | where))
    assert loaded.classes == (("a", "b") if where else ())


def quantised() -> torch.Tensor:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return torch.quantize_per_tensor(torch.zeros(11), 0.1, 0, torch.qint8)


def nested() -> torch.Tensor:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return torch.nested.nested_tensor([torch.zeros(3), torch.zeros(2)])


@pytest.mark.parametrize(
    ("bias", "problem"),
    [
        (
            torch.zeros(11, dtype=torch.int8),
            "head.bias is a tensor of int8, and the network's is a plain one of float32",
        ),
        (torch.zeros(11, dtype=torch.complex64), "head.bias is a tensor of complex64"),
        (torch.zeros(11).to_sparse(), "head.bias is a sparse tensor, and the network's is a plain one of float32"),
        (quantised(), "head.bias is a quantised tensor"),
        (torch.zeros(11, device="meta"), r"head.bias is a tensor without content \(device meta\)"),
        (nested(), "head.bias is a nested tensor"),
        (torch.zeros(1).expand(10**12), "head.bias: shape 1000000000000, the network's 11"),
    ],
)
def test_tensors_of_another_kind_are_named(tmp_path: Path, bias: torch.Tensor, problem: str) -> None:
    assert re.search(problem, refusal(save(tmp_path / "w.pth", state() | {"head.bias": bias})))


def test_shorter_floats_are_read_as_what_they_are(tmp_path: Path) -> None:
    net = Net()
    load_weights(net, save(tmp_path / "w.pth", {k: v.half() for k, v in state().items()}))
    assert (net.head.bias == 3).all()
    assert net.head.bias.dtype == torch.float32


def test_names_of_a_checkpoint_are_shown_on_one_line(tmp_path: Path) -> None:
    path = save(tmp_path / "w.pth", state() | {"a\n\x1b[31mb": torch.zeros(1)})
    assert refusal(path).endswith(r"unexpected a\n\x1b[31mb")


def test_thousands_of_prefixes_and_mappings_take_no_time(tmp_path: Path) -> None:
    one = torch.zeros(1)
    many = {f"a{i}.head.bias": one for i in range(30_000)}
    assert "head.bias: shape 1, the network's 11" in refusal(save(tmp_path / "w.pth", many))
    many = {f"a{i}": {"head.bias": one} for i in range(30_000)}
    assert "head.bias: shape 1, the network's 11" in refusal(save(tmp_path / "w.pth", many))


def test_of_several_states_the_one_of_plain_tensors_fits(tmp_path: Path) -> None:
    sparse = state() | {"head.bias": torch.zeros(11).to_sparse()}
    assert load_weights(Net(), save(tmp_path / "w.pth", {"model": sparse, "ema": state()})).place == "ema"
    path = save(tmp_path / "w.pth", {"model": sparse, "ema": sparse})
    assert refusal(path).startswith(f"weights {path} at model: head.bias is a sparse tensor")


class Tied(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.one = torch.nn.Conv2d(3, 3, 1)
        self.two = torch.nn.Conv2d(3, 3, 1)
        self.norm = torch.nn.BatchNorm2d(3)
        self.two.weight = self.one.weight


@pytest.mark.parametrize("prefix", ["", "module."])
@pytest.mark.parametrize("left_out", ["norm.num_batches_tracked", "one.weight", "two.weight"])
def test_counters_of_batches_and_second_names_of_a_tensor_may_be_left_out(
    tmp_path: Path, prefix: str, left_out: str
) -> None:
    content = {name: torch.full_like(value, 7) for name, value in Tied().state_dict().items()}
    del content[left_out]
    torch.save({prefix + name: value for name, value in content.items()}, tmp_path / "w.pth")
    net = Tied()
    load_weights(net, tmp_path / "w.pth")
    assert (net.one.weight == 7).all()
    assert (net.two.weight == 7).all()
    assert (net.norm.running_var == 7).all()
    del content["two.bias"]
    torch.save(content, tmp_path / "w.pth")
    with pytest.raises(ModelError, match=r"missing two\.bias$"):
        load_weights(net, tmp_path / "w.pth")


def test_a_counter_of_batches_that_the_network_does_not_have_is_left(tmp_path: Path) -> None:
    torch.save(state() | {"norm.num_batches_tracked": torch.tensor(3)}, tmp_path / "w.pth")
    load_weights(Net(), tmp_path / "w.pth")


@pytest.mark.parametrize("prefix", ["", "module."])
def test_what_only_training_uses_is_left_out_where_a_caller_says_how_it_is_called(tmp_path: Path, prefix: str) -> None:
    whole = state() | {"auxiliary_head.conv.bias": torch.zeros(4)}
    torch.save({"state_dict": {prefix + name: value for name, value in whole.items()}}, tmp_path / "w.pth")
    net = Net()
    load_weights(net, tmp_path / "w.pth", unused=("auxiliary_head.",))
    assert (net.head.bias == 3).all()
    assert "unexpected auxiliary_head.conv.bias" in refusal(tmp_path / "w.pth")


def test_what_is_unused_is_loaded_all_the_same_where_the_network_has_it(tmp_path: Path) -> None:
    torch.save(state(), tmp_path / "w.pth")
    net = Net()
    load_weights(net, tmp_path / "w.pth", unused=("head.",))
    assert (net.head.bias == 3).all()


def test_methods_of_objects_that_training_tools_store_are_nothing_to_speak_of(tmp_path: Path) -> None:
    torch.save({"state_dict": state(), "hub": {"methods": [Counter("ab").most_common]}}, tmp_path / "w.pth")
    loaded = load_weights(Net(), tmp_path / "w.pth")
    assert loaded.left_out == ("builtins.getattr",)
    assert loaded.notes() == []


def test_two_names_of_one_tensor_must_have_the_same_numbers(tmp_path: Path) -> None:
    """Torch would take those that come last."""
    network = torch.nn.Sequential(torch.nn.Conv2d(3, 3, 1), torch.nn.Conv2d(3, 3, 1))
    network[1].weight = network[0].weight
    tensors, path = dict(network.state_dict()), tmp_path / "net.pth"
    torch.save(tensors, path)
    load_weights(network, path)
    torch.save(tensors | {"1.weight": tensors["1.weight"] * 2}, path)
    with pytest.raises(ModelError, match=r"0\.weight and 1\.weight are one tensor in the network, and two in the file"):
        load_weights(network, path)
