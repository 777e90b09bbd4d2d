"""What may be asked of an exported file, and what is refused before any network is loaded."""

import pytest

from reliseg.deploy.export import wishes
from reliseg.deploy.export.wishes import Wishes, check_place, not_whole, parse_size
from reliseg.errors import ConfigError, MissingExtraError


def test_a_size_is_height_and_width():
    assert parse_size("512, 1024") == (512, 1024)
    assert parse_size(None) is None


@pytest.mark.parametrize("text", ["512", "512x1024", "0,4", "-3,4", "1.5,2", "1,2,3", "", "a,b", "²,3", "70000,4"])
def test_what_is_no_size_is_refused_with_an_example(text):
    with pytest.raises(ConfigError, match="write the height and the width in pixels, for example 512,1024"):
        parse_size(text)


def test_one_size_and_any_size_exclude_each_other():
    with pytest.raises(ConfigError, match="--size says one size of images, and --dynamic any; give one of them"):
        Wishes(size=(2, 3), dynamic=True)


def test_another_format_is_refused():
    with pytest.raises(ConfigError, match="no file is of format 'tflite'; write onnx or pt2"):
        Wishes("tflite")


def test_nothing_is_written_over(tmp_path):
    (tmp_path / "a.onnx").write_text("mine")
    with pytest.raises(ConfigError, match=r"a.onnx exists; remove it, or give another --out"):
        check_place(tmp_path / "a.onnx", "onnx")
    check_place(tmp_path / "new" / "b.onnx", "onnx")


def test_a_file_is_named_as_its_format_says(tmp_path):
    with pytest.raises(ConfigError, match=r"a file of format pt2 ends in .pt2; name it so, or say --format"):
        check_place(tmp_path / "a.onnx", "pt2")


def test_a_file_is_no_folder(tmp_path):
    (tmp_path / "a").write_text("")
    with pytest.raises(ConfigError, match=r"a is a file; give another place"):
        check_place(tmp_path / "a" / "b.onnx", "onnx")


def test_a_folder_that_may_not_be_written_is_said_before_anything_is_loaded(tmp_path, monkeypatch):
    monkeypatch.setattr(wishes.os, "access", lambda path, mode: False)
    with pytest.raises(ConfigError, match=r"--out .*a.onnx: nothing may be written in .*; give another place"):
        check_place(tmp_path / "a.onnx", "onnx")


def test_a_package_that_lacks_is_named_with_the_command_that_brings_it(monkeypatch):
    monkeypatch.setattr(wishes, "find_spec", lambda name: None if name == "onnxscript" else name)
    with pytest.raises(
        MissingExtraError, match=r"a file of format onnx needs onnxscript: pip install 'reliseg\[export\]'"
    ):
        Wishes("onnx").check_packages()
    Wishes("pt2").check_packages()


def test_the_way_out_is_named():
    text = "model net is an ONNX graph, which cannot be exported; export what follows its logits, with --head-only"
    assert str(not_whole("net", "is an ONNX graph")) == text
