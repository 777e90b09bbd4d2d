"""Graphs in ONNX -> one: what comes before a user's graph, that graph for each of its calls, and what comes after."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import onnx
from onnx import compose, helper

from reliseg.deploy.export.joined.user_graph import UserGraph, graphs_of, imports_of

Proto: TypeAlias = Any
IMAGE = "image"


@dataclass(frozen=True, eq=False)
class Joint:
    """A call of a graph."""

    graph: UserGraph
    asked: str
    """The output of what comes before that it takes."""
    taken: str
    """Its input."""
    answers: Mapping[str, str]
    """The inputs of what comes after that it gives, and which of its outputs they are."""


def join(before: Proto, joints: Sequence[Joint], after: Proto) -> Proto:
    """Return one graph. Calls that nothing comes of are left out, and weights are there once for all calls."""
    used = {name for part in graphs_of(after.graph) for node in part.node for name in node.input}
    needed = [joint for joint in joints if used & set(joint.answers)]
    graph = _begun(before, [joint.asked for joint in needed], with_image=IMAGE in used)
    renamed: dict[str, str] = {}
    homes: dict[UserGraph, str] = {}
    ends = [(f"before/{IMAGE}", f"after/{IMAGE}")] if IMAGE in used else []
    for number, joint in enumerate(needed):
        prefix = f"network{number}/"
        home = homes.setdefault(joint.graph, prefix)
        renamed |= {prefix + name: home + name for name in joint.graph.names if home != prefix}
        answers = {answer: output for answer, output in joint.answers.items() if answer in used}
        part = joint.graph.copy(prefix, list(answers.values()))
        graph = compose.merge_graphs(graph, part, [(f"before/{joint.asked}", prefix + joint.taken)])
        ends += [(prefix + output, f"after/{answer}") for answer, output in answers.items()]
    graph = compose.merge_graphs(graph, _ended(after, used), ends, name="reliseg", doc_string="")
    _rename(graph, renamed)
    for users, home in homes.items():
        _add_weights(graph, users, home)
    del graph.value_info[:]
    models = [before, *(users.model for users in homes), after]
    imports = [helper.make_opsetid(domain, version) for domain, version in imports_of(models).items()]
    joined = helper.make_model(graph, opset_imports=imports, ir_version=max(model.ir_version for model in models))
    for users in homes:
        joined.functions.extend(users.model.functions)
    return joined


def _begun(before: Proto, asked: Sequence[str], *, with_image: bool) -> Proto:
    """Return the first graph, with what is asked as its outputs, and the image if what comes after reads it."""
    graph = onnx.GraphProto()
    graph.CopyFrom(before.graph)
    outputs = [output for output in graph.output if output.name in asked]
    if with_image:
        graph.node.append(helper.make_node("Identity", [IMAGE], ["seen"]))
        (image,) = graph.input
        outputs.append(helper.make_value_info("seen", image.type))
    del graph.output[:]
    graph.output.extend(outputs)
    graph = compose.add_prefix_graph(graph, "before/", rename_inputs=False, inplace=True)
    if with_image:
        graph.output[-1].name = f"before/{IMAGE}"
        graph.node[-1].output[0] = f"before/{IMAGE}"
    return graph


def _ended(after: Proto, used: set[str]) -> Proto:
    """Return the last graph, without inputs that nothing reads."""
    graph = onnx.GraphProto()
    graph.CopyFrom(after.graph)
    inputs = [given for given in graph.input if given.name in used]
    del graph.input[:]
    graph.input.extend(inputs)
    return compose.add_prefix_graph(graph, "after/", rename_outputs=False, inplace=True)


def _rename(graph: Proto, names: Mapping[str, str]) -> None:
    """Let operators read the same under another name."""
    for part in graphs_of(graph):
        for node in part.node:
            for place, name in enumerate(node.input):
                if name in names:
                    node.input[place] = names[name]


def _add_weights(graph: Proto, users: UserGraph, prefix: str) -> None:
    for tensor in users.initializers:
        graph.initializer.add().CopyFrom(tensor)
        graph.initializer[-1].name = prefix + tensor.name
    for tensor in users.sparse:
        graph.sparse_initializer.add().CopyFrom(tensor)
        graph.sparse_initializer[-1].values.name = prefix + tensor.values.name
