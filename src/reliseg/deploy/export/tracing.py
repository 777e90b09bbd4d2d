"""A module of torch -> a program of `torch.export`, and as ONNX; what cannot be traced is said in one line."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.export import Dim, ExportedProgram

from reliseg.deploy.export.wishes import HEAD_ONLY, Size
from reliseg.errors import ModelError, error_text
from reliseg.models.torch.quiet import quiet
from reliseg.models.user_output import stdout_as_stderr

OPSET = 20
"""Of ONNX; ONNX Runtime reads it since 1.17."""
_LOGGERS = ("torch.export", "torch._export", "torch.fx", "torch._dynamo", "torch.onnx", "onnxscript", "onnx_ir")
_AXES = {"image": (0, 1, 2), "logits": (0, 2, 3), "feature": (0,)}
"""The axes of each input that may have any length, if one wants it: the number of images, height and width."""
_NAMES = {"image": ("n", "height", "width"), "logits": ("n", "h", "w"), "feature": ("n",)}


def trace(module: nn.Module, inputs: Mapping[str, Tensor], model: str, *, dynamic: bool) -> ExportedProgram:
    """Return the program of a module, whose inputs hold one image; a ModelError where torch.export cannot trace it.

    It takes any number of images where the module does; and images of any size, if `dynamic`.
    """
    twice = {name: torch.cat([tensor, tensor]) for name, tensor in inputs.items()}
    axes = {name: _AXES[name] if dynamic else (0,) for name in inputs}
    try:
        program = _exported(module, twice, axes)
        if not dynamic and fixed_axes(program, axes):
            program = _exported(module, inputs, {})
    except Exception as error:
        if dynamic:
            raise _untraceable(model, error, "leave out --dynamic, or") from error
        try:
            program = _exported(module, inputs, {})
        except Exception as again:
            raise _untraceable(model, again, "") from again
    fixed = fixed_axes(program, axes) if dynamic else []
    if fixed:
        raise ModelError(f"model {model} takes {', '.join(fixed)} alone when it is traced; leave out --dynamic")
    return program


def _exported(module: nn.Module, inputs: Mapping[str, Tensor], axes: Mapping[str, Sequence[int]]) -> ExportedProgram:
    shapes = {name: dict.fromkeys(axes.get(name, ()), Dim.AUTO) for name in inputs}
    with quiet(_LOGGERS), stdout_as_stderr():
        return torch.export.export(module.eval(), (), dict(inputs), dynamic_shapes=shapes)


def _untraceable(model: str, error: Exception, way: str) -> ModelError:
    """Return the error about code that no graph can stand for: torch says it in many ways, and long ones."""
    return ModelError(
        f"model {model}: torch.export cannot trace it ({error_text(error)}); {way}{' ' if way else ''}{HEAD_ONLY}"
    )


def fixed_axes(program: ExportedProgram, axes: Mapping[str, Sequence[int]]) -> list[str]:
    """Return the axes that were to have any length, and have one only: `height 512`."""
    found = []
    for name, shape in _shapes(program).items():
        names = dict(zip(_AXES[name], _NAMES[name], strict=True))
        found += [f"{names[axis]} {shape[axis]}" for axis in axes.get(name, ()) if _is_fixed(shape[axis])]
    return found


def takes_any_number(program: ExportedProgram) -> bool:
    """Tell if it takes any number of images at a time."""
    return not _is_fixed(next(iter(_shapes(program).values()))[0])


def stated_least(program: ExportedProgram) -> Size:
    """Return the least height and width that the program states for images."""
    shape = _shapes(program)["image"]
    return _least(shape[1]), _least(shape[2])


def _is_fixed(side: Any) -> bool:
    """Tell if an axis has one length: a number, or a symbol that stands for one."""
    return str(side).isdecimal()


def _least(side: Any) -> int:
    try:
        return max(1, int(side.node.shape_env.bound_sympy(side.node.expr).lower))
    except Exception:  # torch states it in another way; what runs is tried anyway
        return 1


def _shapes(program: ExportedProgram) -> dict[str, Sequence[Any]]:
    nodes = [node for node in program.graph.nodes if node.op == "placeholder" and node.name in _AXES]
    return {node.name: node.meta["val"].shape for node in nodes}


def as_onnx(program: ExportedProgram, outputs: Sequence[str], model: str) -> Any:
    """Return the program as an ONNX model, in standard operators alone; a ModelError names others."""
    try:
        with quiet(_LOGGERS), stdout_as_stderr():
            exported = torch.onnx.export(
                program,
                dynamo=True,
                opset_version=OPSET,
                input_names=list(_shapes(program)),
                output_names=list(outputs),
                verbose=False,
            )
    except Exception as error:  # of operators that have no form in ONNX
        cause: BaseException = error
        while cause.__cause__ is not None:
            cause = cause.__cause__
        raise ModelError(
            f"model {model}: no ONNX graph can be made of it ({error_text(cause)}); give --format pt2, or {HEAD_ONLY}"
        ) from error
    assert exported is not None, "a program was given"
    graph = exported.model_proto
    foreign = sorted({f"{node.domain}::{node.op_type}" for node in graph.graph.node if node.domain})
    if foreign or len(graph.functions):
        raise ModelError(f"model {model} needs {', '.join(foreign)}, no standard operators of ONNX; give --format pt2")
    _forget_sources(graph)
    _name_axes(graph)
    return graph


def _forget_sources(graph: Any) -> None:
    """Remove what the exporter writes of Python modules and paths."""
    for part in (*graph.graph.node, *graph.graph.value_info, *graph.graph.input, *graph.graph.output):
        del part.metadata_props[:]
    for tensor in graph.graph.initializer:
        del tensor.metadata_props[:]
    for node in graph.graph.node:
        node.doc_string = ""
    del graph.metadata_props[:]
    del graph.graph.metadata_props[:]
    graph.producer_name = graph.doc_string = graph.graph.doc_string = ""
    graph.producer_version = ""


def _name_axes(graph: Any) -> None:
    """Call axes of any length what they are: those of maps have the names of the images'."""
    named: dict[str, str] = {}
    for given in graph.graph.input:
        for axis, name in zip(_AXES[given.name], _NAMES[given.name], strict=True):
            dimension = given.type.tensor_type.shape.dim[axis]
            if dimension.dim_param:
                named[dimension.dim_param] = name
    for value in (*graph.graph.input, *graph.graph.output):
        for dimension in value.type.tensor_type.shape.dim:
            if dimension.dim_param in named:
                dimension.dim_param = named[dimension.dim_param]
    del graph.graph.value_info[:]
