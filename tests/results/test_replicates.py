"""Replicates on disk: what is written is what is read, and what is no such file is refused."""

import zipfile
from dataclasses import replace

import numpy as np
import pytest
from helpers.result_rows import about

from reliseg.errors import DataError
from reliseg.results import Origin, Row, Value
from reliseg.results.replicates import FOLDER, Lefts, Replicates, UnitSet, write_replicates

ORIGIN = Origin("net", "street", "day", calibration="ts@street/cal")
UNITS = UnitSet("images", ("a/1", "a/2", "a/3"), ("x", "y", "z"))
OTHERS = UnitSet("scenes", ("b", "c"), ("u", "v"))


def row(metric="ece", value=0.25, **columns):
    return replace(Row.of(ORIGIN, Value.exact(metric, value, f"{metric}/1"), n_images=3, n_pixels=9), **columns)


@pytest.fixture
def written(tmp_path):
    numbers = [
        (row(), Lefts((np.array([0.2, 0.25, 0.31]),), (UNITS,))),
        (row(class_="car"), Lefts((np.array([0.1, np.nan, 0.3]),), (UNITS,), "car stands in 2 of 3 images")),
        (row("drop_ece", 0.1), Lefts((np.array([0.2, 0.1, 0.0]), np.array([0.1, 0.15])), (UNITS, OTHERS))),
    ]
    write_replicates(tmp_path / FOLDER, row(), [about(*number) for number in numbers])
    return tmp_path, numbers


def test_what_is_written_is_what_is_read(written):
    run, numbers = written
    stored = Replicates(run)
    for number, lefts in numbers:
        found = stored.of(number)
        assert (found.units, found.doubt) == (lefts.units, lefts.doubt)
        for a, b in zip(found.values, lefts.values, strict=True):
            np.testing.assert_allclose(a, b, atol=1e-8)


def test_equal_numbers_give_equal_bytes(written, tmp_path):
    run, numbers = written
    again = write_replicates(tmp_path / "again", row(), [about(*number) for number in numbers])
    (first,) = (run / FOLDER).rglob("*.npz")
    assert again.read_bytes() == first.read_bytes()


def test_a_file_is_an_archive_of_numpy_whose_index_alone_is_deflated(written):
    (path,) = (written[0] / FOLDER).rglob("*.npz")
    with np.load(path, allow_pickle=False) as arrays:
        assert {name: arrays[name].dtype.str for name in arrays} == {"index": "|u1", "values": "<f4"}
    with zipfile.ZipFile(path) as archive:
        packed = {member.filename: member.compress_type for member in archive.infolist()}
    assert packed == {"index.npy": zipfile.ZIP_DEFLATED, "values.npy": zipfile.ZIP_STORED}


def test_files_of_earlier_releases_whose_values_are_deflated_too_are_read(written):
    run, numbers = written
    (path,) = (run / FOLDER).rglob("*.npz")
    with np.load(path) as arrays:
        kept = dict(arrays)
    np.savez_compressed(path, **kept)
    found = Replicates(run).of(numbers[2][0])
    np.testing.assert_allclose(found.values[1], numbers[2][1].values[1], atol=1e-8)


def test_a_number_that_is_not_there_has_none(written):
    run, _ = written
    assert Replicates(run).of(row("miou")) is None
    assert Replicates(run).of(row(model="other")) is None
    assert Replicates(run / "nowhere").of(row()) is None


def test_units_are_paired_where_they_are_the_same_with_the_same_files():
    left = np.zeros(3)
    assert Lefts((left,), (UNITS,)).are_paired_with(Lefts((left,), (UNITS,)))
    assert not Lefts((left,), (UNITS,)).are_paired_with(Lefts((left,), (replace(UNITS, digests=("x", "y", "-")),)))


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"no archive at all"])
def test_what_is_no_such_file_is_refused(written, content):
    run, _ = written
    (path,) = (run / FOLDER).rglob("*.npz")
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"run reliseg results"):
        Replicates(run).of(row())


@pytest.mark.parametrize("head", ["{'descr': '<f4', 'shape': (3,", "\x00", "'", "{'descr': '<f4'}", "1" * 5000])
def test_a_file_with_a_broken_header_is_refused(written, head):
    run, _ = written
    (path,) = (run / FOLDER).rglob("*.npz")
    content = b"\x93NUMPY\x01\x00" + (len(head) + 1).to_bytes(2, "little") + f"{head}\n".encode()
    with zipfile.ZipFile(path, "w") as archive:
        for name in ("index.npy", "values.npy"):
            archive.writestr(name, content)
    with pytest.raises(DataError, match=r"run reliseg results"):
        Replicates(run).of(row())


def test_a_file_that_is_cut_off_or_holds_other_numbers_is_refused(written):
    run, _ = written
    (path,) = (run / FOLDER).rglob("*.npz")
    whole = path.read_bytes()
    for cut in (10, len(whole) // 2, len(whole) - 5):
        path.write_bytes(whole[:cut])
        with pytest.raises(DataError, match=r"run reliseg results"):
            Replicates(run).of(row())
    path.write_bytes(whole)
    with np.load(path, allow_pickle=False) as arrays:
        index, values = arrays["index"], arrays["values"]
    np.savez_compressed(path, index=index, values=values[:-1])
    with pytest.raises(DataError, match=r"not the replicates of a run"):
        Replicates(run).of(row())
