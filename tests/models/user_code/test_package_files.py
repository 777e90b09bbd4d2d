"""Which files of a package a model is made of: the same whoever imported what before."""

import sys
from pathlib import Path

import pytest

from reliseg.models.user_code.package_files import package_files

FILES = {
    "__init__.py": "",
    "net.py": "import os, numpy\nfrom . import layers\nfrom .heads.simple import Head\n",
    "layers.py": "def f():\n    from pack_of_files import deep\n    import pack_of_files.late as late\n",
    "deep.py": "from .heads import *\n",
    "late.py": "",
    "other.py": "",
    "heads/__init__.py": "",
    "heads/simple.py": "from ..util import thing\n",
    "heads/other.py": "",
    "util.py": "import pack_of_files_no_more\n",
    "notes.txt": "",
}


def package(folder: Path, monkeypatch: pytest.MonkeyPatch, **changed: str) -> None:
    for name, text in (FILES | {"deep.py": ""} | {f"{name}.py": text for name, text in changed.items()}).items():
        path = folder / "pack_of_files" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    monkeypatch.syspath_prepend(str(folder))


def names(folder: Path, module: str) -> set[str]:
    return {path.relative_to((folder / "pack_of_files").resolve()).as_posix() for path in package_files(module)}


def test_a_module_and_what_it_imports_of_its_package_wherever_in_it(tmp_path, monkeypatch):
    package(tmp_path, monkeypatch)
    found = names(tmp_path, "pack_of_files.net")
    of_heads = {"heads/__init__.py", "heads/simple.py", "util.py"}
    assert found == {"__init__.py", "net.py", "layers.py", "deep.py", "late.py", *of_heads}
    assert names(tmp_path, "pack_of_files.heads.simple") == {"__init__.py", *of_heads}
    assert names(tmp_path, "pack_of_files.other") == {"__init__.py", "other.py"}
    assert not {name for name in sys.modules if name.startswith("pack_of_files.")}


@pytest.mark.parametrize(
    "text",
    [
        "import importlib\n",
        "def f(name):\n    from importlib import import_module\n",
        "def f(name):\n    return __import__(name)\n",
        "import pkgutil as p\n",
        "from pack_of_files.heads import *\n",
    ],
)
def test_all_files_where_one_imports_by_names_that_nobody_can_tell(tmp_path, monkeypatch, text):
    package(tmp_path, monkeypatch, deep=text)
    assert names(tmp_path, "pack_of_files.net") == {name for name in FILES if name.endswith(".py")}


def test_a_package_without_init_and_a_module_in_no_package(tmp_path, monkeypatch):
    package(tmp_path, monkeypatch)
    (tmp_path / "pack_of_files" / "__init__.py").unlink()
    assert names(tmp_path, "pack_of_files.other") == {"other.py"}
    (tmp_path / "alone_of_files.py").write_text("import pack_of_files.net\n")
    assert package_files("alone_of_files") == ((tmp_path / "alone_of_files.py").resolve(),)
    assert package_files("nowhere_to_be_found.net") == ()


def test_a_file_that_is_no_code_is_named_all_the_same(tmp_path, monkeypatch):
    package(tmp_path, monkeypatch, other="def (:\n")
    assert names(tmp_path, "pack_of_files.other") == {"__init__.py", "other.py"}


def test_a_network_of_this_package_is_its_own_file_whatever_else_changes_in_the_package():
    assert [path.name for path in package_files("reliseg.demo.network")] == ["network.py"]
