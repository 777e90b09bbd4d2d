"""What is said of stored samples: as it was written, or not at all."""

import json
import os
from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError

from reliseg.run.fit.sample_records import (
    SampleEntry,
    SampleRecord,
    read_sample_record,
    refuse_changed_files,
    write_sample_record,
)


def entry(sample: str) -> SampleEntry:
    return SampleEntry(
        id=sample,
        sha256="1" * 64,
        image_sha256="2" * 64,
        prediction_sha256="",
        pixels=7,
        feature=(0.1, 1e-300, 3.0),
        align_corners=True,
    )


@pytest.fixture
def stored(tmp_path: Path) -> tuple[Path, Path]:
    """A record, and the file that it speaks of."""
    path, file = tmp_path / "a.json", tmp_path / "a.whole" / "00.logits.npy"
    file.parent.mkdir()
    np.save(file, np.arange(6, dtype=np.float32).reshape(2, 3))
    record = SampleRecord(images=(entry("a/ä"), entry("a/1")), parts={"model": "x"}, quota=7, whole={"a/1": False})
    write_sample_record(path, record, [file])
    return path, file


def test_a_record_comes_back_as_it_was_written(stored: tuple[Path, Path]) -> None:
    path, _ = stored
    record = read_sample_record(path)
    assert record.images == (entry("a/ä"), entry("a/1"))
    assert (record.parts, record.quota, record.whole) == ({"model": "x"}, 7, {"a/1": False})
    refuse_changed_files(path, record)


def test_any_damage_to_the_bytes_of_a_record_is_seen_or_changes_nothing(stored: tuple[Path, Path]) -> None:
    path, _ = stored
    whole, intact = path.read_bytes(), read_sample_record(path)
    g = np.random.default_rng(0)
    refused = 0
    for i in range(600):
        data = bytearray(whole)
        data[int(g.integers(len(data)))] ^= 1 << int(g.integers(8))
        path.write_bytes(bytes(data[: int(g.integers(len(data)))] if i % 6 == 5 else data))
        try:
            assert read_sample_record(path) == intact, i
        except ValueError:
            refused += 1
    assert refused > 550


@pytest.mark.parametrize(
    "content",
    ["", "[]", "1", "{}", '{"record": 1}', '{"record": 1, "sha256": null}', "[" * 100_000, '{"record": ' + "9" * 5000],
    ids=range(8),
)
def test_what_is_no_record_is_a_value_error(tmp_path: Path, content: str) -> None:
    (tmp_path / "a.json").write_text(content)
    with pytest.raises(ValueError):  # noqa: PT011 - json's own, or ours
        read_sample_record(tmp_path / "a.json")


def test_values_of_other_kinds_are_refused_though_the_digest_is_right(stored: tuple[Path, Path]) -> None:
    from hashlib import sha256

    path, _ = stored
    content = json.loads(path.read_text())["record"]
    for change in ({"quota": -1}, {"quota": 1.5}, {"whole": []}, {"more": 1}, {"format": 1}, {"images": [{}]}):
        changed = content | change
        digest = sha256(json.dumps(changed).encode()).hexdigest()
        path.write_text(json.dumps({"record": changed, "sha256": digest}))
        with pytest.raises(ValidationError):
            read_sample_record(path)


@pytest.mark.parametrize("change", ["shape", "type", "short", "longer", "nan", "none", "folder", "pipe"])
def test_a_file_that_is_not_what_it_was_is_refused(stored: tuple[Path, Path], change: str) -> None:
    path, file = stored
    array, data = np.load(file), file.read_bytes()
    file.unlink()
    if change == "shape":
        np.save(file, array.T.copy())
    elif change == "type":
        np.save(file, array.astype(np.float64))
    elif change == "nan":
        np.save(file, np.full_like(array, np.nan))
    elif change == "short":
        file.write_bytes(data[:-1])
    elif change == "longer":
        file.write_bytes(data + b"\0")
    elif change == "folder":
        file.mkdir()
    elif change == "pipe":
        os.mkfifo(file)
    with pytest.raises((ValueError, OSError)):
        refuse_changed_files(path, read_sample_record(path))
