"""Who made a piece is said in words, none of which is part of its identity."""

import os
from importlib.metadata import version

import pytest

from reliseg.run.store import made as module
from reliseg.run.store.made import kernels_of, made_by, state_of_code
from reliseg.runtime.processor import processor_type


def test_processor_version_and_kernels_of_devices_are_said() -> None:
    made = made_by({"cuda": "triton", "a": "b"})
    assert made["processor"] == processor_type()
    assert made["reliseg"] == version("reliseg")
    assert kernels_of([made, made_by({})]) == {"a": "b", "cuda": "triton"}


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A package whose module is asked."""
    folder = tmp_path / "reliseg" / "run" / "store"
    folder.mkdir(parents=True)
    (folder / "made.py").write_text("1")
    monkeypatch.setattr(module, "__file__", str(folder / "made.py"))
    state_of_code.cache_clear()
    yield folder
    state_of_code.cache_clear()


def state():
    state_of_code.cache_clear()
    return state_of_code()


def test_the_same_files_are_the_same_code(package):
    assert state() == state()


def test_a_file_that_was_written_again_or_is_new_is_other_code(package):
    before = state()
    os.utime(package / "made.py", (0, 0))
    touched = state()
    (package / "more.py").write_text("")

    assert len({before, touched, state()}) == 3


def test_a_process_asks_once(package):
    before = state()
    (package / "more.py").write_text("")

    assert state_of_code() == before
