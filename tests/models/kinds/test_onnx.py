"""Models in ONNX: options, sizes, what results say of them, and refusals in one line."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from helpers.onnx_graphs import logits_of, write_graph
from helpers.onnx_graphs import weights as graph_weights
from torch import nn

from reliseg.errors import MissingExtraError, ModelError, SampleError
from reliseg.labels import label_space
from reliseg.models import Augmented, FitWithin, Input, ModelOptions, Pad, Slide
from reliseg.models.inference.normalisation import PixelScale
from reliseg.models.kinds.onnx import OnnxModel
from reliseg.models.kinds.python import PythonModel
from reliseg.testing.model import check_model, drawn_inputs


def options(folder: Path, **changes: Any) -> ModelOptions:
    given = {"name": "net", "kind": "onnx", "where": "net.onnx", "labels": label_space("camvid"), "threads": 1}
    return ModelOptions(**(given | {"folder": folder} | changes))


def load(folder: Path, **changes: Any) -> OnnxModel:
    return OnnxModel.load(options(folder, **changes))


def image(height: int = 24, width: int = 32) -> Input:
    pixels = np.random.default_rng(1).integers(0, 256, (height, width, 3), np.uint8)
    return Input("a/1", (height, width), pixels)


@pytest.mark.parametrize("shape", [("n", 3, "h", "w"), ("n", "h", "w", 3), (1, 3, 32, 64)])
def test_it_obeys_the_laws_of_models(tmp_path: Path, shape):
    write_graph(tmp_path / "net.onnx", shape=shape, outputs=("body", "logits"))
    check_model(load(tmp_path, feature="body"))


def test_images_are_normalised_with_the_mean_and_deviation_of_the_options(tmp_path: Path):
    write_graph(tmp_path / "net.onnx")
    source = image()
    for scale in (PixelScale(), PixelScale((0.1, 0.2, 0.3), (0.4, 0.5, 0.6))):
        [prediction] = load(tmp_path, mean=scale.mean, std=scale.std).predict([source])
        expected, _ = logits_of(scale.in_numpy([source.image])[0])
        np.testing.assert_allclose(np.asarray(prediction.logits), expected, atol=1e-4)


def test_a_graph_of_one_size_gets_images_of_that_size_and_says_so(tmp_path: Path):
    write_graph(tmp_path / "net.onnx", shape=(1, 3, 32, 64))
    model = load(tmp_path)
    [prediction] = model.predict([image(48, 96)])
    assert prediction.logits.shape == (11, 8, 16)
    assert prediction.size == (48, 96)
    assert model.provenance()["resize"] == (32, 64)
    with pytest.raises(
        ModelError, match=r"takes images of height 32, width 64 alone; set resize: \[32, 64\], or slide"
    ):
        load(tmp_path, resize=(32, 32))


def test_several_images_go_through_a_graph_of_one_image_one_by_one(tmp_path: Path):
    write_graph(tmp_path / "net.onnx", shape=(1, 3, "h", "w"))
    model, inputs = load(tmp_path), drawn_inputs()[:3]
    together = model.predict(inputs)
    for source, prediction in zip(inputs, together, strict=True):
        np.testing.assert_array_equal(np.asarray(prediction.logits), np.asarray(model.predict([source])[0].logits))


def test_raw_pixels_take_no_mean(tmp_path: Path):
    write_graph(tmp_path / "net.onnx", kind="uint8")
    with pytest.raises(ModelError, match=r"^model net: net.onnx takes uint8 images, .*leave out mean and std"):
        load(tmp_path, std=(1.0, 1.0, 1.0))
    source = image()
    expected, _ = logits_of(source.image.transpose(2, 0, 1))
    model = load(tmp_path)
    np.testing.assert_allclose(np.asarray(model.predict([source])[0].logits), expected, rtol=1e-4, atol=0.01)
    assert model.provenance()["normalisation"] is None


def test_a_softmax_at_the_end_is_found_or_said(tmp_path: Path):
    write_graph(tmp_path / "net.onnx", ending="softmax")
    with pytest.raises(ModelError, match=r"gives probabilities, not logits .*values: probabilities"):
        load(tmp_path)
    model = load(tmp_path, values="probabilities")
    assert model.gives_probabilities
    [prediction] = model.predict([image()])
    np.testing.assert_allclose(np.exp(np.asarray(prediction.logits)).sum(0), 1, atol=1e-5)


def test_another_number_of_classes_and_channels_in_the_last_place_are_refused(tmp_path: Path):
    write_graph(tmp_path / "net.onnx", classes=7)
    with pytest.raises(ModelError, match="gives 7 classes, label space camvid has 11"):
        load(tmp_path)
    write_graph(tmp_path / "net.onnx", ending="channels last")
    with pytest.raises(ModelError, match="channels last; give classes x height x width"):
        load(tmp_path)


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"weights": Path("net.pth")}, "weights applies to networks in torch, and a graph has its own weights"),
        ({"precision": "bfloat16"}, "precision applies to networks in torch, and a graph states its own"),
        ({"masks": "input"}, "masks applies to networks that classify masks"),
        ({"args": {"layot": "NHWC"}}, "unknown argument 'layot'; did you mean 'layout'"),
        ({"args": {"layout": "CHW"}}, "layout is 'CHW'; write NCHW or NHWC"),
        ({"mean": (123.0, 116.0, 103.0)}, r"mean is \[123, 116, 103\], and images are in 0..1 .* divide by 255"),
        ({"labels": None}, "give labels, the classes it predicts"),
    ],
)
def test_options_that_do_not_apply_are_refused(tmp_path: Path, changes, problem):
    write_graph(tmp_path / "net.onnx")
    with pytest.raises(ModelError, match=f"^model net: .*{problem}"):
        load(tmp_path, **changes)


def test_results_say_what_was_run_and_how(tmp_path: Path):
    write_graph(tmp_path / "net.onnx", beside="net.onnx.data", outputs=("body", "logits"))
    facts = load(tmp_path, feature="body").provenance()
    assert [Path(file).name for file in facts["files"]] == ["net.onnx", "net.onnx.data"]
    assert facts["input"] == "images: float n x 3 x h x w"
    assert facts["args"] == {"layout": "NCHW"}
    assert (facts["output"], facts["feature"], facts["resize"]) == ("logits", "body", None)
    assert (facts["providers"], facts["optimisation"], facts["deterministic"]) == (
        ["CPUExecutionProvider"],
        "all",
        True,
    )


def test_other_weights_beside_the_graph_are_another_model(tmp_path: Path):
    path = write_graph(tmp_path / "net.onnx", beside="net.onnx.data")
    before = load(tmp_path).fingerprint()
    assert load(tmp_path).fingerprint() == before
    beside = path.with_name("net.onnx.data")
    content = bytearray(beside.read_bytes())
    content[0] ^= 1
    beside.write_bytes(content)
    assert load(tmp_path).fingerprint() != before


def test_without_a_feature_there_is_none(tmp_path: Path):
    write_graph(tmp_path / "net.onnx")
    assert load(tmp_path).predict([image()])[0].feature is None


def test_a_size_that_the_graph_cannot_compute_gets_a_hint(tmp_path: Path):
    write_graph(tmp_path / "net.onnx")
    with pytest.raises(
        SampleError, match=r"^a/1: model net raised RuntimeError: .*; at height 32, width 32 it works, so"
    ):
        load(tmp_path).predict([image(3, 32)])


def test_without_onnx_runtime_the_command_that_installs_it_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    write_graph(tmp_path / "net.onnx")
    for name in [name for name in sys.modules if name.startswith(("onnxruntime", "reliseg.models.graphs.onnx_"))]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.delattr("reliseg.models.graphs.onnx_session", raising=False)
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(MissingExtraError, match=r"^model net needs onnxruntime: pip install 'reliseg\[onnx\]'$"):
        load(tmp_path)


@pytest.mark.slow
def test_a_graph_is_evaluated_without_torch(tmp_path: Path):
    write_graph(tmp_path / "net.onnx")
    code = (
        "import sys, reliseg; "
        f"model = reliseg.open_model('onnx:{tmp_path}/net.onnx', labels='camvid'); print('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_replaced_options_leave_the_model_as_it_is(tmp_path: Path):
    write_graph(tmp_path / "net.onnx")
    one = options(tmp_path)
    assert OnnxModel.load(one).fingerprint() == OnnxModel.load(replace(one, name="other")).fingerprint()


def test_windows_of_a_graph_of_one_size_are_those_of_a_graph_of_any_size(tmp_path: Path):
    for name, shape in (("one.onnx", (1, 3, 32, 64)), ("any.onnx", ("n", 3, "h", "w"))):
        write_graph(tmp_path / name, shape=shape)
    source, slide = image(60, 100), Slide(crop=(32, 64), stride=(20, 40))
    one, free = (
        np.asarray(load(tmp_path, where=name, slide=slide).predict([source])[0].logits)
        for name in ("one.onnx", "any.onnx")
    )
    assert one.shape == (11, 60, 100)
    np.testing.assert_array_equal(one, free)
    with pytest.raises(ModelError, match=r"takes images of height 32, width 64 alone; .* slide with crop: \[32, 64\]"):
        load(tmp_path, where="one.onnx", slide=Slide(crop=(32, 32), stride=(16, 16)))


def test_padding_and_mirror_images_are_those_of_other_kinds(tmp_path: Path):
    write_graph(tmp_path / "net.onnx", shape=("n", 3, "h", "w"))
    weights = graph_weights()
    net = nn.Sequential(nn.Conv2d(3, 8, 4, stride=4, bias=False), nn.ReLU(), nn.Conv2d(8, 11, 1, bias=False))
    net[0].weight.data, net[2].weight.data = torch.from_numpy(weights["body"]), torch.from_numpy(weights["head"])
    source = image(41, 50)
    for modes in ({"pad": Pad(32)}, {"tta": Augmented(flip=True, scales=(0.5, 1.0))}, {"resize": FitWithin(40, 40)}):
        there = PythonModel.of(net, options(tmp_path, kind="python", **modes)).predict([source])[0]
        here = load(tmp_path, **modes).predict([source])[0]
        assert here.size == there.size
        np.testing.assert_allclose(np.asarray(here.logits), np.asarray(there.logits), atol=1e-4)


def test_what_a_graph_cannot_do_is_refused(tmp_path: Path):
    write_graph(tmp_path / "net.onnx")
    with pytest.raises(ModelError, match="mc_dropout needs layers of dropout, and it has none; leave it out"):
        load(tmp_path, mc_dropout=4)
    write_graph(tmp_path / "net.onnx", kind="uint8")
    with pytest.raises(ModelError, match="takes uint8 images, and pad adds zeros to normalised ones; leave it out"):
        load(tmp_path, pad=Pad(32))
