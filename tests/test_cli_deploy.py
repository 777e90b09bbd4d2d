"""The words of `reliseg predict` and `reliseg export`; tests/deploy carries them out."""

import pytest

from reliseg.cli_deploy import predict


def test_help_lists_what_can_be_written(command):
    code, out, _ = command("predict", "--help")
    assert code == 0
    for word in ("--images", "--calibration", "--write", "--device", "probabilities"):
        assert word in out
    assert predict.__doc__ in " ".join(out.split())


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (("predict",), "missing argument 'RUN'"),
        (("predict", "run"), "missing option '--images'"),
        (("predict", "run", "--images", "a.png"), "missing option '--out'"),
    ],
)
def test_words_that_lack_are_named(words, problem, command):
    code, _, err = command(*words)
    assert code == 2
    assert problem in err


def test_a_place_without_images_is_said_before_a_network_is_loaded(command, tmp_path):
    code, _, err = command("predict", tmp_path, "--images", tmp_path / "nothing", "--out", tmp_path / "out")
    assert code == 2
    assert "nothing: no such folder, list or image" in err


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (["--out", "a.onnx", "--size", "4"], "write the height and the width in pixels"),
        (["--out", "a.onnx", "--size", "4,5", "--dynamic"], "--size says one size of images, and --dynamic any"),
        (["--out", "a.tflite"], "no file is of format 'tflite'; write onnx or pt2"),
        (["--out", "a.onnx", "--format", "pt2"], "a file of format pt2 ends in .pt2"),
        (["--out", "here.onnx"], "here.onnx exists; remove it, or give another --out"),
        (["--out", "a.onnx"], "no run is stored here; give the --out of reliseg run"),
    ],
)
def test_what_cannot_be_exported_is_said_before_a_network_is_loaded(words, problem, command, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "here.onnx").touch()
    (tmp_path / "run").mkdir()
    code, _, err = command("export", "run", *words)
    assert code == 2
    assert problem in err
