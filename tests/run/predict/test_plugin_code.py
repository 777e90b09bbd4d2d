"""The code of plug-ins of other packages is a part; that of reliseg itself is not."""

from pathlib import Path

import numpy as np
import pytest

from reliseg.calibration import Unchanged
from reliseg.run.predict.plugin_code import code_of, digest_of, files_of_code, parts_of_code


class Own(Unchanged):
    """A calibration of another package."""


def test_what_ships_is_no_part() -> None:
    assert parts_of_code([Unchanged()]) == {}
    assert parts_of_code([]) == {}


def test_other_code_is_another_part_and_the_order_is_none(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    source = tmp_path / "own.py"
    monkeypatch.setattr("inspect.getsourcefile", lambda plugin: str(source))
    source.write_text("1")
    one = parts_of_code([Own(), Unchanged()])
    assert one == parts_of_code([Unchanged(), Own(), Own()])
    source.write_text("2")
    assert parts_of_code([Own()]) != one


def test_the_files_of_code_are_those_of_other_packages() -> None:
    assert files_of_code([Own(), Unchanged(), Own()]) == [Path(__file__)]


def test_a_class_without_a_file_has_no_code() -> None:
    assert code_of(type("Drawn", (), {"__module__": "nowhere"})) == ""


def test_digests_tell_types_shapes_and_bytes_of_arrays_apart() -> None:
    arrays = [np.zeros(4), np.zeros((2, 2)), np.zeros(4, np.float32), np.ones(4)]
    assert len({digest_of([a]) for a in arrays}) == 4
    assert digest_of({"a": 1}) == digest_of({"a": 1}) != digest_of({"a": "1"})
