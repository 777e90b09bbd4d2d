"""Dropout at evaluation: layers of dropout at work while all others stay as they are (Gal and Ghahramani, 2016)."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn
from torch.nn.modules.dropout import _DropoutNd


def dropout_layers(module: nn.Module) -> list[str]:
    """Return the names of the layers of dropout that leave something out; functions of dropout are not seen."""
    return [name for name, layer in module.named_modules() if _drops(layer)]


@contextmanager
def dropout_at_work(module: nn.Module, seed: int) -> Iterator[None]:
    """Let layers of dropout leave out what numbers that begin with the seed say, in the forward passes of the block."""

    def enter(layer: nn.Module, inputs: Any) -> None:
        layer.training = True

    def leave(layer: nn.Module, inputs: Any, output: Any) -> None:
        layer.training = False

    layers = [layer for layer in module.modules() if _drops(layer)]
    handles = [layer.register_forward_pre_hook(enter) for layer in layers]
    handles += [layer.register_forward_hook(leave) for layer in layers]
    devices = sorted({p.device.index or 0 for p in module.parameters() if p.is_cuda})
    try:
        with torch.random.fork_rng(devices):
            torch.manual_seed(seed)
            yield
    finally:
        for handle in handles:
            handle.remove()


def _drops(layer: nn.Module) -> bool:
    return isinstance(layer, _DropoutNd) and layer.p > 0
