"""Files that anybody may have written: any bytes give the array that was written, or one line."""

import io
import os
import pickle
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from reliseg.models.array_files import ArrayFileError, open_arrays

NAMES = ("logits", "feature")
ARRAY = np.random.default_rng(0).normal(size=(3, 4, 5)).astype(np.float32)
LIMIT = 10_000


def read(path: Path, limit: int = LIMIT) -> dict[str, np.ndarray]:
    with open_arrays(path, NAMES, "logits") as sources:
        return {name: source.read(limit) for name, source in sources.items()}


def refusal(path: Path, limit: int = LIMIT) -> str:
    with pytest.raises(ArrayFileError) as caught:
        read(path, limit)
    text = str(caught.value)
    assert "\n" not in text
    assert "unexpected" not in text
    return text


def npy(array: np.ndarray, **options: object) -> bytes:
    file = io.BytesIO()
    np.lib.format.write_array(file, array, **options)  # type: ignore[arg-type]
    return file.getvalue()


def header(text: str, version: tuple[int, int] = (1, 0)) -> bytes:
    data = text.encode("latin1") + b"\n"
    return b"\x93NUMPY" + bytes(version) + len(data).to_bytes(2 if version[0] == 1 else 4, "little") + data


def archive(path: Path, *members: tuple[str, bytes], method: int = zipfile.ZIP_STORED) -> Path:
    with zipfile.ZipFile(path, "w", method) as out:
        for name, content in members:
            out.writestr(name, content)
    return path


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
@pytest.mark.parametrize(
    "array",
    [
        ARRAY,
        ARRAY.astype(np.float16),
        ARRAY.astype(">f8"),
        np.asfortranarray(ARRAY),
        ARRAY[:, ::2],
        ARRAY[:0],
        np.float32(3),
        np.arange(7),
        ARRAY.astype(np.longdouble),
    ],
)
def test_what_numpy_writes_is_read(tmp_path: Path, save: Callable[..., None], array: np.ndarray) -> None:
    save(tmp_path / "a.npz", logits=array, feature=np.arange(3.0), other=np.zeros(9))
    found = read(tmp_path / "a.npz")
    assert sorted(found) == ["feature", "logits"]
    np.testing.assert_array_equal(found["logits"], array)
    assert (found["logits"].dtype, found["logits"].flags.c_contiguous) == (np.asarray(array).dtype, True)
    np.save(tmp_path / "a.npy", array)
    np.testing.assert_array_equal(read(tmp_path / "a.npy")["logits"], array)


def test_a_files_content_says_what_it_is(tmp_path: Path) -> None:
    (tmp_path / "a.npz").write_bytes(npy(ARRAY))
    np.testing.assert_array_equal(read(tmp_path / "a.npz")["logits"], ARRAY)
    (tmp_path / "a.npz").write_bytes(npy(ARRAY, version=(2, 0)))
    np.testing.assert_array_equal(read(tmp_path / "a.npz")["logits"], ARRAY)


def test_integers_as_python_2_wrote_them_are_read_without_a_warning(tmp_path: Path) -> None:
    text = "{'descr': '<f4', 'fortran_order': False, 'shape': (3L, 4L, 5L)}"
    (tmp_path / "a.npy").write_bytes(header(text) + ARRAY.tobytes())
    np.testing.assert_array_equal(read(tmp_path / "a.npy")["logits"], ARRAY)


LIES = {
    "the header of an array has escape sequences": header("{'descr': '\\d', 'fortran_order': False, 'shape': (3,)}"),
    "it is neither a .npy nor a .npz file": pickle.dumps({"logits": [1.0]}),
    "it ends too early": npy(ARRAY)[:-1],
    "it goes on after the array": npy(ARRAY) + b"\0",
    "and the limit is 10 kB": header("{'descr': '<f4', 'fortran_order': False, 'shape': (1000000, 1000000, 4)}"),
    "the header of an array is too long": b"\x93NUMPY\x02\x00\xff\xff\xff\xff" + b" " * 20_000,
    "a part of it is no array of NumPy": b"\x93NUMPY\x09\x00\x00\x00",
    "the shape of an array is negative": header("{'descr': '<f4', 'fortran_order': False, 'shape': (-1, -4, 5)}"),
    "holds an array of object, which is not read": npy(np.array([{}]), allow_pickle=True),
    "holds an array of void": header("{'descr': '|V0', 'fortran_order': False, 'shape': (4,)}"),
    "cannot be read (": header("{'descr': '<f4', 'fortran_order': False, 'shape': " + "(" * 3000),
    "cannot be read (descr": header("{'descr': '<q9', 'fortran_order': False, 'shape': (3,)}"),
    "cannot be read (not": header("{'descr': [[]], 'fortran_order': False, 'shape': (3,)}"),
    "cannot be read (maximum": header(f"{{'descr': '<f4', 'fortran_order': False, 'shape': {(1,) * 70}}}") + bytes(4),
}


@pytest.mark.parametrize("problem", LIES)
def test_a_file_that_is_not_what_it_says_is_refused(tmp_path: Path, problem: str) -> None:
    path = tmp_path / "a.npy"
    path.write_bytes(LIES[problem])
    assert problem in refusal(path)
    if problem != "it is neither a .npy nor a .npz file":
        archive(path, ("logits.npy", LIES[problem]))
        assert problem in refusal(path)


def test_nothing_large_is_read_or_allocated(tmp_path: Path) -> None:
    bomb = header("{'descr': '|u1', 'fortran_order': False, 'shape': (300000000,)}") + bytes(300_000_000)
    long_header = b"\x93NUMPY\x02\x00" + (300_000_000).to_bytes(4, "little") + bytes(300_000_000)
    for i, content in enumerate([bomb, long_header]):
        archive(tmp_path / f"{i}.npz", ("logits.npy", content), method=zipfile.ZIP_DEFLATED)
    with zipfile.ZipFile(tmp_path / "2.npz", "w") as out:
        for i in range(30_000):
            out.writestr(f"member {i}", b"")
    del bomb, long_header, content
    tracemalloc.start()
    for i, problem in enumerate(["the limit is 10 kB", "header of an array is too long", "directory is too large"]):
        assert problem in refusal(tmp_path / f"{i}.npz")
    assert tracemalloc.get_traced_memory()[1] < 20e6
    tracemalloc.stop()


def test_members_that_are_damaged_or_stand_twice_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    with pytest.warns(UserWarning, match="Duplicate name"):
        archive(path, ("logits.npy", npy(ARRAY)), ("logits.npy", npy(ARRAY + 1)))
    assert "two arrays called 'logits'" in refusal(path)
    archive(path, ("logits", npy(ARRAY)), ("logits.npy", npy(ARRAY + 1)))
    assert "two arrays called 'logits'" in refusal(path)
    archive(path, ("logits.npy", npy(ARRAY)), method=zipfile.ZIP_LZMA)
    assert "compressed in a way that NumPy does not know" in refusal(path)
    whole = archive(path, ("logits.npy", npy(ARRAY))).read_bytes()
    for place, value, problem in [(6, 1, "encrypted"), (8, 1, "compressed"), (8, 99, "compressed")]:
        damaged = bytearray(whole)
        damaged[place] |= value
        damaged[whole.index(b"PK\1\2") + place + 2] |= value
        path.write_bytes(damaged)
        assert "cannot be read" in refusal(path), problem
    damaged = bytearray(whole)
    damaged[whole.index(ARRAY.tobytes()) + 7] ^= 1
    path.write_bytes(damaged)
    assert "Bad CRC-32" in refusal(path)


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_a_file_that_was_cut_off_anywhere_is_refused(tmp_path: Path, save: Callable[..., None]) -> None:
    path = tmp_path / "a.npz"
    save(path, logits=ARRAY)
    whole = path.read_bytes()
    for keep in range(0, len(whole)):
        path.write_bytes(whole[:keep])
        assert "cannot be read" in refusal(path)


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_a_flipped_bit_is_refused_or_changes_nothing(tmp_path: Path, save: Callable[..., None]) -> None:
    path = tmp_path / "a.npz"
    save(path, logits=ARRAY, feature=ARRAY[0, 0])
    whole, generator = path.read_bytes(), np.random.default_rng(0)
    for place in generator.integers(0, 8 * len(whole), 1500):
        damaged = bytearray(whole)
        damaged[place // 8] ^= 1 << place % 8
        path.write_bytes(damaged)
        try:
            found = read(path)
        except ArrayFileError:
            continue
        assert list(found) == ["logits", "feature"]
        np.testing.assert_array_equal(found["logits"], ARRAY)
        np.testing.assert_array_equal(found["feature"], ARRAY[0, 0])


def test_only_regular_files_are_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.npz")
    (tmp_path / "folder.npz").mkdir()
    (tmp_path / "empty.npz").write_bytes(b"")
    assert refusal(tmp_path / "pipe.npz") == "cannot be read (it is a pipe, not a regular file); write it again"
    assert refusal(tmp_path / "folder.npz") == "cannot be read (it is a folder, not a file); write it again"
    assert "neither a .npy nor a .npz file" in refusal(tmp_path / "empty.npz")
    assert "no such file" in refusal(tmp_path / "nothing.npz")
