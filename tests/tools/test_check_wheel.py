"""The check of a wheel: what it lacks is named, data files too."""

import zipfile

import check_wheel
import pytest


@pytest.fixture
def source(tmp_path):
    folder = tmp_path / "src" / "reliseg"
    for name in ("__init__.py", "data/specs/camvid.toml", "demo/weights.safetensors", "__pycache__/a.pyc"):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return folder


def wheel_of(folder, *names):
    with zipfile.ZipFile(folder / "reliseg-1.0-py3-none-any.whl", "w") as archive:
        for name in names:
            archive.writestr(name, "")
    return folder / "reliseg-1.0-py3-none-any.whl"


def test_a_complete_wheel_lacks_nothing(source, tmp_path):
    names = ("reliseg/__init__.py", "reliseg/data/specs/camvid.toml", "reliseg/demo/weights.safetensors")
    assert check_wheel.missing_files(wheel_of(tmp_path, *names, "reliseg-1.0.dist-info/METADATA"), source) == []


def test_missing_data_is_named(source, tmp_path):
    wheel = wheel_of(tmp_path, "reliseg/__init__.py")
    missing = ["reliseg/data/specs/camvid.toml", "reliseg/demo/weights.safetensors"]
    assert check_wheel.missing_files(wheel, source) == missing


def test_a_command_of_another_version_is_refused(tmp_path):
    (tmp_path / "reliseg").write_text("#!/bin/sh\necho reliseg 1.0\n")
    (tmp_path / "reliseg").chmod(0o755)
    check_wheel.run_commands(tmp_path, tmp_path, version="1.0")
    with pytest.raises(SystemExit, match=r"--version printed 'reliseg 1.0"):
        check_wheel.run_commands(tmp_path, tmp_path, version="1.1")
