"""A whole graph whose network is a user's ONNX graph -> one ONNX graph."""

from collections.abc import Iterator, Sequence
from typing import Any, TypeAlias

import onnx
from torch import Tensor, nn
from torch.export import ExportedProgram

from reliseg.deploy.export.files import Built, OnnxGraph
from reliseg.deploy.export.joined.joining import IMAGE, Joint, join
from reliseg.deploy.export.joined.ports import After, Before, Call, Running, exchanging, ports_of
from reliseg.deploy.export.joined.user_graph import (
    LARGEST,
    UserGraph,
    at_opset,
    opset_of,
    read_graph,
    without_functions,
)
from reliseg.deploy.export.tracing import AXES, OPSET, Axes, Inputs, as_onnx, stated_least, takes_any_number, trace
from reliseg.deploy.export.wishes import HEAD_ONLY
from reliseg.errors import ModelError, error_text

Proto: TypeAlias = Any


def build_joined(
    whole: nn.Module, image: Tensor, outputs: Sequence[str], model: str, *, dynamic: bool, many: bool
) -> Built:
    """Return the graph, not written yet; a ModelError says by the model's name what cannot be joined.

    The part `shown` of the module asks the networks. `image` holds one. `many` says that the file may take any number
    at a time, and `dynamic` of any size.
    """
    ports = ports_of(whole)
    users = [read_graph(model, port.path) for port in ports]
    if len(users) > 1:
        users = [without_functions(user) for user in users]  # those of several graphs may have one name
    opset = max([OPSET, *map(opset_of, users)])
    graphs = {port: UserGraph.of(at_opset(user, opset, model)) for port, user in zip(ports, users, strict=True)}
    running = Running()
    with exchanging(whole, running):
        whole(image)
    calls = running.calls
    programs = _traced(whole, image, calls, model, dynamic=dynamic, many=many)
    asked = [f"asked_{i}" for i in range(len(calls))]
    before, after = (
        at_opset(as_onnx(program, names, model), opset, model)
        for program, names in zip(programs, (asked, outputs), strict=True)
    )
    joints = [
        Joint(graphs[call.port], name, call.port.network.images.name, own)
        for call, name, own in zip(calls, asked, _answers(calls), strict=True)
    ]
    any_number = all(map(takes_any_number, programs))
    joined = _checked(join(before, joints, after), model)
    _state_axes(joined, image, dynamic=dynamic, many=any_number)
    sides = list(zip(*map(stated_least, programs), strict=True)) if dynamic else [image.shape[1:2], image.shape[2:3]]
    return Built(OnnxGraph(joined, model), any_number, (max(sides[0]), max(sides[1])))


def _traced(
    whole: nn.Module, image: Tensor, calls: Sequence[Call], model: str, *, dynamic: bool, many: bool
) -> list[ExportedProgram]:
    """Return the programs of what comes before and after the calls, which take the same numbers of images."""
    before: Inputs = {IMAGE: image}
    after: Inputs = {IMAGE: image, "answers": [answer for call in calls for answer in call.answers]}
    axes: Axes = {IMAGE: AXES[IMAGE]} | {f"answers_{i}": own for i, own in enumerate(_axes(calls))}
    programs = [
        trace(module, inputs, model, dynamic=dynamic, many=many, axes=axes)
        for module, inputs in ((Before(whole.get_submodule("shown")), before), (After(whole), after))
    ]
    if many and not all(map(takes_any_number, programs)):
        return _traced(whole, image, calls, model, dynamic=dynamic, many=False)
    return programs


def _axes(calls: Sequence[Call]) -> Iterator[dict[int, str]]:
    """Yield the axes of all answers that may have any length."""
    for call in calls:
        for output, answer in zip(call.port.outputs, call.answers, strict=True):
            yield call.port.axes_of(output, answer)


def _answers(calls: Sequence[Call]) -> Iterator[dict[str, str]]:
    """Yield, for each call, what its answers are called in what comes after, and which outputs they are."""
    first = 0
    for call in calls:
        yield {f"answers_{first + i}": output for i, output in enumerate(call.port.outputs)}
        first += len(call.port.outputs)


def _checked(joined: Proto, model: str) -> Proto:
    """Return the graph; a ModelError where it is none that others can read."""
    if joined.ByteSize() > LARGEST:
        raise ModelError(f"model {model} is larger than 2 GiB, and one ONNX file holds no more; {HEAD_ONLY}")
    try:
        onnx.checker.check_model(joined)
    except Exception as error:  # of operators in ways that ONNX Runtime alone allows
        raise ModelError(f"model {model} cannot be joined with others ({error_text(error)}); {HEAD_ONLY}") from error
    return joined


def _state_axes(joined: Proto, image: Tensor, *, dynamic: bool, many: bool) -> None:
    """Write down the lengths of the axes of images and maps, or their names."""
    number = "n" if many else 1
    sides = ["height", "width"] if dynamic else [int(side) for side in image.shape[1:3]]
    for value in (*joined.graph.input, *joined.graph.output):
        shape = value.type.tensor_type.shape
        for dimension, length in zip(shape.dim, [number, *sides], strict=False):
            dimension.Clear()
            if isinstance(length, int):
                dimension.dim_value = length
            else:
                dimension.dim_param = length
