"""The page on exported files: its command, its scripts, and the example."""

import runpy
import shutil
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image
from test_deployment_page import rows  # noqa: F401  # a fixture: the run of the other page
from test_docs import ROOT, fences

import reliseg

PAGE = "export.md"


@pytest.fixture
def here(rows, tmp_path, monkeypatch):  # noqa: F811
    for name in ("rows", "rows_network.py", "runs", "field.toml"):
        (tmp_path / name).symlink_to(rows / name)
    for fence in fences("python"):
        if fence.page == PAGE and fence.title:
            (tmp_path / fence.title).write_text(fence.text)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run_script(name: str) -> SimpleNamespace:
    return SimpleNamespace(**runpy.run_path(name))


@pytest.mark.slow
def test_the_command_of_the_page_writes_what_its_scripts_and_the_example_read(here, command, monkeypatch, capsys):
    for out in ("colors.onnx", "colors.pt2"):
        code, said, _ = command("export", "runs/rows", "--calibration", "ts@rows/monday", "--out", out)
        assert code == 0
        assert f"{out}: in 12288 pixels of 4 images confidence differs from the predictor's by at most" in said
    result = reliseg.load_predictor("runs/rows", "colors", "ts@rows/monday")("rows/images/tuesday/000.png")
    own = run_script("use_onnx.py")
    np.testing.assert_array_equal(own.maps["classes"][0], result.classes)
    np.testing.assert_allclose(own.maps["confidence"][0], result.confidence, atol=1e-4)
    assert set(own.names) <= {"soil", "crop", "weed"}
    assert own.accepted.mean() == pytest.approx(result.accepted.mean(), abs=0.01)
    program = run_script("use_pt2.py")
    assert program.classes.shape == program.accepted.shape == (1, 48, 64)
    assert program.facts["model"] == own.facts["model"]
    shutil.copy(ROOT / "examples" / "grey_out.py", here)
    monkeypatch.setattr(sys, "argv", ["grey_out.py", "colors.onnx", "rows/images/tuesday/000.png", "--out", "greyed"])
    runpy.run_path("grey_out.py", run_name="__main__")
    assert f"{result.accepted.mean():.0%} accepted" in capsys.readouterr().out
    greyed = np.asarray(Image.open(Path("greyed", "000.png"))).astype(int)
    assert (np.ptp(greyed, axis=2)[~own.accepted] == 0).all()


@pytest.mark.slow
def test_the_example_refuses_a_file_that_accepts_nothing(here, command, monkeypatch):
    command("export", "runs/rows", "--calibration", "identity", "--out", "plain.onnx", "--head-only")
    monkeypatch.setattr(sys, "argv", ["grey_out.py", "plain.onnx", "a.png"])
    with pytest.raises(SystemExit, match="gives no accepted pixels of images"):
        runpy.run_path(str(ROOT / "examples" / "grey_out.py"), run_name="__main__")
