"""Functions that users name: what is imported, what stays behind, and one line for whatever goes wrong."""

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from reliseg.errors import ReliSegError
from reliseg.models.user_code import call_function


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
