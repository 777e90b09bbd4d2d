"""The structure script finds each fault of a small tree, and none in a sound one."""

import pytest
import structure

LONG = 61


@pytest.fixture
def faults(tmp_path, capsys):
    """Run the script on a tree of these files; return its lines without the totals."""

    def run(files: dict[str, str]) -> list[str]:
        for name, text in ({"src/reliseg/__init__.py": ""} | files).items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        status = structure.main(tmp_path)
        *lines, totals = capsys.readouterr().out.splitlines()
        assert status == bool(lines)
        assert sum(int(part.rpartition(" ")[2]) for part in totals.split(", ")) == len(lines)
        return lines

    return run


def package(**modules: str) -> dict[str, str]:
    """Modules of `src/reliseg` by name; `__` stands for a folder."""
    return {f"src/reliseg/{name.replace('__', '/')}.py": text for name, text in modules.items()}


def function(lines: int, docstring: str = "") -> str:
    body = "".join(f"    x = {i}\n" for i in range(lines))
    return f"@decorator\ndef long(\n    argument,\n):\n{docstring}{body}"


def test_a_sound_tree_has_no_fault(faults):
    tested = package(
        a__b="from reliseg.c import D\n\ndef f():\n    pass\n", c="D = 1\n", __main__="from reliseg.a import b"
    )
    assert faults(tested | {"src/reliseg/a/__init__.py": "", "tests/a/test_b.py": ""}) == []


@pytest.mark.parametrize(
    "back",
    [
        "import reliseg.a",
        "from reliseg import a",
        "from reliseg.a import NAME",
        "from . import a",
        "from .a import NAME",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from reliseg import a",
        "class C:\n    if True:\n        import reliseg.a",
    ],
)
def test_modules_that_import_one_another_are_a_circle(faults, back):
    lines = faults(package(a="X = 1\nfrom reliseg.b import C", b=back, c="import reliseg.a"))
    assert len(lines) == 1
    assert lines[0].startswith("src/reliseg/a.py:2: reliseg.a, reliseg.b import one another")


def test_imports_inside_functions_count_for_circles(faults):
    tests = {"tests/test_a.py": "", "tests/test_b.py": ""}
    inside = "def f():\n    from reliseg import {}\n"
    lines = faults(package(a=inside.format("b"), b=inside.format("a")) | tests)
    assert [line.split(": ")[0] for line in lines] == ["src/reliseg/a.py:2"]


def test_circles_apart_are_two_faults_and_a_longer_one_is_one(faults):
    ring = package(a="import reliseg.b", b="import reliseg.c", c="import reliseg.a")
    pair = package(d="import reliseg.e", e="import reliseg.d")
    lines = faults(ring | pair)
    assert [line.split(": ")[1] for line in lines] == [
        "reliseg.a, reliseg.b, reliseg.c import one another",
        "reliseg.d, reliseg.e import one another",
    ]


def test_a_folder_that_imports_its_modules_is_no_circle(faults):
    files = {"src/reliseg/a/__init__.py": "from reliseg.a.b import X"}
    assert faults(files | package(a__b="X = 1", a__c="from reliseg.a import b")) == []


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        (function(LONG - 1), None),
        (function(LONG), LONG),
        (function(LONG - 1, '    """What it\n    does."""\n\n'), None),
        (function(LONG - 2) + "\n    # a comment\n    return x\n", LONG + 1),
        ("class C:\n" + "".join(f"    {line}\n" for line in function(LONG).splitlines()), LONG),
    ],
)
def test_signature_decorators_and_docstring_are_no_body(faults, text, lines):
    (expected,) = faults(package(a=text) | {"tests/test_a.py": ""}) or [None]
    assert (expected is None) == (lines is None)
    assert expected is None or f"long has {lines} lines of body" in expected


def test_a_full_folder_is_a_fault_where_no_registry_is(faults):
    modules = {f"src/reliseg/{{}}/m{i}.py": "class A(Base): pass" for i in range(15)}
    init = {"src/reliseg/{}/__init__.py": ""}
    assert faults({name.format("metrics/families"): text for name, text in (modules | init).items()}) == []
    lines = faults({name.format("run"): text for name, text in (modules | init).items()})
    assert [line.split(": ")[:2] for line in lines] == [["src/reliseg/run:1", "15 modules, over 14"]]


@pytest.mark.parametrize(
    ("name", "text"), [("_m", "class A(Base): pass"), ("base", "class A(B): pass"), ("m", "X = 1")]
)
def test_a_registrys_folder_holds_plugins_only(faults, name, text):
    (line,) = faults({f"src/reliseg/models/kinds/{name}.py": text})
    assert line.startswith(f"src/reliseg/models/kinds/{name}.py:1: not a plug-in")


@pytest.mark.parametrize(
    ("module", "test"),
    [
        ("a/b.py", "a/test_b.py"),
        ("a/_b.py", "a/test_b.py"),
        ("a/__init__.py", "a/test_init.py"),
        ("__main__.py", "test_main.py"),
    ],
)
def test_a_module_with_a_function_has_a_test_file_of_its_name(faults, module, test):
    files = {f"src/reliseg/{module}": "class A:\n    def f(self): pass\n"}
    assert faults(files) == [f"src/reliseg/{module}:1: write tests/{test}, or rename the tests it has"]
    assert faults(files | {f"tests/{test}": ""}) == []


@pytest.mark.parametrize(
    ("path", "text", "private"),
    [
        ("other.py", "from reliseg.a import _b", "reliseg.a._b"),
        ("other.py", "from reliseg.a._b import c, d", "reliseg.a._b"),
        ("other.py", "import reliseg.a._b", "reliseg.a._b"),
        ("other.py", "from reliseg.a.e import _c", "reliseg.a.e._c"),
        ("other.py", "from reliseg.a import _c", "reliseg.a._c"),
        ("ab/f.py", "from reliseg.a.e import _c", "reliseg.a.e._c"),
    ],
)
def test_private_names_stay_in_their_folder(faults, path, text, private):
    files = {"src/reliseg/a/__init__.py": "_c = 1"} | package(a___b="", a__e="_c = 1")
    advice = f"src/reliseg/{path}:1: imports {private}, which is private to reliseg.a: make it public there, or move it"
    assert faults(files | {f"src/reliseg/{path}": text}) == [advice]


@pytest.mark.parametrize("path", ["src/reliseg/a/f.py", "src/reliseg/a/below/f.py", "src/reliseg/a/__init__.py"])
def test_private_names_may_be_imported_within_their_folder(faults, path):
    files = {"src/reliseg/a/__init__.py": ""} | package(a___b="", a__e="_c = 1")
    assert faults(files | {path: "from reliseg.a import _b\nfrom reliseg.a.e import _c"}) == []


def test_private_names_of_others_are_not_looked_at(faults):
    assert faults(package(a="from numpy._core import _exceptions\nfrom __future__ import annotations")) == []
