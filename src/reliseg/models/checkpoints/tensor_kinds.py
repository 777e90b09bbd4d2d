"""What kind of tensor this is, where plain ones of floating-point numbers are needed."""

import torch
from torch import Tensor


def layout_problem(tensor: Tensor) -> str | None:
    """Return what kind of tensor this is, if its numbers do not stand side by side in memory."""
    if tensor.is_nested:
        return "a nested tensor"
    if tensor.is_quantized:
        return f"a quantised tensor ({type_text(tensor.dtype)})"
    if tensor.layout != torch.strided:
        return f"a tensor of layout {str(tensor.layout).removeprefix('torch.')}"
    if tensor.is_meta:
        return "a tensor without content (device meta)"
    return None


def kind_problem(tensor: Tensor) -> str | None:
    """Return what kind of tensor this is, if not a plain one of floating-point numbers."""
    problem = layout_problem(tensor)
    if problem or tensor.is_floating_point():
        return problem
    return f"a tensor of {type_text(tensor.dtype)}"


def type_text(kind: torch.dtype) -> str:
    """Return the name of a type of numbers: `float16`."""
    return str(kind).removeprefix("torch.")
