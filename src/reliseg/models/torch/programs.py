"""Programs of torch in files: what `torch.export.save` and `torch.jit.save` wrote. To load one is to run it.

An archive of `torch.export` is read with pickle, its expressions are evaluated, and its operators are any names below
`torch`; one of TorchScript may open files. So neither is read where weights are expected.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any
from zipfile import ZipFile, is_zipfile

import torch
from torch import nn

from reliseg.errors import ModelError, error_text
from reliseg.models.base import kind_hint
from reliseg.models.checkpoints.archives import archive_problem, program_in
from reliseg.models.graphs.taken_images import GraphInput, Sides
from reliseg.models.torch.quiet import quiet
from reliseg.runtime.regular_files import open_regular, reason_of

_COMPILED = "/data/aotinductor/"
_POINTER = b"version https://git-lfs"
_LOGGERS = ("torch.export", "torch._export", "torch.export.pt2_archive._package")


def program_form(model: str, path: Path) -> str:
    """Return what wrote a file, `torch.export` or `TorchScript`; a ModelError where it is no program, or is damaged."""
    name = f"model {model}: {path}"
    try:
        with open_regular(path) as file:
            head = file.read(len(_POINTER))
    except OSError as error:
        raise ModelError(f"{name}: {reason_of(error)}; give a program of torch.export or TorchScript") from error
    if head == _POINTER:
        raise ModelError(f"{name}: a pointer of Git LFS in the place of the file; fetch it with git lfs pull")
    form, problem = program_in(path), archive_problem(path)
    if not is_zipfile(path):
        raise ModelError(
            f"{name}: no program of torch.export or TorchScript, or a damaged one; for a state dict, use kind: python, "
            f"with the network's code{kind_hint(path, here='exported')}"
        )
    if problem:
        raise ModelError(f"{name}: {problem}")
    with ZipFile(path) as archive:
        if any(_COMPILED in member for member in archive.namelist()):
            raise ModelError(f"{name}: compiled for one machine by AOTInductor; give what torch.export.save wrote")
    if form is None:
        raise ModelError(
            f"{name}: a checkpoint, and no program; use kind: python, with the network's code, and give it as weights"
        )
    return form


def load_program(model: str, path: Path, form: str, device: torch.device) -> tuple[nn.Module, GraphInput]:
    """Return the program as a module on the device, and the images that it takes; a ModelError where that fails."""
    try:
        with quiet(_LOGGERS):
            if form == "torch.export":
                module = exported_module(torch.export.load(path), device)
                return module, taken_images(module)
            return torch.jit.load(path, map_location=device), GraphInput()  # type: ignore[no-untyped-call]
    except Exception as error:  # of another version of torch, of operators that are not there
        raise ModelError(
            f"model {model}: {path}: torch {torch.__version__} cannot load it ({error_text(error)}); "
            "export it again with this version, on the CPU"
        ) from error


def exported_module(program: torch.export.ExportedProgram, device: torch.device) -> nn.Module:
    """Return an exported program as a module, which makes tensors on this device, not on the one it was exported on."""
    if device.type != "cpu":
        from torch.export.passes import move_to_device_pass

        program = move_to_device_pass(program, str(device))
    return program.module()


def taken_images(module: nn.Module) -> GraphInput:
    """Return the images that a module takes whose graph states it; where it states nothing, any."""
    for node in module.graph.nodes if isinstance(module, torch.fx.GraphModule) else ():
        shape: Sequence[Any] = getattr(node.meta.get("val"), "shape", ()) if node.op == "placeholder" else ()
        if len(shape) == 4:
            images = shape[0] if isinstance(shape[0], int) else None
            return GraphInput(images, _sides(shape[2]), _sides(shape[3]))
    return GraphInput()


def _sides(length: Any) -> Sides:
    """Return the lengths that a side may have: one, or those of a symbol."""
    if isinstance(length, int):
        return length, length
    try:
        bounds = length.node.shape_env.bound_sympy(length.node.expr)
        least, largest = bounds.lower, bounds.upper
        return max(1, int(least)), int(largest) if largest.is_Integer else None
    except Exception:  # torch states it in another way
        return 1, None
