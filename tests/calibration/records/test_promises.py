"""Promises as files: they come back as they were, belong to one record, and are used whole or not at all."""

import json

import pytest

from reliseg.calibration.records.promises import promises_file, read_promises, write_promises
from reliseg.calibration.records.seal import seal_of
from reliseg.conformal import Promise, PromisedThreshold
from reliseg.errors import ConfigError

DIGEST = "ab" * 32
PROMISES = (
    PromisedThreshold(Promise(0.05), "a/cal", "images", 51, 240, images={"a/cal": {"s/1": DIGEST}}),
    PromisedThreshold(Promise(0.05, of_sets=True), "a/cal", "images", 51, 321),
    PromisedThreshold(Promise(0.01, 0.95, "person"), "a/cal+b/cal", "scenes", 12, why="needs 299 scenes"),
)


@pytest.fixture
def record(tmp_path):
    path = tmp_path / "ts@a-cal.json"
    write_promises(path, DIGEST, PROMISES)
    return path


def test_they_come_back_as_they_were(record):
    assert read_promises(record, DIGEST) == PROMISES
    assert promises_file(record).name == "ts@a-cal.promises"


def test_where_there_is_no_file_nothing_is_promised(tmp_path):
    assert read_promises(tmp_path / "ts@a-cal.json", DIGEST) == ()


def test_those_of_another_record_are_refused(record):
    with pytest.raises(ConfigError, match=r"it does not belong to ts@a-cal\.json; copy it again with its calibration"):
        read_promises(record, "cd" * 32)


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("risk", 0.5, "it was changed since it was written"),
        ("risk", 0.0, "promises.0.risk: input should be greater than 0"),
        ("bins", -1, "promises.0.bins: input should be greater than or equal to 0"),
        ("on", "\x1b[2J", "promises.0.on: string should match pattern"),
        ("images", {"a/cal": {"s/1": "no digest"}}, "promises.0.images.a/cal.s/1: string should match pattern"),
    ],
)
def test_what_was_changed_or_is_no_promise_is_refused(record, key, value, words):
    path = promises_file(record)
    content = json.loads(path.read_text())
    content["promises"][0][key] = value
    path.write_text(json.dumps(content))
    with pytest.raises(ConfigError, match=f"{words}.*or delete it to go on without its promises"):
        read_promises(record, DIGEST)


@pytest.mark.parametrize("change", [{"bins": None}, {"why": "none"}, {"bins": 290}, {"bins": 322, "of_sets": True}])
def test_a_threshold_without_a_value_or_a_reason_or_with_both_is_refused(record, change):
    path = promises_file(record)
    content = json.loads(path.read_text())
    content["promises"][0] |= change
    path.write_text(json.dumps(content | {"sha256": seal_of(content)}))
    with pytest.raises(ConfigError, match="one of its promises has no threshold and no reason, or both, or one"):
        read_promises(record, DIGEST)
