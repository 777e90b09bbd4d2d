"""A module of torch -> a program of `torch.export`, and as ONNX; what cannot be traced is said in one line."""

import warnings
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, TypeAlias

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
Inputs: TypeAlias = Mapping[str, Tensor | Sequence[Tensor]]
"""Of a module, by name. Those of a list are called NAME_0, NAME_1 .. afterwards."""
Axes: TypeAlias = Mapping[str, Mapping[int, str]]
"""The names of those axes of inputs that may have any length, if one wants it."""
AXES: Axes = MappingProxyType(
    {
        "image": {0: "n", 1: "height", 2: "width"},
        "logits": {0: "n", 2: "h", 3: "w"},
        "feature": {0: "n"},
    }
)


def trace(
    module: nn.Module, inputs: Inputs, model: str, *, dynamic: bool, many: bool = True, axes: Axes = AXES
) -> ExportedProgram:
    """Return the program of a module, whose inputs hold one image; a ModelError where torch.export cannot trace it.

    It takes any number of images where the module does, if `many`; and images of any size, if `dynamic`.
    """
    wanted = {name: _wanted(own, dynamic=dynamic, many=many) for name, own in axes.items()}
    twice = _mapped(inputs, lambda tensor: torch.cat([tensor, tensor])) if many else inputs
    try:
        program = _exported(module, twice, wanted)
        if not dynamic and fixed_axes(program, wanted):
            program = _exported(module, inputs, {})
    except Exception as error:
        if dynamic:
            raise _untraceable(model, error, "leave out --dynamic, or") from error
        try:
            program = _exported(module, inputs, {})
        except Exception as again:
            raise _untraceable(model, again, "") from again
    fixed = fixed_axes(program, wanted) if dynamic else []
    if fixed:
        raise ModelError(f"model {model} takes {', '.join(fixed)} alone when it is traced; leave out --dynamic")
    return program


def _wanted(axes: Mapping[int, str], *, dynamic: bool, many: bool) -> dict[int, str]:
    return {axis: name for axis, name in axes.items() if (many if axis == 0 else dynamic)}


def _mapped(inputs: Inputs, change: Callable[[Tensor], Any]) -> dict[str, Any]:
    return {
        name: change(given) if isinstance(given, Tensor) else [change(tensor) for tensor in given]
        for name, given in inputs.items()
    }


def _exported(module: nn.Module, inputs: Inputs, axes: Axes) -> ExportedProgram:
    shapes: dict[str, Any] = {}
    for name, given in inputs.items():
        if isinstance(given, Tensor):
            shapes[name] = dict.fromkeys(axes.get(name, ()), Dim.AUTO)
        else:
            shapes[name] = [dict.fromkeys(axes.get(f"{name}_{i}", ()), Dim.AUTO) for i in range(len(given))]
    with quiet(_LOGGERS), stdout_as_stderr(), warnings.catch_warnings(action="ignore"):  # of torch about itself
        return torch.export.export(module.eval(), (), dict(inputs), dynamic_shapes=shapes)


def _untraceable(model: str, error: Exception, way: str) -> ModelError:
    """Return the error about code that no graph can stand for: torch says it in many ways, and long ones."""
    return ModelError(
        f"model {model}: torch.export cannot trace it ({error_text(error)}); {way}{' ' if way else ''}{HEAD_ONLY}"
    )


def fixed_axes(program: ExportedProgram, axes: Axes) -> list[str]:
    """Return those of these axes that have one length only: `height 512`."""
    found = []
    for name, shape in _shapes(program).items():
        found += [f"{text} {shape[axis]}" for axis, text in axes.get(name, {}).items() if _is_fixed(shape[axis])]
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
    given = program.graph_signature.user_inputs
    nodes = [node for node in program.graph.nodes if node.op == "placeholder" and node.name in given]
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
    forget_sources(graph)
    _name_axes(graph)
    return graph


def forget_sources(graph: Any) -> None:
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
        for axis, name in AXES.get(given.name, {}).items():
            dimension = given.type.tensor_type.shape.dim[axis]
            if dimension.dim_param:
                named[dimension.dim_param] = name
    for value in (*graph.graph.input, *graph.graph.output):
        for dimension in value.type.tensor_type.shape.dim:
            if dimension.dim_param in named:
                dimension.dim_param = named[dimension.dim_param]
    del graph.graph.value_info[:]
