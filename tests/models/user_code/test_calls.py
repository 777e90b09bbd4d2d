"""Functions that users name: what is imported, what stays behind, and one line for whatever goes wrong."""

import importlib
import os
import py_compile
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from helpers.growing import growing

from reliseg.errors import ReliSegError
from reliseg.models.user_code.calls import call_function


@pytest.fixture
def call(tmp_path: Path) -> Callable[..., object]:
    """Writes a text as net.py, and calls a function of it."""

    def write_and_call(text: str, where: str = "net.py:build", **args: object) -> object:
        (tmp_path / "net.py").write_text(text)
        return call_function("mine", where, tmp_path, args)[0]

    return write_and_call


def refusal(call: Callable[[], object]) -> str:
    with pytest.raises(ReliSegError) as caught:
        call()
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_the_function_gets_the_arguments(call: Callable[..., object], tmp_path: Path) -> None:
    assert call("def build(a, b=2): return a + b\n", a=40) == 42
    result, origin = call_function("mine", "net.py:build", tmp_path, {"a": 1, "b": 1})
    assert (result, origin.files) == (2, (tmp_path / "net.py",))


def test_a_function_of_a_package_has_its_file() -> None:
    result, origin = call_function("mine", "fractions:Fraction", Path(), {"numerator": 3})
    assert (result, [f.name for f in origin.files]) == (3, ["fractions.py"])
    text = refusal(lambda: call_function("mine", "fractions:Fractin", Path(), {}))
    assert "no function 'Fractin'; did you mean 'Fraction'" in text


def test_neighbours_are_imported_and_not_left_behind(tmp_path: Path) -> None:
    for folder, scale in [("a", 1.0), ("b", 2.0)]:
        (tmp_path / folder / "parts").mkdir(parents=True)
        (tmp_path / folder / "parts" / "__init__.py").write_text("from parts.scale import SCALE\n")
        (tmp_path / folder / "parts" / "scale.py").write_text(f"SCALE = {scale}\n")
        (tmp_path / folder / "net.py").write_text("from parts import SCALE\ndef build():\n    return SCALE\n")
        before, path = set(sys.modules), list(sys.path)
        result, origin = call_function(folder, f"{folder}/net.py:build", tmp_path, {})
        assert result == scale
        assert (set(sys.modules), sys.path) == (before, path)
        assert {file.name for file in origin.files} == {"net.py", "__init__.py", "scale.py"}


@pytest.mark.parametrize("shared", [sys.modules, sys.path_importer_cache], ids=["modules", "importers"])
def test_other_threads_may_import_meanwhile(
    call: Callable[..., object], tmp_path: Path, shared: dict[str, Any]
) -> None:
    (tmp_path / "neighbour.py").write_text("SCALE = 2\n")
    with growing(shared):
        for number in range(5):
            assert call("from neighbour import SCALE\ndef build(a): return a * SCALE\n", a=number) == 2 * number


@pytest.mark.parametrize(
    ("where", "problem"),
    [
        ("net.py", "write FILE.py:FUNCTION or package.module:FUNCTION"),
        ("gone.py:build", "no file"),
        ("net.py:biuld", "net.py has no function 'biuld'; did you mean 'build'? known: Net, build"),
        ("gone.module:build", "ModuleNotFoundError: No module named 'gone'"),
    ],
)
def test_a_function_that_is_not_there(call: Callable[..., object], where: str, problem: str) -> None:
    text = "from pathlib import Path\nclass Net: ...\ndef build(): ...\n"
    assert problem in refusal(lambda: call(text, where))


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("def build(:\n", "SyntaxError: invalid syntax"),
        ("import gone\n", "ModuleNotFoundError: No module named 'gone' (net.py, line 1)"),
        ("\n\n1 / 0\n", "ZeroDivisionError: division by zero (net.py, line 3)"),
        ("def build():\n    raise ValueError('a\\nb')\n", "ValueError: a b (net.py, line 2)"),
        ("import sys\ndef build():\n    sys.exit(3)\n", "SystemExit: 3 (net.py, line 3)"),
        ("def build(size): ...\n", "TypeError: build() missing 1 required positional argument: 'size'"),
    ],
)
def test_code_that_fails_is_one_line(call: Callable[..., object], text: str, problem: str) -> None:
    message = refusal(lambda: call(text))
    assert message.startswith("model mine: net.py:build: ")
    assert problem in message


def test_the_line_of_an_error_is_the_users_own(call: Callable[..., object]) -> None:
    text = "import json\ndef build():\n    return json.loads('{')\n"
    assert refusal(lambda: call(text)).endswith("(net.py, line 3)")


def test_a_missing_torch_is_a_missing_extra(call: Callable[..., object], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    text = refusal(lambda: call("import torch\n"))
    assert text == "model mine (net.py:build) needs torch: pip install 'reliseg[torch]'"


@pytest.mark.parametrize("is_on_the_path", [False, True])
def test_a_package_without_init_and_a_module_imported_before_are_those_of_the_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_on_the_path: bool
) -> None:
    for folder, scale in [("a", 1.0), ("b", 2.0)]:
        (tmp_path / folder / "nets").mkdir(parents=True)
        (tmp_path / folder / "nets" / "unet.py").write_text(f"SCALE = {scale}\n")
        (tmp_path / folder / "net.py").write_text("from nets.unet import SCALE\ndef build():\n    return SCALE\n")
        if is_on_the_path:
            monkeypatch.syspath_prepend(str(tmp_path / folder))
        before = set(sys.modules)
        for factor in (1, 3):
            (tmp_path / folder / "nets" / "unet.py").write_text(f"SCALE = {scale} * {factor}\n")
            result, origin = call_function(folder, f"{folder}/net.py:build", tmp_path, {})
            assert result == scale * factor
            assert {file.name for file in origin.files} == {"net.py", "unet.py"}
        assert set(sys.modules) == before


def test_a_neighbour_that_the_caller_has_imported_stays_the_callers_and_is_read_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "neighbour_of_net.py").write_text("SCALE = 1\n")
    (tmp_path / "net.py").write_text("from neighbour_of_net import SCALE\ndef build():\n    return SCALE\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    own = importlib.import_module("neighbour_of_net")
    (tmp_path / "neighbour_of_net.py").write_text("SCALE = 1 + 1\n")
    result, origin = call_function("mine", "net.py:build", tmp_path, {})
    assert (result, {file.name for file in origin.files}) == (2, {"net.py", "neighbour_of_net.py"})
    assert (sys.modules.pop("neighbour_of_net"), own.SCALE) == (own, 1)


def test_a_function_of_a_package_has_the_files_of_what_the_package_imports(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "package_of_net").mkdir()
    (tmp_path / "package_of_net" / "layer.py").write_text("SCALE = 2\n")
    text = "def build():\n    from package_of_net.layer import SCALE\n    return SCALE\n"
    (tmp_path / "package_of_net" / "net.py").write_text(text)
    monkeypatch.syspath_prepend(str(tmp_path))
    result, origin = call_function("mine", "package_of_net.net:build", Path(), {})
    assert (result, {file.name for file in origin.files}) == (2, {"net.py", "layer.py"})
    (tmp_path / "package_of_net" / "another.py").write_text("")
    importlib.import_module("package_of_net.another")  # by somebody else meanwhile
    assert call_function("mine", "package_of_net.net:build", Path(), {})[1] == origin


@pytest.mark.parametrize("file", ["net.py", "layer_of_net.py"])
def test_code_is_what_stands_in_its_file_whatever_python_has_compiled_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, file: str
) -> None:
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    (tmp_path / "layer_of_net.py").write_text("SCALE = 1\n")
    (tmp_path / "net.py").write_text("from layer_of_net import SCALE\nFACTOR = 1\ndef build(): return SCALE * FACTOR\n")
    for _ in range(2):  # compiled by Python itself, as another program does that imports it
        py_compile.compile(str(tmp_path / file))
        assert call_function("mine", "net.py:build", tmp_path, {})[0] == 1
    before = (tmp_path / file).stat()
    (tmp_path / file).write_text((tmp_path / file).read_text().replace("= 1\n", "= 2\n"))
    os.utime(tmp_path / file, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert call_function("mine", "net.py:build", tmp_path, {})[0] == 2
