"""A user's torch module: made ready to predict, and what its layers say about it."""

from contextlib import suppress

import torch
from torch import nn

from reliseg.errors import shortlist
from reliseg.models.checkpoints.tensor_kinds import type_text

_MODAL = ("BatchNorm", "Dropout", "DropPath", "StochasticDepth")
"""Parts of the names of layers that act differently in training mode."""


def prepare(module: nn.Module, device: torch.device) -> None:
    """Put a module into evaluation mode, on the device."""
    leave_training(module)
    module.to(device)


def leave_training(module: nn.Module) -> None:
    """Put a module into evaluation mode, also one that its owner has trained since."""
    if any(_is_training(layer) for layer in module.modules()):
        with suppress(NotImplementedError):  # of an exported program, which has its mode in it
            module.eval()


def training_notes(module: nn.Module) -> list[str]:
    """Return a line about layers that are in training mode all the same, if they act differently there."""
    layers = [
        name or type(layer).__name__
        for name, layer in module.named_modules()
        if _is_training(layer) and any(part in _kind(layer) for part in _MODAL)
    ]
    if not layers:
        return []
    return [
        f"has layers in training mode although eval() was called: {shortlist(layers)}; its forward calls train(), or "
        "its train() ignores the mode, so results are not those of the trained network"
    ]


def precision_hint(module: nn.Module, error: BaseException) -> str:
    """Return what to do about an error that comes of weights which are not float32, as images are."""
    kinds = {p.dtype for p in module.parameters() if p.is_floating_point()} - {torch.float32}
    if not kinds or not isinstance(error, RuntimeError | TypeError) or not _is_about_types(str(error)):
        return ""
    kind = type_text(sorted(kinds, key=str)[0])
    precision = f"; to compute in {kind}, set precision: {kind}" if kind in ("float16", "bfloat16") else ""
    return f"; its weights are {kind} and images float32: let the function return module.float(){precision}"


def _is_about_types(text: str) -> bool:
    return any(word in text.lower() for word in ("type", "half", "double", "bfloat16", "float16"))


def _is_training(layer: nn.Module) -> bool:
    """Tell if a layer is in training mode; frozen TorchScript has no mode left."""
    return bool(getattr(layer, "training", False))


def _kind(layer: nn.Module) -> str:
    return str(getattr(layer, "original_name", type(layer).__name__))  # of TorchScript, type says nothing
