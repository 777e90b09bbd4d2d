"""The package: its public names come when they are asked for."""

import subprocess
import sys
import tomllib
from importlib.metadata import version
from pathlib import Path

import pytest

import reliseg


def test_the_version_is_that_of_the_installed_package():
    assert reliseg.__version__ == version("reliseg")


def test_the_version_is_stated_once():
    root = Path(__file__).parents[1]
    stated = tomllib.loads((root / "pyproject.toml").read_text())["project"]["version"]
    assert f"\nversion: {stated}\n" in (root / "CITATION.cff").read_text()


def test_importing_the_package_does_not_look_for_its_version():
    code = "import sys, reliseg; print('importlib.metadata' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout.strip() == b"False"


@pytest.mark.parametrize("name", reliseg.__all__)
def test_public_names_are_imported_and_listed(name):
    assert getattr(reliseg, name).__name__ == name
    assert name in dir(reliseg)


def test_an_unknown_name_is_no_attribute():
    with pytest.raises(AttributeError, match="module 'reliseg' has no attribute 'evaluated'"):
        _ = reliseg.evaluated
