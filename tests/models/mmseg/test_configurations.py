"""Configurations of mmsegmentation: where they are found, and what running one gives."""

import gc
from pathlib import Path

import pytest

from reliseg.errors import ModelError
from reliseg.models.mmseg import configurations
from reliseg.models.mmseg.configurations import Configuration, find_configuration, read_configuration
from reliseg.models.mmseg.library import import_library

B0 = "segformer_mit-b0_8xb1-160k_cityscapes-1024x1024"
SHIPPED = {name: Path(f"/mmseg/{name}.py") for name in (B0, B0.replace("b0", "b1"), "pidnet-s_2xb6-120k_cityscapes")}

pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
"""mmengine leaves a file open where a configuration fails."""


@pytest.fixture(scope="module", autouse=True)
def _close_files():
    yield
    gc.collect()


@pytest.fixture
def library():
    import_library()


@pytest.fixture
def shipped(monkeypatch):
    monkeypatch.setattr(configurations, "shipped_configurations", lambda: SHIPPED)


def test_a_shipped_configuration_is_found_by_its_name_with_and_without_its_ending(shipped, tmp_path):
    assert find_configuration("net", B0, tmp_path) == (SHIPPED[B0], True)
    assert find_configuration("net", f"{B0}.py", tmp_path) == (SHIPPED[B0], True)


def test_a_file_of_the_user_comes_before_a_shipped_one(shipped, tmp_path):
    (tmp_path / f"{B0}.py").touch()
    assert find_configuration("net", f"{B0}.py", tmp_path) == (tmp_path / f"{B0}.py", False)


@pytest.mark.parametrize(
    "name", ["segformer_mit-b1_cityscapes", "segformer_mit-b1_8x1_1024x1024_160k_cityscapes", "segformer_mit_b1.py"]
)
def test_of_an_unknown_name_the_nearest_are_suggested_those_of_0_x_too(shipped, tmp_path, name):
    with pytest.raises(ModelError) as error:
        find_configuration("net", name, tmp_path)
    assert str(error.value) == (
        f"model net: {name!r} is neither a file nor a configuration of mmsegmentation; "
        f"the nearest are {B0.replace('b0', 'b1')}, {B0}"
    )


def test_a_name_that_is_like_none_is_told_what_is_wanted(shipped, tmp_path):
    with pytest.raises(ModelError, match=r"; give a file, CONFIG\.py, or such a name$"):
        find_configuration("net", "x", tmp_path)


def test_the_hash_is_that_of_the_content_and_not_of_its_place():
    one = Configuration(Path("/a/x.py"), False, {"model": {"type": "EncoderDecoder", "depth": 18}})
    other = Configuration(Path("/b/y.py"), False, {"model": {"depth": 18, "type": "EncoderDecoder"}})
    assert one.sha256() == other.sha256()
    assert one.sha256() != Configuration(one.file, False, {"model": {"type": "EncoderDecoder", "depth": 50}}).sha256()


@pytest.mark.zoo
def test_all_of_the_package_are_known_by_name_and_their_bases_are_not():
    known = configurations.shipped_configurations()
    assert len(known) > 600
    assert known[B0].is_file()
    assert "segformer_mit-b0" not in known  # of _base_/models


@pytest.mark.zoo
def test_a_configuration_brings_what_its_bases_say_and_args_change_it(tmp_path):
    (tmp_path / "base.py").write_text(
        "model = dict(type='EncoderDecoder', head=dict(channels=8), steps=[1, dict(a=2)])"
    )
    (tmp_path / "mine.py").write_text("_base_ = 'base.py'\nmodel = dict(head=dict(classes=3))")
    changes = {"model.head.channels": 4, "model.steps.1.a": 5, "test_cfg.mode": "whole"}
    found = read_configuration("net", "mine.py", tmp_path, changes)
    assert (found.file, found.shipped) == (tmp_path / "mine.py", False)
    model = {"type": "EncoderDecoder", "head": {"channels": 4, "classes": 3}, "steps": [1, {"a": 5}]}
    assert found.content == {"model": model, "test_cfg": {"mode": "whole"}}
    before = found.sha256()
    (tmp_path / "base.py").write_text(
        "model = dict(type='EncoderDecoder', head=dict(channels=9), steps=[1, dict(a=3)])"
    )
    assert read_configuration("net", "mine.py", tmp_path, changes).sha256() == before
    assert read_configuration("net", "mine.py", tmp_path, {}).sha256() != before


@pytest.mark.zoo
def test_a_shipped_configuration_can_be_a_base_by_its_package(library, tmp_path):
    (tmp_path / "mine.py").write_text(f"_base_ = 'mmseg::segformer/{B0}.py'\nmodel = dict(test_cfg=dict(mode='whole'))")
    found = read_configuration("net", "mine.py", tmp_path, {})
    assert found.content["model"]["backbone"]["type"] == "MixVisionTransformer"
    assert found.content["model"]["test_cfg"]["mode"] == "whole"


@pytest.mark.zoo
@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("model = dict(", "SyntaxError: "),
        ("import sys\nsys.exit(3)", "SystemExit: 3"),
        ("raise ValueError('no\\nway')", "ValueError: no way"),
        ("_base_ = 'gone.py'", "FileNotFoundError: "),
        ("lr = 1", r"has no model = dict\(\.\.\); give the configuration of a network"),
    ],
)
def test_a_configuration_that_fails_is_one_line(tmp_path, text, problem):
    (tmp_path / "mine.py").write_text(text)
    with pytest.raises(ModelError, match=rf"^model net: mine\.py:? {problem}") as error:
        read_configuration("net", "mine.py", tmp_path, {})
    assert "\n" not in str(error.value)


@pytest.mark.zoo
def test_changes_that_fit_nothing_are_one_line(tmp_path):
    (tmp_path / "mine.py").write_text("model = dict(steps=[1])")
    with pytest.raises(ModelError, match=r"^model net: mine\.py: KeyError: "):
        read_configuration("net", "mine.py", tmp_path, {"model.steps.7": 1})


@pytest.mark.zoo
def test_what_a_configuration_prints_goes_to_the_error_stream(tmp_path, capsys):
    (tmp_path / "mine.py").write_text("print('hello')\nmodel = dict()")
    read_configuration("net", "mine.py", tmp_path, {})
    assert capsys.readouterr() == ("", "hello\n")


@pytest.mark.zoo
def test_layers_that_mmcls_had_are_those_of_mmpretrain(library, tmp_path):
    text = "custom_imports = dict(imports='mmcls.models', allow_failed_imports=False)\n"
    (tmp_path / "old.py").write_text(text + "model = dict(backbone=dict(type='mmcls.ConvNeXt'))")
    found = read_configuration("net", "old.py", tmp_path, {})
    assert found.content["model"]["backbone"]["type"] == "mmpretrain.ConvNeXt"
