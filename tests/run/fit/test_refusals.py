"""Refusals of fits: read as they were written, or not at all."""

import json
from pathlib import Path

import pytest

from reliseg.run.fit.refusals import Refusal, read_refusal, write_refusal
from reliseg.run.predict.freshness import StoredInputs

INPUTS = StoredInputs({"model": "1"}, {"a/b": {"s/1": "0" * 64}}, {"a/b": {"s/1": "1" * 64}})


def test_a_refusal_comes_back_as_it_was_written(tmp_path: Path) -> None:
    assert read_refusal(tmp_path) is None
    write_refusal(tmp_path, Refusal("too few", INPUTS))
    assert read_refusal(tmp_path) == Refusal("too few", INPUTS)


@pytest.mark.parametrize("content", ["", "{}", "[]", "null", '{"refusal": [], "sha256": 1}', "[" * 10_000])
def test_a_damaged_refusal_is_none(tmp_path: Path, content: str) -> None:
    write_refusal(tmp_path, Refusal("too few", INPUTS))
    (path,) = tmp_path.iterdir()
    path.write_text(content)
    assert read_refusal(tmp_path) is None


def test_other_words_under_the_same_seal_are_none(tmp_path: Path) -> None:
    write_refusal(tmp_path, Refusal("too few", INPUTS))
    (path,) = tmp_path.iterdir()
    content = json.loads(path.read_text())
    content["refusal"]["why"] = "too many"
    path.write_text(json.dumps(content))
    assert read_refusal(tmp_path) is None
