"""A user's ONNX graph, read to be put between others: checked, cleaned, and brought to their version of ONNX."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import onnx
from onnx import compose, inliner, version_converter

from reliseg.deploy.export.tracing import OPSET, forget_sources
from reliseg.deploy.export.wishes import HEAD_ONLY
from reliseg.errors import ModelError, error_text, shortlist
from reliseg.models.graphs.onnx_files import graph_files
from reliseg.runtime.printable import printable
from reliseg.runtime.regular_files import regular_size, size_text

Proto: TypeAlias = Any
"""A message of onnx.proto."""
LARGEST = 2**31 - 1
"""Bytes of a message of Protocol Buffers, and so of a graph with all its weights inside."""
_DEFAULT = ("", "ai.onnx")
_STANDARD = (*_DEFAULT, "ai.onnx.ml")


@dataclass(frozen=True, eq=False)
class UserGraph:
    """A graph without its weights, which stand beside it: so it can be put somewhere several times."""

    model: Proto
    initializers: Sequence[Proto]
    sparse: Sequence[Proto]

    @classmethod
    def of(cls, model: Proto) -> "UserGraph":
        """Take the weights out of a graph that `read_graph` returned."""
        graph = model.graph
        initializers, sparse = list(graph.initializer), list(graph.sparse_initializer)
        del graph.initializer[:], graph.sparse_initializer[:]
        return cls(model, initializers, sparse)

    @property
    def names(self) -> list[str]:
        """Of its weights."""
        return [tensor.name for tensor in self.initializers] + [tensor.values.name for tensor in self.sparse]

    def copy(self, prefix: str, outputs: Sequence[str]) -> Proto:
        """Return its graph with a prefix before all names, with these outputs alone."""
        graph = onnx.GraphProto()
        graph.CopyFrom(self.model.graph)
        kept = [output for output in graph.output if output.name in outputs]
        del graph.output[:]
        graph.output.extend(kept)
        inside = [tensor.name for part in graphs_of(graph) for tensor in part.initializer]
        named = {name: prefix + name for name in [*self.names, *inside]}  # compose comes too late to those in branches
        return compose.add_prefix_graph(graph, prefix, inplace=True, name_map=named)


def read_graph(name: str, path: Path) -> Proto:
    """Return a graph with its weights, whose operators are standard ones; a ModelError, by the name of the model."""
    size = sum(map(regular_size, graph_files(name, path)))
    if size > LARGEST:
        raise ModelError(f"model {name} takes {size_text(size)}, and one ONNX file holds 2 GiB at most; {HEAD_ONLY}")
    try:
        model = onnx.load(path)
    except Exception as error:  # its files were there when the model was loaded
        raise ModelError(f"model {name}: {path} cannot be read again ({error_text(error)}); export it again") from error
    _name_default_domain(model)
    local = {(function.domain, function.name) for function in model.functions}
    foreign = dict.fromkeys(
        f"{printable(node.op_type)} of {printable(node.domain)}"
        for node in nodes_of(model)
        if node.domain not in _STANDARD and (node.domain, node.op_type) not in local
    )
    if foreign:
        raise ModelError(f"model {name} uses {shortlist(list(foreign), 3)}, no standard operators of ONNX; {HEAD_ONLY}")
    _clean(model)
    return model


def opset_of(model: Proto) -> int:
    """Return the version of ONNX's own operators that a graph uses."""
    return max((entry.version for entry in model.opset_import if entry.domain in _DEFAULT), default=1)


def at_opset(model: Proto, opset: int, name: str) -> Proto:
    """Return a graph with operators of this version; a ModelError where ONNX cannot translate it.

    Functions of the graph are put where they are called, as the converter forgets them.
    """
    own = opset_of(model)
    if own == opset:
        return model
    try:
        converted = version_converter.convert_version(without_functions(model), opset)
        onnx.checker.check_model(converted)
    except Exception as error:  # of the converter, or of what it made
        raise ModelError(
            f"model {name} is of opset {own}, and onnx cannot bring it to opset {opset} ({error_text(error)}); export "
            f"it with opset {OPSET}, or {HEAD_ONLY}"
        ) from error
    del converted.graph.value_info[:]
    return converted


def without_functions(model: Proto) -> Proto:
    """Return a graph with its functions written out where they are called."""
    return inliner.inline_local_functions(model, convert_version=True) if len(model.functions) else model


def imports_of(models: Sequence[Proto]) -> Mapping[str, int]:
    """Return the versions of the domains that are used, the highest where they differ."""
    found: dict[str, int] = {}
    for model in models:
        used = {node.domain for node in nodes_of(model)}
        for entry in model.opset_import:
            if entry.domain in used:
                found[entry.domain] = max(found.get(entry.domain, 0), entry.version)
    return found


def graphs_of(graph: Proto) -> Iterator[Proto]:
    """Yield a graph, and those in its branches and loops."""
    yield graph
    yield from _graphs_in(graph.node)


def nodes_of(model: Proto) -> Iterator[Proto]:
    """Yield all operators of a graph, its branches, loops and functions."""
    for part in graphs_of(model.graph):
        yield from part.node
    for function in model.functions:
        yield from function.node
        for part in _graphs_in(function.node):
            yield from part.node


def _graphs_in(nodes: Sequence[Proto]) -> Iterator[Proto]:
    for node in nodes:
        for attribute in node.attribute:
            for graph in [*([attribute.g] if attribute.HasField("g") else []), *attribute.graphs]:
                yield from graphs_of(graph)


def _name_default_domain(model: Proto) -> None:
    """Call ONNX's own operators by one of the two names that they have."""
    for node in nodes_of(model):
        node.domain = "" if node.domain in _DEFAULT else node.domain
    for part in (model, *model.functions):
        for entry in part.opset_import:
            entry.domain = "" if entry.domain in _DEFAULT else entry.domain


def _clean(model: Proto) -> None:
    """Remove what others than its own program read: where it came from, and lengths of axes by name.

    ONNX Runtime takes axes of one name for equally long, and other graphs have names, too.
    """
    forget_sources(model)
    for node in nodes_of(model):
        node.doc_string = ""
        del node.metadata_props[:]
    graph = model.graph
    weights = {tensor.name for tensor in graph.initializer} | {t.values.name for t in graph.sparse_initializer}
    images = [given for given in graph.input if given.name not in weights]  # old graphs list weights there
    del graph.input[:]
    graph.input.extend(images)
    for part in graphs_of(graph):
        del part.value_info[:]
        for value in (*part.input, *part.output):
            for dimension in value.type.tensor_type.shape.dim if value.type.HasField("tensor_type") else ():
                if dimension.dim_param:
                    dimension.Clear()
