"""Small graphs in ONNX, made node by node: a stride of 4, a class for each output channel."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

CLASSES = 11
CHANNELS = 8
KINDS = {"float32": TensorProto.FLOAT, "float16": TensorProto.FLOAT16, "uint8": TensorProto.UINT8}
NCHW = ("n", 3, "h", "w")


def weights(classes: int = CLASSES) -> dict[str, np.ndarray]:
    g = np.random.default_rng(0)
    return {
        "body": g.normal(0, 0.3, (CHANNELS, 3, 4, 4)).astype(np.float32),
        "head": g.normal(0, 0.5, (classes, CHANNELS, 1, 1)).astype(np.float32),
    }


def logits_of(pixels: np.ndarray, classes: int = CLASSES) -> tuple[np.ndarray, np.ndarray]:
    """What the graph gives for planes (3 x H x W), and its body's map: patches of 4 x 4, in float64."""
    known = weights(classes)
    _, height, width = pixels.shape
    patches = pixels[:, : height // 4 * 4, : width // 4 * 4].reshape(3, height // 4, 4, width // 4, 4)
    body = np.maximum(np.einsum("cyixj,kcij->kyx", patches.astype(np.float64), known["body"]), 0)
    return np.einsum("kyx,ck->cyx", body, known["head"][:, :, 0, 0]), body


def nodes_of(layout: str, kind: str, ending: str | None) -> list[Any]:
    """The nodes from `images` to `logits`, with `body` on the way."""
    nodes, at = [], "images"
    if layout == "NHWC":
        nodes.append(helper.make_node("Transpose", [at], ["planes"], perm=[0, 3, 1, 2]))
        at = "planes"
    if kind != "float32":
        nodes.append(helper.make_node("Cast", [at], ["floats"], to=TensorProto.FLOAT))
        at = "floats"
    nodes += [
        helper.make_node("Conv", [at, "body.weight"], ["map"], strides=[4, 4]),
        helper.make_node("Relu", ["map"], ["body"]),
        helper.make_node("Conv", ["body", "head.weight"], ["scores"]),
    ]
    last = {
        "softmax": helper.make_node("Softmax", ["scores"], ["logits"], axis=1),
        "argmax": helper.make_node("ArgMax", ["scores"], ["logits"], axis=1, keepdims=0),
        "custom": helper.make_node("GridSampler", ["scores"], ["logits"], domain="mmdeploy"),
        "channels last": helper.make_node("Transpose", ["scores"], ["logits"], perm=[0, 2, 3, 1]),
        "float16": helper.make_node("Cast", ["scores"], ["logits"], to=TensorProto.FLOAT16),
    }
    return [*nodes, last.get(ending or "", helper.make_node("Identity", ["scores"], ["logits"]))]


def write_graph(
    path: Path,
    *,
    shape: Sequence[Any] = NCHW,
    kind: str = "float32",
    ending: str | None = None,
    outputs: Sequence[str] = ("logits",),
    classes: int = CLASSES,
    beside: str | None = None,
) -> Path:
    """Write a graph; `beside` is the name of the file that its weights are kept in."""
    layout = "NHWC" if shape[-1] == 3 else "NCHW"
    numbers = {"argmax": TensorProto.INT64, "float16": TensorProto.FLOAT16}.get(ending or "", TensorProto.FLOAT)
    kinds = {name: numbers if name == "logits" else TensorProto.FLOAT for name in outputs}
    tensors = [numpy_helper.from_array(value, f"{name}.weight") for name, value in weights(classes).items()]
    graph = helper.make_graph(
        nodes_of(layout, kind, ending),
        "net",
        [helper.make_tensor_value_info("images", KINDS[kind], list(shape))],
        [helper.make_tensor_value_info(name, number, None) for name, number in kinds.items()],
        tensors,
    )
    opsets = [helper.make_opsetid("", 20), helper.make_opsetid("mmdeploy", 1)]
    model = helper.make_model(graph, opset_imports=opsets if ending == "custom" else opsets[:1], ir_version=10)
    if beside:
        onnx.save_model(model, path, save_as_external_data=True, location=beside, size_threshold=0)
    else:
        onnx.save_model(model, path)
    return path


def branching_graph(opset: int = 20, shift: float = 1.0) -> Any:
    """A graph of images as they are, whose weights are read by its branches alone: more, or less, by a shift."""
    value = helper.make_tensor_value_info
    branches = [
        helper.make_graph(
            [helper.make_node(kind, ["twice", "shift"], [kind])],
            kind,
            [],
            [value(kind, TensorProto.FLOAT, list(NCHW))],
        )
        for kind in ("Add", "Sub")
    ]
    nodes = [
        helper.make_node("Add", ["images", "images"], ["twice"]),
        helper.make_node("ReduceMean", ["images"], ["mean"], keepdims=0),
        helper.make_node("Greater", ["mean", "least"], ["bright"]),
        helper.make_node("If", ["bright"], ["logits"], then_branch=branches[0], else_branch=branches[1]),
    ]
    tensors = [
        numpy_helper.from_array(np.full(1, shift, np.float32), "shift"),
        numpy_helper.from_array(np.float32(0), "least"),
    ]
    return _model(nodes, tensors, opset)


def calling_graph(opset: int = 20) -> Any:
    """A graph of images as they are, with a function of its own: twice the images."""
    double = helper.make_function(
        "local",
        "Twice",
        ["x"],
        ["y"],
        [helper.make_node("Add", ["x", "x"], ["y"])],
        [helper.make_opsetid("", opset)],
    )
    model = _model([helper.make_node("Twice", ["images"], ["logits"], domain="local")], [], opset)
    model.functions.append(double)
    model.opset_import.append(helper.make_opsetid("local", 1))
    return model


def _model(nodes: list[Any], tensors: list[Any], opset: int) -> Any:
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, list(NCHW)) for name in ("images", "logits")]
    graph = helper.make_graph(nodes, "net", ends[:1], ends[1:], tensors)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=10)
