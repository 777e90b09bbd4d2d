"""From images to predictions through a graph: layouts, kinds of numbers, outputs, and a feature."""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from helpers.onnx_graphs import CHANNELS, CLASSES, logits_of, write_graph
from onnx import TensorProto, helper

from reliseg.errors import ModelError
from reliseg.models import ModelOptions
from reliseg.models.graphs.onnx_network import GraphNetwork, Images, Layout
from reliseg.models.graphs.onnx_session import open_session
from reliseg.models.inference.modes import Inference
from reliseg.models.inference.normalisation import PixelScale

SCALE = PixelScale((0.4, 0.5, 0.6), (0.2, 0.25, 0.3))


def images(number: int = 2, size: tuple[int, int] = (24, 32)) -> list[np.ndarray]:
    return list(np.random.default_rng(1).integers(0, 256, (number, *size, 3), np.uint8))


def network(path: Path, layout: Layout | None = None, **changes: Any) -> GraphNetwork:
    session = open_session(ModelOptions("net", "onnx", path.name, threads=1), path)
    inference = changes.pop("inference", Inference())
    return GraphNetwork(session, Images.of(session, layout), SCALE, inference, CLASSES, **changes)


def planes(image: np.ndarray, raw: bool = False) -> np.ndarray:
    return image.transpose(2, 0, 1).astype(np.float32) if raw else SCALE.in_numpy([image])[0]


@pytest.mark.parametrize("kind", ["float32", "float16", "uint8"])
@pytest.mark.parametrize("shape", [("n", 3, "h", "w"), ("n", "h", "w", 3), (2, 3, 24, 32), (2, 24, 32, 3)])
def test_logits_are_those_of_the_graph_for_each_layout_and_kind_of_numbers(tmp_path: Path, shape, kind):
    net = network(write_graph(tmp_path / "net.onnx", shape=shape, kind=kind))
    scale, tolerance = (255, 1e-2) if kind == "uint8" else (1, 2e-2 if kind == "float16" else 1e-4)
    for image, prediction in zip(images(), net(images()), strict=True):
        expected, _ = logits_of(planes(image, kind == "uint8"))
        np.testing.assert_allclose(np.asarray(prediction.logits), expected, rtol=1e-4, atol=tolerance * scale / 10)
        assert prediction.size == (24, 32)
        assert prediction.logits.dtype == np.float32
        assert prediction.feature is None
    assert net.images.takes.size == ((24, 32) if shape[0] == 2 else None)
    assert net.images.takes.images == (2 if shape[0] == 2 else None)


def test_outputs_with_channels_last_are_turned_in_graphs_that_take_such_images(tmp_path: Path):
    net = network(write_graph(tmp_path / "net.onnx", shape=("n", "h", "w", 3), ending="channels last"))
    expected, _ = logits_of(planes(images()[0]))
    np.testing.assert_allclose(np.asarray(net(images())[0].logits), expected, atol=1e-4)


def test_half_precision_logits_are_read_as_float32(tmp_path: Path):
    net = network(write_graph(tmp_path / "net.onnx", ending="float16"))
    expected, _ = logits_of(planes(images()[0]))
    np.testing.assert_allclose(np.asarray(net(images())[0].logits), expected, rtol=2e-3, atol=2e-3)


def test_a_layout_that_the_shape_leaves_open_is_asked_for_and_one_that_it_contradicts_refused(tmp_path: Path):
    path = write_graph(tmp_path / "net.onnx", shape=("n", "c", "h", "w"))
    with pytest.raises(ModelError, match=r"takes images as n x c x h x w, which may be .*args: \{layout: NCHW\} or"):
        network(path)
    assert network(path, "NCHW").images.layout == "NCHW"
    with pytest.raises(ModelError, match=r"as n x 3 x h x w, which is not NHWC; leave out layout"):
        network(write_graph(tmp_path / "net.onnx"), "NHWC")
    assert network(write_graph(tmp_path / "net.onnx", shape=("n", 3, 8, "w"))).images.layout == "NCHW"


def inputs_of(path: Path, *shapes: Any, kind: int = TensorProto.FLOAT) -> Path:
    known = [helper.make_tensor_value_info(f"in{i}", kind, shape) for i, shape in enumerate(shapes)]
    out = helper.make_tensor_value_info("out", kind, None)
    graph = helper.make_graph([helper.make_node("Identity", ["in0"], ["out"])], "net", known, [out])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10), path)
    return path


@pytest.mark.parametrize(
    ("shapes", "kind", "problem"),
    [
        ([(1, 3, 8, 8), (1, 77)], TensorProto.FLOAT, r"takes 2 inputs \(in0, in1\); export it with one, the images"),
        ([(1, 3, 8, 8)], TensorProto.INT32, "takes int32; export it with float32, float16 or uint8 images"),
        ([(3, 8, 8)], TensorProto.FLOAT, "takes images as 3 x 8 x 8; export it with images N x 3 x H x W or"),
        ([(1, 1, 8, 8)], TensorProto.FLOAT, "takes images as 1 x 1 x 8 x 8, and RGB has 3 channels; export it for RGB"),
    ],
)
def test_inputs_that_are_no_images_are_refused(tmp_path: Path, shapes, kind, problem):
    with pytest.raises(ModelError, match=f"^{problem}"):
        network(inputs_of(tmp_path / "net.onnx", *shapes, kind=kind))


def test_class_ids_in_the_place_of_logits_are_refused(tmp_path: Path):
    with pytest.raises(
        ModelError, match=r"gives class ids or the like \(logits: int64\), and no logits .*without the argm"
    ):
        network(write_graph(tmp_path / "net.onnx", ending="argmax"))
    both = write_graph(tmp_path / "both.onnx", ending="argmax", outputs=("logits", "scores"))
    expected, _ = logits_of(planes(images()[0]))
    np.testing.assert_allclose(np.asarray(network(both)(images())[0].logits), expected, atol=1e-4)
    with pytest.raises(ModelError, match="gives class ids"):
        network(both, output="logits")


def test_an_output_is_chosen_by_its_name_or_its_number(tmp_path: Path):
    path = write_graph(tmp_path / "net.onnx", outputs=("body", "scores", "logits"))
    by_convention = network(path)
    assert by_convention(images())[0].logits.shape == (CLASSES, 6, 8)
    assert by_convention.reader.taken == "logits"
    for choice in ("scores", "1", 1):
        chosen = network(path, output=choice)
        assert chosen(images())[0].logits.shape == (CLASSES, 6, 8)
        assert chosen.reader.taken == "scores"
    with pytest.raises(ModelError, match=r"has no output 'score'; did you mean 'scores'\? known: body, logits, scores"):
        network(path, output="score")


def test_the_feature_is_an_output_that_is_pooled(tmp_path: Path):
    path = write_graph(tmp_path / "net.onnx", outputs=("body", "logits"))
    net = network(path, feature="body")
    for image, prediction in zip(images(), net(images()), strict=True):
        _, body = logits_of(planes(image))
        assert prediction.feature is not None
        assert prediction.feature.shape == (CHANNELS,)
        np.testing.assert_allclose(prediction.feature, body.mean(axis=(1, 2)), rtol=1e-4, atol=1e-5)
    with pytest.raises(ModelError, match=r"has no output 'bod' to take the feature from; did you mean 'body'"):
        network(path, feature="bod")


def test_only_what_is_used_is_computed_after_the_first_image(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    asked: list[list[str]] = []
    path = write_graph(tmp_path / "net.onnx", outputs=("body", "map", "logits"))
    net = network(path, feature="body")
    real = net.session.run
    monkeypatch.setattr(net.session, "run", lambda names, given: asked.append(names) or real(names, given))
    net(images(1))
    net(images(1))
    assert asked == [["body", "map", "logits"], ["logits", "body"]]


def test_the_same_image_gives_the_same_bytes_and_each_prediction_has_its_own(tmp_path: Path):
    net = network(write_graph(tmp_path / "net.onnx"))
    first, second = net(images(1))[0], net(images(1))[0]
    np.testing.assert_array_equal(np.asarray(first.logits), np.asarray(second.logits))
    assert not np.shares_memory(np.asarray(first.logits), np.asarray(second.logits))


@pytest.mark.parametrize("shape", [("n", 3, "h", "w"), ("n", "h", "w", 3)])
def test_normalised_images_are_padded_with_zeros_below_and_to_the_right(tmp_path: Path, shape):
    net = network(write_graph(tmp_path / "net.onnx", shape=shape), inference=Inference(pad=20))
    padded = np.pad(planes(images()[0]), ((0, 0), (0, 16), (0, 8)))
    [prediction] = net(images(1))
    assert prediction.size == (40, 40)
    np.testing.assert_allclose(np.asarray(prediction.logits), logits_of(padded)[0], atol=1e-4)
