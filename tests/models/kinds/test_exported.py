"""Models saved as programs of torch: they compute what the network does, and say which sizes they take."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from helpers.programs import Net, any_size, export, write_program, write_script
from torch import nn

from reliseg.errors import ModelError, SampleError
from reliseg.labels import label_space
from reliseg.models import Input, ModelOptions
from reliseg.models.inference.normalisation import PixelScale
from reliseg.models.kinds.exported import ExportedModel
from reliseg.models.kinds.python import PythonModel
from reliseg.testing.model import check_model


def options(path: Path, **changes: Any) -> ModelOptions:
    given = {"name": "net", "kind": "exported", "where": path.name, "labels": label_space("camvid"), "threads": 1}
    return ModelOptions(**(given | {"folder": path.parent} | changes))


def load(path: Path, **changes: Any) -> ExportedModel:
    return ExportedModel.load(options(path, **changes))


def image(height: int = 24, width: int = 32) -> Input:
    pixels = np.random.default_rng(1).integers(0, 256, (height, width, 3), np.uint8)
    return Input("a/1", (height, width), pixels)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("programs")
    write_program(folder / "fixed.pt2")
    write_program(folder / "any.pt2", shapes=any_size())
    write_script(folder / "net.pt")
    return folder


@pytest.mark.parametrize("name", ["fixed.pt2", "any.pt2", "net.pt"])
def test_it_obeys_the_laws_of_models(folder: Path, name: str):
    check_model(load(folder / name))


@pytest.mark.parametrize("name", ["any.pt2", "net.pt"])
def test_logits_are_those_of_the_network_to_the_bit(folder: Path, name: str):
    source = image()
    eager = PythonModel.of(Net().eval(), options(folder / name, kind="python"))
    expected = eager.predict([source])[0]
    [prediction] = load(folder / name).predict([source])
    np.testing.assert_array_equal(np.asarray(prediction.logits), np.asarray(expected.logits))
    assert prediction.size == (24, 32)
    assert prediction.feature is None


def test_mean_and_deviation_of_the_options_are_used(folder: Path):
    source, scale = image(), PixelScale((0.1, 0.2, 0.3), (0.4, 0.5, 0.6))
    [prediction] = load(folder / "any.pt2", mean=scale.mean, std=scale.std).predict([source])
    with torch.inference_mode():
        expected = Net().eval()(torch.from_numpy(scale.in_numpy([source.image])))[0]
    np.testing.assert_allclose(np.asarray(prediction.logits), expected, atol=1e-5)


def test_a_program_of_one_size_gets_images_of_that_size_and_says_so(folder: Path):
    model = load(folder / "fixed.pt2")
    [prediction] = model.predict([image(48, 96)])
    assert prediction.logits.shape == (11, 8, 16)
    assert model.provenance()["resize"] == (32, 64)
    with pytest.raises(
        ModelError, match=r"takes images of height 32, width 64 alone; set resize: \[32, 64\], or slide"
    ):
        load(folder / "fixed.pt2", resize=(64, 64))


def test_an_image_beyond_the_limits_of_a_program_is_told_them(folder: Path):
    with pytest.raises(
        SampleError, match=r"^a/1: model net takes images of height 5 or more and width 5 or more; set res"
    ):
        load(folder / "any.pt2").predict([image(4, 32)])


def test_results_say_what_was_run_and_how(folder: Path):
    for name, form in (("any.pt2", "torch.export"), ("net.pt", "TorchScript")):
        facts = load(folder / name).provenance()
        assert [Path(file).name for file in facts["files"]] == [name]
        assert (facts["program"], facts["threads"], facts["precision"]) == (form, 1, "float32")
        assert facts["flush_denormal"]


def test_precision_changes_what_heavy_layers_compute_with(folder: Path):
    source = image()
    [full] = load(folder / "any.pt2").predict([source])
    [short] = load(folder / "any.pt2", precision="bfloat16").predict([source])
    difference = abs(np.asarray(full.logits) - np.asarray(short.logits)).max()
    assert 0 < difference < 0.1


def test_a_program_with_several_outputs_says_which_holds_the_logits(tmp_path: Path):
    class Two(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.net = Net()

        def forward(self, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
            logits = self.net(images)
            return logits, logits * 2

    torch.export.save(export(Two()), tmp_path / "two.pt2")
    with pytest.raises(ModelError, match=r"gives 2 arrays of 11 channels.*for example output: 0"):
        load(tmp_path / "two.pt2")
    assert load(tmp_path / "two.pt2", output="1").provenance()["output"] == "1"


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"weights": Path("net.pth")}, "weights applies to networks in Python code; a program has its own weights"),
        ({"key": "ema"}, "key applies to networks in Python code"),
        ({"feature": "body"}, "feature names a layer, and a program's cannot be looked into; leave it out"),
        ({"args": {"classes": 3}}, "unknown argument 'classes'; a program takes none"),
        ({"labels": None}, "give labels, the classes it predicts"),
    ],
)
def test_options_that_do_not_apply_are_refused(folder: Path, changes, problem):
    with pytest.raises(ModelError, match=f"^model net: {problem}"):
        load(folder / "any.pt2", **changes)


def test_another_number_of_classes_and_a_softmax_at_the_end_are_refused(tmp_path: Path):
    with pytest.raises(ModelError, match="gives 7 classes, label space camvid has 11"):
        load(write_script(tmp_path / "net.pt", Net(7)))
    with pytest.raises(ModelError, match=r"gives probabilities, not logits .*values: probabilities"):
        load(write_script(tmp_path / "net.pt", nn.Sequential(Net(), nn.Softmax(1))))
