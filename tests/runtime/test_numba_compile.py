"""Machine code on disk belongs to all sources that it was made of, not only to the file of its entry."""

import ast
from pathlib import Path

import pytest
from helpers.numba_sources import INNER, OUTER, run_outer

import reliseg
from reliseg.runtime import numba_compile
from reliseg.runtime.numba_compile import _ROOMS, _with_source_digest

PACKAGE = Path(reliseg.__file__).parent
NAMES_ONLY = {"reliseg.types", "reliseg.calibration.sample"}
"""Modules of which compiled code uses only the names of array types."""


@pytest.mark.slow
def test_an_edit_of_what_is_inlined_in_a_function_compiles_it_anew(tmp_path):
    (tmp_path / "outer.py").write_text(OUTER)
    shown = []
    for more in (1, 1, 5):
        (tmp_path / "inner.py").write_text(INNER.format(more=more))
        shown.append(run_outer(tmp_path))
    assert shown == ["2 0", "2 1", "6 0"]


def digest(function):
    """Return the digest as another process makes it."""
    numba_compile._digest_of_sources.cache_clear()
    return _with_source_digest(function).__closure__[-1].cell_contents


def test_the_digest_changes_with_any_source_of_the_rooms_and_of_the_own_folder(tmp_path, monkeypatch):
    rooms = [tmp_path / name for name in ("runtime", "stats", "own")]
    for room in rooms:
        room.mkdir()
        (room / "source.py").write_text("A = 1\n")
    monkeypatch.setattr(numba_compile, "_ROOMS", rooms[:2])
    code = compile("def function(x):\n    return x\n", str(rooms[2] / "source.py"), "exec")
    names = {}
    exec(code, names)
    digests = [digest(names["function"])]
    for room in rooms:
        (room / "source.py").write_text("A = 2\n")
        digests.append(digest(names["function"]))
    (rooms[0] / "new.py").write_text("B = 1\n")
    digests.append(digest(names["function"]))
    assert len(set(digests)) == 5


def sources_of_compiled_code():
    return [path for path in sorted(PACKAGE.rglob("*.py")) if "numba_compile import" in path.read_text()]


@pytest.mark.parametrize("source", sources_of_compiled_code(), ids=lambda path: path.stem)
def test_all_that_compiled_code_imports_is_in_the_digest(source):
    """Another room that it takes a function or a constant from must be added to `_ROOMS`."""
    for node in ast.walk(ast.parse(source.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module.startswith("reliseg.") and node.module not in NAMES_ONLY:
            path = PACKAGE.joinpath(*node.module.split(".")[1:])
            assert path in {*_ROOMS, source.parent} or path.parent in {*_ROOMS, source.parent}, node.module
