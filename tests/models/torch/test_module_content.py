"""What tells one module in memory from another: each thing that changes what it computes."""

import logging
import subprocess
import sys
import threading
from collections.abc import Callable

import numpy as np
import pytest
import torch
import torch.fx
from torch import nn

from reliseg.models.torch.module_content import content_sha256, tensors_sha256

SOURCE = """
import numpy as np
import torch
from torch import nn
SCALE = 2.0
TABLE = np.arange(3)

def helper(x):
    return x * SCALE

class Part(nn.Module):
    def forward(self, x):
        return helper(x) + len(TABLE)

class Net(nn.Module):
    def __init__(self, power=1):
        super().__init__()
        self.part = Part()
        self.settings = {"power": power, "names": ["a", "b"]}
        self.unlisted = [nn.Identity()]
        self.register_buffer("offset", torch.zeros(1), persistent=False)
        self.plain = torch.ones(2)
        self.itself = [self]
        self.act = lambda x: x + power

    @property
    def factor(self):
        return 1

    def forward(self, x):
        return self.act(self.part(x) ** self.settings["power"] * self.factor + self.offset)
"""


def made(source: str = SOURCE, power: int = 1) -> nn.Module:
    """Return the network, as a notebook makes it: of classes that no file holds."""
    names: dict[str, object] = {"__name__": "__main__"}
    exec(source, names)
    net = names["Net"](power)  # type: ignore[operator]
    assert isinstance(net, nn.Module)
    return net


def with_change(change: Callable[[nn.Module], object]) -> nn.Module:
    net = made()
    change(net)
    return net


def test_the_same_content_is_the_same_module() -> None:
    assert content_sha256(made()) == content_sha256(made())
    net = made()
    assert content_sha256(net) == content_sha256(net)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("x * SCALE", "x / SCALE"),
        ("x * SCALE", "x * SCALE * 3"),
        ("SCALE = 2.0", "SCALE = 2.5"),
        ("np.arange(3)", "np.arange(4)"),
        ("+ len(TABLE)", "- len(TABLE)"),
        ("return 1", "return 2"),
        ("x + power", "x - power"),
        ("+ self.offset", ""),
        ("torch.zeros(1)", "torch.ones(1)"),
        ("torch.ones(2)", "torch.zeros(2)"),
        ("nn.Identity()", "nn.ReLU()"),
    ],
)
def test_other_code_or_values_are_another_module(before: str, after: str) -> None:
    assert content_sha256(made(SOURCE.replace(before, after))) != content_sha256(made())


@pytest.mark.parametrize(
    "change",
    [
        lambda net: net.settings.update(power=2),
        lambda net: net.settings["names"].append("c"),
        lambda net: net.register_forward_hook(lambda layer, inputs, output: output * 2),
        lambda net: setattr(net, "forward", lambda x: x),
        lambda net: net.offset.fill_(1),
        lambda net: net.add_module("more", nn.Identity()),
        lambda net: setattr(net, "plain", np.ones(2)),
    ],
)
def test_a_change_to_the_object_makes_another_module(change: Callable[[nn.Module], object]) -> None:
    assert content_sha256(with_change(change)) != content_sha256(made())


def test_closures_count() -> None:
    assert content_sha256(made(power=2)) != content_sha256(made())


def test_buffers_that_are_not_saved_are_among_the_tensors() -> None:
    assert tensors_sha256(with_change(lambda net: net.offset.fill_(1))) != tensors_sha256(made())


def test_another_process_finds_the_same() -> None:
    text = f"{SOURCE}\nfrom reliseg.models.torch.module_content import content_sha256\nprint(content_sha256(Net()))"
    printed = {subprocess.check_output([sys.executable, "-c", text], text=True) for _ in range(2)}
    assert len(printed) == 1


def test_what_cannot_be_looked_into_counts_by_its_type() -> None:
    torch.manual_seed(0)
    nets = [with_change(lambda net: setattr(net, "thing", memoryview(b"a"))) for _ in range(2)]
    assert content_sha256(nets[0]) == content_sha256(nets[1])


@pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning")
@pytest.mark.parametrize(
    "form", [torch.jit.script, lambda net: torch.jit.trace(net, torch.zeros(3)), torch.fx.symbolic_trace]
)
def test_programs_are_told_apart(form: Callable[[nn.Module], nn.Module]) -> None:
    nets = [nn.Sequential(layer) for layer in (nn.ReLU(), nn.Sigmoid())]
    assert content_sha256(form(nets[0])) != content_sha256(form(nets[1]))


class Logging(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.log, self.lock = logging.getLogger("a network's"), threading.Lock()


def test_a_logger_says_nothing() -> None:
    before = content_sha256(Logging())
    logging.getLogger("a network's").setLevel(logging.ERROR)
    assert content_sha256(Logging()) == before
