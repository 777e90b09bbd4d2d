"""What lies beside a record is read whole, of that record, and as it was written; or refused in one line."""

import json

import pytest

from reliseg.calibration.records.beside import BesideRecord, read_beside
from reliseg.calibration.records.seal import seal_of
from reliseg.errors import ConfigError

DIGEST = "a" * 64


class Content(BesideRecord):
    value: int

    @property
    def is_sealed(self) -> bool:
        return self.format > 1


def write(path, **changed):
    content = {"format": 2, "record": DIGEST, "value": 7} | changed
    path.write_text(json.dumps({"sha256": seal_of(content)} | content))


def read(path, largest=1 << 20):
    return read_beside(path, path.with_suffix(".json"), DIGEST, Content, lambda content: content.value, largest)


def test_what_was_written_is_read_and_what_is_not_there_is_none(tmp_path):
    path = tmp_path / "ts.thresholds"
    assert read(path) is None
    write(path)
    assert read(path) == 7


def test_another_record_another_value_and_no_number_are_refused(tmp_path):
    path = tmp_path / "ts.promises"
    for changed, problem in (
        ({"record": "b" * 64}, "it does not belong to ts.json"),
        ({"sha256": "0" * 64}, "it was changed since it was written"),
        ({"value": "seven"}, "value: input should be a valid integer"),
    ):
        write(path, **changed)
        with pytest.raises(ConfigError, match=f"{problem}.*; copy it again with its calibration, or delete it"):
            read(path)


def test_a_format_without_a_seal_and_a_file_that_is_too_large(tmp_path):
    path = tmp_path / "ts.thresholds"
    write(path, format=1, sha256="")
    assert read(path) == 7
    with pytest.raises(ConfigError, match=r"it is larger than 0 MiB.* to go on without its thresholds"):
        read(path, largest=8)
