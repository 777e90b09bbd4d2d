"""Thresholds beside a record: they come back as they were, and nothing damaged or forged is taken for one."""

import json
import os

import numpy as np
import pytest

from reliseg.calibration.records.thresholds import read_thresholds, thresholds_file, write_thresholds
from reliseg.errors import ConfigError
from reliseg.stats.built_in_scores import fine_bins
from reliseg.stats.threshold import Threshold

DIGEST = "0123456789abcdef" * 4
THRESHOLDS = {
    "identity": {"msp": Threshold(3, np.array([3, 7])), "margin": Threshold(why="no confidence gives 95 % accuracy")},
    "ts@street/cal": {"msp": Threshold(0, np.array([0])), "a score of a plug-in": Threshold(9, np.array([9]))},
}


@pytest.fixture
def record(tmp_path):
    path = tmp_path / "ts@street-cal.json"
    write_thresholds(path, DIGEST, THRESHOLDS)
    return path


def test_thresholds_come_back(record):
    read = read_thresholds(record, DIGEST)
    assert {name: list(by_score) for name, by_score in read.items()} == {n: list(s) for n, s in THRESHOLDS.items()}
    for name, by_score in THRESHOLDS.items():
        for score, threshold in by_score.items():
            again = read[name][score]
            assert (again.last, again.why) == (threshold.last, threshold.why)
            np.testing.assert_array_equal(again.possible, threshold.possible)


def test_a_record_without_thresholds_has_none(tmp_path):
    assert read_thresholds(tmp_path / "ts@street-cal.json", DIGEST) == {}


def test_the_last_bin_of_a_score_is_its_own(tmp_path):
    for score in ("msp", "margin", "a score of a plug-in"):
        path, last = tmp_path / f"{score}.json", fine_bins(score).size - 1
        write_thresholds(path, DIGEST, {"identity": {score: Threshold(last, np.array([last]))}})
        assert read_thresholds(path, DIGEST)["identity"][score].last == last
        write_thresholds(path, DIGEST, {"identity": {score: Threshold(last, np.array([last, last + 1]))}})
        with pytest.raises(ConfigError, match=f"its threshold of {score} is not valid"):
            read_thresholds(path, DIGEST)


def msp(**values):
    def change(content):
        content["thresholds"]["identity"]["msp"] |= values
        return content

    return change


NO_THRESHOLD = "its threshold of msp is not valid"
DAMAGE = {
    "of another record": (lambda c: c | {"record": "0" * 64}, "it does not belong to ts@street-cal.json"),
    "a newer format": (lambda c: c | {"format": 3}, "format: "),
    "before the first bin": (msp(last=-1), "thresholds.identity.msp.last: "),
    "half a bin": (msp(possible=[1.5]), "possible"),
    "beyond the last bin": (msp(last=10**7, possible=[10**7]), NO_THRESHOLD),
    "not possible": (msp(possible=[]), NO_THRESHOLD),
    "without a reason": (msp(last=None, possible=[]), NO_THRESHOLD),
    "with a reason": (msp(why="none"), NO_THRESHOLD),
    "twice the same bin": (msp(last=4, possible=[4, 4]), NO_THRESHOLD),
    "surer ones possible": (msp(last=4, possible=[5]), NO_THRESHOLD),
    "an unknown key": (msp(extra=1), "extra"),
    "colors for the terminal": (msp(last=None, possible=[], why="\x1b[31m"), "why: string should match"),
}


@pytest.mark.parametrize("name", DAMAGE)
def test_values_that_are_no_threshold_are_refused_in_one_line(record, name):
    change, said = DAMAGE[name]
    path = thresholds_file(record)
    path.write_text(json.dumps(change(json.loads(path.read_text()))))
    with pytest.raises(ConfigError) as caught:
        read_thresholds(record, DIGEST)
    message = str(caught.value)
    assert message.startswith(f"{path}: ")
    assert said in message
    assert "or delete it" in message
    assert "\n" not in message


def test_files_that_are_none_are_refused(record):
    path = thresholds_file(record)
    path.write_text("{")
    with pytest.raises(ConfigError, match="invalid json"):
        read_thresholds(record, DIGEST)
    os.truncate(path, 1 << 25)
    with pytest.raises(ConfigError, match="larger than 16 MiB"):
        read_thresholds(record, DIGEST)
