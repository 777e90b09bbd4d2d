"""Weights of a torch module from a file that may come from anywhere: nothing in it is executed."""

import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from zipfile import BadZipFile, ZipFile

import torch
from torch import Tensor, nn

from reliseg.errors import ModelError, one_line, shortlist
from reliseg.models.output_check import shape_text

_WRAPPERS = ("state_dict", "model", "model_state")


def load_weights(module: nn.Module, path: Path) -> None:
    """Load all parameters and buffers from a safetensors or torch file; a ModelError if one does not fit."""
    if not path.is_file():
        raise ModelError(f"weights {path}: no such file")
    state = _read_state_dict(path)
    own = module.state_dict()
    wrong = [k for k in state if k in own and state[k].shape != own[k].shape]
    if wrong:
        shapes = f"{shape_text(state[wrong[0]].shape)}, the network's {shape_text(own[wrong[0]].shape)}"
        raise ModelError(f"weights {path} do not fit: {shortlist(wrong)}: shape {shapes}")
    try:
        rest = module.load_state_dict(state, strict=False)
    except RuntimeError as error:
        raise ModelError(f"weights {path} do not fit: {one_line(error)}") from error
    parts = [("missing", rest.missing_keys), ("unexpected", rest.unexpected_keys)]
    problems = [f"{kind} {shortlist(list(keys))}" for kind, keys in parts if keys]
    if problems:
        raise ModelError(f"weights {path} do not fit the network: {'; '.join(problems)}")


def _read_state_dict(path: Path) -> dict[str, Tensor]:
    content = _read_safetensors(path) if path.suffix == ".safetensors" else _read_torch(path)
    for key in _WRAPPERS:
        if isinstance(content, Mapping) and isinstance(content.get(key), Mapping):
            content = content[key]
            break
    if not isinstance(content, Mapping) or not content or not all(isinstance(v, Tensor) for v in content.values()):
        keys = f", or a dict with one under {', '.join(_WRAPPERS)}"
        raise ModelError(f"weights {path}: not a checkpoint; a state dict is needed (name -> tensor){keys}")
    prefix = "module." if all(str(key).startswith("module.") for key in content) else ""
    return {str(key).removeprefix(prefix): value for key, value in content.items()}


def _read_torch(path: Path) -> Any:
    if _is_torchscript(path):
        raise ModelError(
            f"weights {path}: a TorchScript program, not a state dict; leave out weights, "
            "and have the function return torch.jit.load(path)"
        )
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise ModelError(
            f"weights {path}: not a checkpoint, or one that holds more than tensors, which is not loaded; "
            "save the state dict alone: torch.save(model.state_dict(), path)"
        ) from error
    except (RuntimeError, OSError, EOFError, ValueError, KeyError) as error:
        raise ModelError(f"weights {path}: not a checkpoint that torch can read ({one_line(error)})") from error


def _is_torchscript(path: Path) -> bool:
    """Tell if torch would take the file for a program: by a name in the archive, which is how torch decides."""
    try:
        with ZipFile(path) as archive:
            return any(name.endswith("/constants.pkl") for name in archive.namelist())
    except (BadZipFile, OSError):
        return False


def _read_safetensors(path: Path) -> dict[str, Tensor]:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return dict(load_file(path))
    except (SafetensorError, OSError) as error:
        raise ModelError(f"weights {path}: not a safetensors file ({one_line(error)})") from error
