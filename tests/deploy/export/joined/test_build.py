"""Files of users' ONNX graphs give what the predictor gives, and say what they cannot be."""

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from helpers.deployed import SPLIT, deploy
from helpers.exported import CAMVID, noise, predictor_of
from helpers.library_networks import load
from helpers.onnx_graphs import NCHW, branching_graph, write_graph
from onnx import TensorProto, helper, numpy_helper
from PIL import Image
from torch import nn

import reliseg
from reliseg.calibration import canonical_text
from reliseg.deploy.export.cases import Cases
from reliseg.deploy.export.export import export
from reliseg.deploy.export.files import GraphFile
from reliseg.deploy.export.graph import WholeGraph
from reliseg.deploy.export.joined import build
from reliseg.deploy.export.joined.build import build_joined
from reliseg.deploy.export.network import shown_images
from reliseg.deploy.export.wishes import Wishes
from reliseg.errors import ConfigError, ModelError
from reliseg.models import ModelOptions
from reliseg.models.kinds.ensemble import EnsembleModel
from reliseg.models.options import Augmented, Pad, Slide

METHODS = (
    "ts",
    "class_ts",
    "cluster_ts(k=2,per_class=true,soft=true,seed=42)",
    "isotonic",
    "selective(weight=4.0)",
    "lts(epochs=10,rate=0.01)",
    "lts(epochs=10,inputs=image,rate=0.01)",
)
"""One for each of what a head may need of the graph before it: logits, a feature, the image, and each with others; the
heads of all methods, as they follow any logits, are exported by `test_export.py`."""
NAMES = ["identity", *(f"{canonical_text(method)}@{SPLIT}" for method in METHODS)]


def loaded(folder: Path, name: str = "net.onnx", **options: object):
    return load(ModelOptions("net", "onnx", name, CAMVID, folder=folder, threads=1, **options))


def model(folder: Path, options: Mapping[str, object] | None = None, **graph: object):
    write_graph(folder / "net.onnx", **graph)
    return loaded(folder, **(options or {}))


class Once(nn.Module):
    """Asks the network once for several heads."""

    def __init__(self, shown: nn.Module) -> None:
        super().__init__()
        self.shown, self.seen = shown, None

    def forward(self, image: torch.Tensor):
        self.seen = self.shown(image) if self.seen is None else self.seen
        return self.seen


class Every(nn.Module):
    """The heads of several methods behind one network."""

    def __init__(self, shown: nn.Module, heads: list[nn.Module]) -> None:
        super().__init__()
        self.shown, self.once = shown, Once(shown)
        self.graphs = nn.ModuleList([WholeGraph(self.once, head) for head in heads])

    def forward(self, image: torch.Tensor) -> list[torch.Tensor]:
        self.once.seen = None
        maps = [part for graph in self.graphs for part in graph(image)]
        self.once.seen = None
        return maps


class Stored(GraphFile):
    """The maps of one method."""

    def __init__(self, maps: Mapping[str, np.ndarray]) -> None:
        self.maps = maps

    def run(self, inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        return dict(self.maps)


def write_net(net: nn.Module, path: Path) -> None:
    """Write the network of the run as a graph."""
    tensors = {
        "deep.weight": net.deep.weight,
        "deep.bias": net.deep.bias,
        "last.weight": net.last.weight,
        "last.bias": net.last.bias,
        "factor": torch.tensor(0.02),
    }
    nodes = [
        helper.make_node("Conv", ["images", "deep.weight", "deep.bias"], ["deep"], strides=[4, 4]),
        helper.make_node("AveragePool", ["images"], ["pooled"], kernel_shape=[2, 2], strides=[2, 2]),
        helper.make_node("Conv", ["pooled", "last.weight", "last.bias"], ["scores"]),
        helper.make_node("ReduceMean", ["deep"], ["mean"], axes=[1, 2, 3]),
        helper.make_node("Mul", ["mean", "factor"], ["shift"]),
        helper.make_node("Add", ["scores", "shift"], ["logits"]),
    ]
    graph = helper.make_graph(
        nodes,
        "net",
        [helper.make_tensor_value_info("images", TensorProto.FLOAT, list(NCHW))],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in ("logits", "deep")],
        [numpy_helper.from_array(tensor.detach().numpy(), name) for name, tensor in tensors.items()],
    )
    onnx.save_model(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8), path)


@pytest.mark.slow
def test_a_file_gives_what_the_predictor_gives(tmp_path):
    deployed = deploy(tmp_path, METHODS)
    opened = reliseg.load_predictor(deployed.run, calibration=f"ts@{SPLIT}").model
    write_net(opened.predictor.network.module, tmp_path / "net.onnx")
    graph = loaded(tmp_path, feature="deep")
    predictors = [replace(reliseg.load_predictor(deployed.run, opened, name), model=graph) for name in NAMES]
    cases = [Cases(predictor, predictor.head(), Wishes()) for predictor in predictors]
    images = [np.asarray(Image.open(image).convert("RGB")) for image in deployed.images()]
    parts = ("classes", "confidence", "accepted")
    names = [f"{i}|{part}" for i, own in enumerate(predictors) for part in parts[: 2 + bool(own.acceptance.last)]]
    every = Every(shown_images(graph, "net", None), [case.head for case in cases])
    built = build_joined(every, torch.tensor(images[0][None]), names, "net", dynamic=False, many=True)
    assert built.any_number
    built.graph.save(tmp_path / "every.onnx", {})
    found = built.graph.open(tmp_path / "every.onnx").run({"image": np.stack(images)})
    for i, (name, case) in enumerate(zip(NAMES, cases, strict=True)):
        own = {part: found[f"{i}|{part}"] for part in parts if f"{i}|{part}" in found}
        agreement = case.agreement(Stored(own), case.of(images))
        assert agreement.problem is None, name
        assert agreement.undecided < 0.05 * agreement.pixels, name
        assert agreement.largest < (1e-3 if "isotonic" in name or "histogram" in name else 2e-5), name
    written = onnx.load(tmp_path / "every.onnx")
    assert [entry.version for entry in written.opset_import] == [20]
    assert sum(tensor.name.endswith("deep.weight") for tensor in written.graph.initializer) == 1


@pytest.mark.slow
def test_a_file_for_any_size_says_what_it_is(tmp_path):
    predictor = predictor_of(model(tmp_path, {"pad": Pad(32)}, beside="net.bin"))
    out, frames = tmp_path / "all.onnx", [noise(64, 96), noise(41, 60)]
    exported = export(predictor, Wishes("onnx", dynamic=True), frames, out)
    assert exported.agreement.images == 5
    written = onnx.load(out)
    onnx.checker.check_model(written, full_check=True)
    assert {node.domain for node in written.graph.node} == {""}
    (stored,) = written.metadata_props
    assert json.loads(stored.value) == exported.facts
    (image,) = written.graph.input
    assert [d.dim_param or d.dim_value for d in image.type.tensor_type.shape.dim] == ["n", "height", "width", 3]
    assert str(tmp_path) not in out.read_bytes().decode("latin-1")


@pytest.mark.slow
def test_windows_and_mirror_images_of_a_graph_of_one_image_share_its_weights(tmp_path):
    options = {"slide": Slide((32, 40), (32, 30)), "tta": Augmented(flip=True)}
    predictor = predictor_of(model(tmp_path, options, shape=(1, 3, 32, 40)))
    exported = export(predictor, Wishes(), [noise(32, 68), noise(32, 68, seed=1)], tmp_path / "all.onnx")
    assert exported.facts["inputs"]["image"]["shape"] == [1, 32, 68, 3]
    written = onnx.load(tmp_path / "all.onnx")
    assert sum(tensor.name.endswith("body.weight") for tensor in written.graph.initializer) == 1
    assert sum(node.op_type == "Conv" for node in written.graph.node) == 2 * 4


@pytest.mark.slow
def test_an_ensemble_of_graphs_is_one_file(tmp_path):
    members = {"a": model(tmp_path)}
    write_graph(tmp_path / "other.onnx", kind="uint8", shape=("n", "h", "w", 3))
    members["b"] = loaded(tmp_path, "other.onnx")
    exported = export(predictor_of(EnsembleModel.of(members)), Wishes(), [noise(20, 28)] * 2, tmp_path / "all.onnx")
    assert exported.agreement.largest < 1e-5


def test_what_cannot_be_joined_is_named(tmp_path):
    frames, out = [noise(20, 28)], tmp_path / "all.onnx"
    of_one_size = model(tmp_path, shape=(1, 3, 32, 40))
    with pytest.raises(
        ConfigError, match=r"model net is an ONNX graph for images of one size .*1 x 3 x 32 x 40\); give"
    ):
        export(predictor_of(of_one_size), Wishes(dynamic=True), frames, out)
    four = model(tmp_path, shape=(4, 3, "h", "w"))
    with pytest.raises(
        ModelError, match="model net takes 4 images at a time, and can be exported where it takes one or"
    ):
        export(predictor_of(four), Wishes(), frames, out)
    plain = model(tmp_path)
    with pytest.raises(
        ConfigError, match="model net is an ONNX graph, which no program of torch holds; give --format on"
    ):
        export(predictor_of(plain), Wishes("pt2"), frames, tmp_path / "all.pt2")
    assert not out.exists()


def test_a_graph_that_others_cannot_read_is_named(monkeypatch):
    graph = branching_graph()
    graph.graph.node[0].op_type = "Unknown"
    with pytest.raises(ModelError, match=r"model net cannot be joined with others \(.*; export what follows"):
        build._checked(graph, "net")
    monkeypatch.setattr(build, "LARGEST", 10)
    with pytest.raises(ModelError, match="model net is larger than 2 GiB, and one ONNX file holds no more; export"):
        build._checked(branching_graph(), "net")
