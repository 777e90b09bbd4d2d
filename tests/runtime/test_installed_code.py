"""Another installation is told by its files."""

import os

import pytest

from reliseg.runtime import installed_code
from reliseg.runtime.installed_code import state_of_code


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A package whose module is asked."""
    folder = tmp_path / "reliseg" / "runtime"
    folder.mkdir(parents=True)
    (folder / "installed_code.py").write_text("1")
    monkeypatch.setattr(installed_code, "__file__", str(folder / "installed_code.py"))
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
    os.utime(package / "installed_code.py", (0, 0))
    touched = state()
    (package / "more.py").write_text("")

    assert len({before, touched, state()}) == 3


def test_a_process_asks_once(package):
    before = state()
    (package / "more.py").write_text("")

    assert state_of_code() == before
