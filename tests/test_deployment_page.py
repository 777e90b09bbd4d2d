"""The page on deployment: its scripts run, in the order in which they stand there."""

import re
import runpy
import sys
import warnings
from dataclasses import replace
from pathlib import Path
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image
from test_docs import fences

import reliseg

PAGE = "deployment.md"


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a user who did what the page says, up to the first run."""
    folder = tmp_path_factory.mktemp("rows")
    for fence in fences("python", "toml", "yaml"):
        if fence.title and fence.page in (PAGE, "getting-started.md"):
            (folder / fence.title).write_text(fence.text)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        runpy.run_path("make_rows.py")
        reliseg.run_config("rows.yaml", "runs/rows")
    return folder


@pytest.fixture
def here(rows: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(rows)
    monkeypatch.syspath_prepend(rows)
    monkeypatch.delitem(sys.modules, "rows_network", raising=False)
    return rows


@pytest.fixture
def result(here: Path):
    return reliseg.load_predictor("runs/rows", "colors", "ts@rows/monday")("rows/images/tuesday/000.png")


def test_the_predictor_of_the_page_gives_what_it_says(here, result):
    names = runpy.run_path("use_predictor.py")
    assert len(names["share"]) == 4
    assert 0.2 < np.mean(list(names["share"].values())) < 1
    np.testing.assert_array_equal(names["probabilities"].argmax(axis=0), result.classes[names["rows"]])


def test_the_command_of_the_page_writes_what_it_says(here, command, result):
    (words,) = (f.text for f in fences("console") if f.page == PAGE and "reliseg predict" in f.text)
    _, _, *words = words.replace("\\\n", "").split()
    assert command("predict", *words[1:])[0] == 0
    assert len(list(Path("predicted").glob("*_overlay.png"))) == 4
    codes = np.asarray(Image.open("predicted/000_conf.png"))
    np.testing.assert_allclose(codes / 65535, result.confidence, atol=0.51 / 65535)


def test_a_record_without_its_run_gives_the_same(here, result):
    names: dict = {}
    (script,) = (f.text for f in fences("python") if f.page == PAGE and "open_model" in f.text)
    exec(script, names)
    again = names["predictor"]("rows/images/tuesday/000.png")
    np.testing.assert_array_equal(again.confidence, result.confidence)


def test_a_plain_loop_of_pytorch_gives_what_the_predictor_gives(here, capsys):
    output = runpy.run_path("own_loop.py")["output"]
    last = reliseg.load_predictor("runs/rows", "colors", "ts@rows/monday")("rows/images/tuesday/003.png")
    np.testing.assert_allclose(output.confidence[0].cpu(), last.confidence, atol=1e-4)
    assert len(capsys.readouterr().out.splitlines()) == 4


@pytest.mark.slow
def test_a_pipeline_of_transformers_gives_what_the_predictor_gives(here):
    runpy.run_path("save_rows_segformer.py")
    reliseg.run_config("rows_segformer.yaml", "runs/rows-segformer")
    names = runpy.run_path("own_pipeline.py")
    result = reliseg.load_predictor("runs/rows-segformer")("rows/images/tuesday/000.png")
    np.testing.assert_allclose(names["confidence"], result.confidence, atol=1e-4)
    assert (names["output"].classes[0].numpy() != result.classes).mean() < 0.01


def test_a_script_of_mmsegmentation_gives_what_the_predictor_gives(here, result, monkeypatch):
    """With calls of the same form: logits at the size of the image, in the `data` of the result's `seg_logits`."""

    def init_model(config, checkpoint, device):
        from rows_network import build

        return build().to(device)

    def inference_model(network, image):
        pixels = torch.tensor(np.asarray(Image.open(image))).movedim(2, 0)[None] / 255
        mean, std = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
        logits = network((pixels - mean.view(3, 1, 1)) / std.view(3, 1, 1))
        whole = torch.nn.functional.interpolate(logits, pixels.shape[2:], mode="bilinear")
        return SimpleNamespace(seg_logits=SimpleNamespace(data=whole[0]))

    apis = ModuleType("mmseg.apis")
    apis.init_model, apis.inference_model = init_model, inference_model
    monkeypatch.setitem(sys.modules, "mmseg", ModuleType("mmseg"))
    monkeypatch.setitem(sys.modules, "mmseg.apis", apis)
    names = runpy.run_path("own_mmseg.py")
    np.testing.assert_allclose(names["confidence"], result.confidence, atol=1e-4)
    assert (names["accepted"].numpy() != result.accepted).mean() < 0.01


@pytest.mark.zoo
def test_the_script_of_mmsegmentation_runs_with_the_library_itself(tmp_path, monkeypatch):
    from helpers.mmseg_networks import FAMILIES, quiet_import, random_network, save_new, write_configuration

    for fence in fences("python", "toml", "yaml"):
        if fence.title and fence.page in (PAGE, "getting-started.md"):
            (tmp_path / fence.title).write_text(fence.text)
    family = FAMILIES["segformer"]
    head = family.model["decode_head"] | {"num_classes": 3}
    config = write_configuration(tmp_path, replace(family, model=family.model | {"decode_head": head}), scale=None)
    save_new(tmp_path / "iter_160000.pth", random_network(config), ("soil", "crop", "weed"))
    config.rename(tmp_path / "my_config.py")
    text = (tmp_path / "rows.yaml").read_text()
    own = "kind: mmseg, where: my_config.py, weights: iter_160000.pth, labels: field.toml}"
    accepting = "accept: {risk: 0.9}  # a network of random weights is never right in 95 %\n"
    (tmp_path / "rows.yaml").write_text(re.sub(r"kind: python, .*}", own, text) + accepting)
    monkeypatch.chdir(tmp_path)
    runpy.run_path("make_rows.py")
    reliseg.run_config("rows.yaml", "runs/rows")
    result = reliseg.load_predictor("runs/rows", "colors", "ts@rows/monday")("rows/images/tuesday/000.png")
    quiet_import()
    with warnings.catch_warnings(action="ignore"):
        names = runpy.run_path("own_mmseg.py")
    np.testing.assert_allclose(names["confidence"], result.confidence, atol=1e-4)
    assert np.ptp(result.confidence) > 0.01
    assert (names["output"].classes[0].numpy() != result.classes).mean() < 0.01
    assert (names["accepted"].numpy() != result.accepted).mean() < 0.01


def test_logits_in_numpy_become_probabilities(here):
    probabilities = runpy.run_path("own_logits.py")["probabilities"]
    assert probabilities.shape == (3, 48, 64)
    np.testing.assert_allclose(probabilities.sum(axis=0), 1, atol=1e-6)
