"""Configurations that were asked, and what they were answered with: read as written, or not at all."""

import os
from dataclasses import replace
from pathlib import Path

import pytest

from reliseg.run.store.answers import Answer, Answers, changed_parts, hold_still
from reliseg.runtime.regular_files import sha256_of_file

ANSWER = Answer(
    "1", {"net": {"a/b": {"model": "2"}}}, ("statistics/x.zip",), ("fitted/y",), {"results.csv": "3"}, ("p",)
)


def test_an_answer_is_that_of_its_configuration(tmp_path: Path) -> None:
    answers = Answers(tmp_path)
    assert answers.of("seed: 0") is None
    assert answers.latest() == []
    answers.keep("seed: 0")
    answers.write("seed: 0", ANSWER)
    assert answers.of("seed: 0") == ANSWER
    assert answers.of("seed: 1") is None
    (kept,) = tmp_path.glob("*.yaml")
    assert kept.read_text() == "seed: 0"


def test_the_latest_answer_comes_first(tmp_path: Path) -> None:
    answers = Answers(tmp_path)
    for number, text in enumerate(("a", "b", "c")):
        answers.write(text, replace(ANSWER, identity=text))
        path = next(p for p in tmp_path.glob("*.json") if f'"identity": "{text}"' in p.read_text())
        os.utime(path, (number, number))
    assert [answer.identity for answer in answers.latest()] == ["c", "b", "a"]


@pytest.mark.parametrize("content", ["", "{", "[]", '{"answer": 1, "sha256": "2"}', "null"])
def test_a_damaged_answer_is_none(tmp_path: Path, content: str) -> None:
    answers = Answers(tmp_path)
    answers.write("a", ANSWER)
    (path,) = tmp_path.glob("*.json")
    path.write_text(content)
    assert answers.of("a") is None
    assert answers.latest() == []


def test_a_flipped_bit_of_an_answer_is_seen_or_changes_nothing(tmp_path: Path) -> None:
    answers = Answers(tmp_path)
    answers.write("a", ANSWER)
    (path,) = tmp_path.glob("*.json")
    whole = path.read_bytes()
    for place in range(len(whole)):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        assert answers.of("a") in (None, ANSWER)


def test_results_that_were_changed_or_are_gone_are_seen(tmp_path: Path) -> None:
    path = tmp_path / "results.csv"
    path.write_text("1")
    answer = replace(ANSWER, files={"results.csv": sha256_of_file(path)})
    assert hold_still(tmp_path, answer)
    assert not hold_still(tmp_path, replace(answer, files={}))
    path.write_text("2")
    assert not hold_still(tmp_path, answer)
    path.unlink()
    assert not hold_still(tmp_path, answer)


def test_changed_parts_are_named_and_calibrations_only_where_both_ask_for_them() -> None:
    before = {"net": {"a/b": {"model": "1", "label map": "2", "calibration ts": "3"}}}
    same = {"model": "1", "label map": "2"}
    assert changed_parts(before, "net", "a/b", same) is None
    assert changed_parts(before, "net", "a/b", same | {"calibration vector": "9"}) is None
    assert changed_parts(before, "other", "a/b", same) is None
    assert changed_parts(before, "net", "a/b", same | {"label map": "4"}) == "the label map changed"
    assert "calibration ts changed" in str(changed_parts(before, "net", "a/b", same | {"calibration ts": "4"}))
