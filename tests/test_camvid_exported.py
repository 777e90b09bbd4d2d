"""A real network in each form of an exported graph gives the numbers that were computed apart from this project."""

import logging
import runpy
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from helpers.reference import count_met, reference_numbers
from PIL import Image
from torch import nn

import reliseg
from reliseg.labels import label_space
from reliseg.models import Input, Model, ModelOptions
from reliseg.models.calling import load_model
from reliseg.models.kinds.python import PythonModel
from reliseg.results import Results

ROOT = Path(__file__).parents[1]
SIZE = (360, 480)
FORMS = {
    "onnx-fixed": "fixed.onnx",
    "onnx-any": "any.onnx",
    "export-fixed": "fixed.pt2",
    "export-any": "any.pt2",
    "torchscript": "net.pt",
}

pytestmark = pytest.mark.slow


def options(data: Path) -> ModelOptions:
    return ModelOptions(
        name="eager",
        kind="python",
        where="own_model/dabnet.py:build",
        labels=label_space("cityscapes"),
        weights=data / "weights" / "dabnet_cityscapes.pth",
        align_corners=True,
        folder=ROOT / "examples",
        threads=1,
    )


@pytest.fixture(scope="module")
def network(real_data: Path) -> nn.Module:
    net = runpy.run_path(str(ROOT / "examples" / "own_model" / "dabnet.py"), run_name="dabnet")["build"]().eval()
    weights = torch.load(real_data / "weights" / "dabnet_cityscapes.pth", weights_only=True, map_location="cpu")
    net.load_state_dict(weights["state_dict"])
    return net


@contextmanager
def quiet_exporter() -> Iterator[None]:
    """The exporters warn of their own code, and of a torchvision that is not there."""
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    with warnings.catch_warnings(action="ignore"):
        yield


@pytest.fixture(scope="module")
def folder(network: nn.Module, operators_once: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The network in each form: for one size, and for any number of images of any size of at least 33 pixels."""
    folder = tmp_path_factory.mktemp("exported")
    least = partial(torch.export.Dim, min=33)
    any_size = {"image": {0: torch.export.Dim("n", min=1), 2: least("h"), 3: least("w")}}
    to_onnx = partial(torch.onnx.export, dynamo=True, opset_version=20, verbose=False)
    one, two = torch.zeros(1, 3, *SIZE), torch.zeros(2, 3, *SIZE)
    with quiet_exporter():
        fixed = torch.export.export(network, (one,))
        free = torch.export.export(network, (two,), dynamic_shapes=any_size)
        to_onnx(fixed, f=folder / "fixed.onnx", external_data=False)
        to_onnx(free, f=folder / "any.onnx")
        torch.export.save(fixed, folder / "fixed.pt2")
        torch.export.save(free, folder / "any.pt2")
        torch.jit.save(torch.jit.trace(network, one, check_trace=False), folder / "net.pt")
    return folder


def section(form: str, **more: Any) -> dict[str, Any]:
    kind = "onnx" if form.startswith("onnx") else "exported"
    return {"name": form, "kind": kind, "where": FORMS[form], "labels": "cityscapes", **more}


@pytest.fixture(scope="module")
def results(folder: Path, real_data: Path) -> Results:
    content = {
        "models": [section(form, upsampling={"align_corners": True}) for form in FORMS],
        "datasets": [
            {
                "name": "camvid",
                "spec": "camvid",
                "root": str(real_data / "camvid"),
                "domains": {"day": {"split": "test", "scenes": ["Seq05VD"]}},
            }
        ],
    }
    (folder / "forms.yaml").write_text(yaml.safe_dump(content))
    return reliseg.run_config(folder / "forms.yaml", folder / "run")


@pytest.mark.parametrize("form", FORMS)
def test_every_reference_number_is_met(results: Results, real_data: Path, form: str) -> None:
    rows = results.where(model=form, domain="day", calibration="identity")
    assert count_met(rows, reference_numbers(real_data, "dabnet/day")) == 47


def frames(data: Path) -> list[Input]:
    paths = sorted((data / "camvid" / "test").glob("*.png"))[::24]
    return [Input(path.stem, SIZE, np.array(Image.open(path).convert("RGB"))) for path in paths]


def load(folder: Path, form: str) -> Model:
    given = section(form) | {"labels": label_space("cityscapes"), "folder": folder, "threads": 1}
    return load_model(given["kind"], ModelOptions(**given))


@pytest.mark.parametrize("form", FORMS)
def test_logits_are_those_of_the_eager_network_and_classes_too_but_at_ties(
    folder: Path, real_data: Path, form: str
) -> None:
    eager, exported = PythonModel.load(options(real_data)), load(folder, form)
    for source in frames(real_data):
        expected, found = (np.asarray(m.predict([source])[0].logits) for m in (eager, exported))
        largest = abs(expected).max()
        assert abs(found - expected).max() <= 1e-4 * max(1, largest)
        first, second = np.sort(expected, axis=0)[-2:][::-1]
        clear = first - second > 2e-4 * max(1, largest)
        assert clear.mean() > 0.99
        np.testing.assert_array_equal(found.argmax(0)[clear], expected.argmax(0)[clear])


@pytest.mark.parametrize("form", ["onnx-any", "export-any", "torchscript"])
def test_a_graph_of_any_size_takes_other_sizes_and_several_images(folder: Path, real_data: Path, form: str) -> None:
    eager, exported = PythonModel.load(options(real_data)), load(folder, form)
    parts = [Input(i.id, (200, 333), np.ascontiguousarray(i.image[:200, :333])) for i in frames(real_data)[:2]]
    for expected, found in zip(eager.predict(parts), exported.predict(parts), strict=True):
        assert found.logits.shape == (19, 25, 42)
        scale = max(1.0, float(abs(np.asarray(expected.logits)).max()))
        np.testing.assert_allclose(np.asarray(found.logits), np.asarray(expected.logits), atol=1e-4 * scale)
