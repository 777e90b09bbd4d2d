"""Pieces: read whole, or not at all; fine histograms of a domain, one score at a time."""

import io
import json
import os
import struct
import tracemalloc
import zipfile
from collections.abc import Callable
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest

from reliseg.kernels.reference import observe
from reliseg.run.store.cover import BASE, CLASSWISE
from reliseg.run.store.frames import pack, unpack
from reliseg.run.store.parts import Part, parts_of
from reliseg.run.store.piece_files import (
    FORMAT,
    Observed,
    OpenPiece,
    PieceHead,
    StoredHead,
    format_of,
    load_piece,
    open_piece,
    save_piece,
    verify_piece,
)
from reliseg.run.store.sparse_arrays import to_sparse
from reliseg.run.store.sums import HistogramSums, PixelSums
from reliseg.stats import Layout, SampleTable
from reliseg.stats.bins import ROLES
from reliseg.stats.view import LogitView

SMALL = Layout(classes=3, scores=("msp", "max_logit"))


def counted(seed: int, samples: tuple[str, ...] = ("a/0", "a/1")) -> Observed:
    """The statistics of two images of 40 pixels."""
    g = np.random.default_rng(seed)
    parts = []
    for sample in samples:
        logits = g.normal(0, 3, (3, 5, 8)).astype(np.float32)
        view = LogitView(logits, (5, 8), False, np.arange(3), np.ones(4))
        truth = g.choice(np.array([0, 1, 2, 254, 255], np.uint8), (5, 8))
        parts.append(Observed(*observe(view, truth, sample, SMALL)))
    return parts[0] + parts[1]


def head() -> PieceHead:
    hashes = {"a/0": "0" * 64, "a/1": "1" * 64}
    made, named = {"processor": "p"}, {"model": "net"}
    return PieceHead(hashes, {"a/1": "2" * 64}, {"model": "x"}, "f", {"own": "3" * 64}, made, named)


def store(path: Path, seed: int = 0) -> bytes:
    save_piece(path, head(), counted(seed))
    return path.read_bytes()


def content_of(path: Path) -> dict[str, np.ndarray] | None:
    """All arrays of a piece, by the ways in which a run reads them; None where any way finds that it is not whole."""
    if verify_piece(path) != StoredHead(head(), SMALL):
        return None
    stored = load_piece(path)
    assert stored is not None
    arrays = dict(stored.observed.pixels.items())
    arrays |= {f"samples.{key}": array for key, array in stored.observed.samples.arrays().items()}
    pixels, histograms = PixelSums(SMALL), HistogramSums(SMALL.scores)
    with open_piece(path) as piece:
        pixels.add(piece, [BASE, CLASSWISE])
        histograms.add(piece, SMALL.scores, int(piece.samples().pixels.sum()))
        assert piece.samples() == stored.observed.samples
        assert_rows_of(piece, stored.observed.samples)
    for name, array in pixels.statistics().items():
        np.testing.assert_array_equal(array, arrays[name])
    for score, filled in histograms.filled().items():
        np.testing.assert_array_equal(filled.histogram().counts, arrays[f"ranks.{score}.counts"])
    return arrays


def assert_rows_of(piece: OpenPiece, samples: SampleTable) -> None:
    """The rows that metrics read, without a table of coarse bins, are those of this table."""
    rows = piece.rows()
    assert rows.table == replace(samples, coarse=samples.coarse[:, :0])
    for number in range(len(SMALL.scores)):
        counts = samples.coarse[:, number]
        bins, found = rows.coarse.filled(number, ROLES)
        np.testing.assert_array_equal(bins, np.flatnonzero(counts.any(axis=(0, 1))))
        np.testing.assert_array_equal(found, counts[:, :, bins])


def assert_refused_or_as_it_was(path: Path, intact: dict[str, np.ndarray], what: object) -> bool:
    """Tell whether it was refused."""
    found = content_of(path)
    if found is None:
        return True
    assert found.keys() == intact.keys(), what
    for name, array in intact.items():
        np.testing.assert_array_equal(found[name], array, err_msg=f"{what}")
    return False


def test_a_piece_comes_back_as_it_was_stored(tmp_path: Path) -> None:
    store(tmp_path / "a.zip")
    found = content_of(tmp_path / "a.zip")
    assert found is not None
    for key, array in counted(0).pixels.items():
        np.testing.assert_array_equal(found[key], array)
    only = load_piece(tmp_path / "a.zip", ranks=False)
    assert only is not None
    assert not only.observed.pixels.ranks
    assert (only.head, only.layout) == (head(), SMALL)


def test_the_sum_of_pieces_holds_the_samples_of_both() -> None:
    one, other = counted(0), counted(1, ("b/0", "b/1"))
    both = one + other
    assert both.samples.ids == ("a/0", "a/1", "b/0", "b/1")
    assert both.pixels == other.pixels + one.pixels


def test_any_damage_to_the_bytes_of_a_piece_is_seen_or_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    whole = store(path)
    intact = content_of(path)
    assert intact is not None
    g = np.random.default_rng(0)
    tail = len(whole) - 4000  # the directory, the head and the end, which other readers believe
    refused = 0
    for i in range(250):
        data = bytearray(whole)
        for _ in range(int(g.choice([1, 1, 1, 4]))):
            place = int(g.integers(tail if i % 2 else 0, len(data)))
            data[place] ^= 1 << int(g.integers(8))
        if i % 10 == 8:
            del data[int(g.integers(len(data))) :]
        if i % 10 == 9:
            at = int(g.integers(len(data)))
            data[at:at] = g.bytes(int(g.integers(1, 200)))
        path.write_bytes(bytes(data))
        refused += assert_refused_or_as_it_was(path, intact, i)
    assert refused > 150  # the others are in what says nothing: times in the directory of the archive


@pytest.mark.slow
def test_every_bit_of_the_directory_of_a_piece_may_flip(tmp_path: Path) -> None:
    """The method of compression, the sizes and the offsets stand there, in a member's own header too."""
    path = tmp_path / "a.zip"
    whole = store(path)
    intact = content_of(path)
    assert intact is not None
    directory = whole.index(b"PK\1\2")
    places = [*range(60), *range(directory, directory + 60), *range(len(whole) - 86, len(whole))]
    for place in places:
        for bit in (0, 3, 7):
            data = bytearray(whole)
            data[place] ^= 1 << bit
            path.write_bytes(bytes(data))
            assert_refused_or_as_it_was(path, intact, (place, bit))


def members_of(data: bytes) -> dict[str, bytes]:
    """What is in a piece, unpacked, by its name without what says that it was packed."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        found = {name: archive.read(name) for name in archive.namelist()}
    return {
        name.removesuffix(".zst"): unpack(content, 1 << 30) if name.endswith(".zst") else content
        for name, content in found.items()
    }


def write_members(path: Path, members: list[tuple[str, bytes]], *, sign: bool) -> None:
    """Write a zip file with valid checksums; where it is signed, the head names the sha256 of its members too."""
    described = dict(members)["head.json"]
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w") as archive:
        for name, data in members:
            if name != "head.json":
                archive.writestr(zipfile.ZipInfo(f"{name}.zst"), pack(data))
        if sign:
            head = json.loads(described) | {"body": sha256(whole.getvalue()).hexdigest()}
            described = json.dumps(head).encode()
        archive.writestr("head.json", described)
        archive.comment = sha256(described).hexdigest().encode()
    path.write_bytes(whole.getvalue())


def arrays_of(members: dict[str, bytes]) -> dict[str, dict[str, bytes]]:
    """The arrays of each part as they are stored, by name and number: sums are two."""
    found: dict[str, dict[str, bytes]] = {}
    for part, of in parts_of(SMALL, 2).items():
        rest = members[part]
        for name, shape in of.shapes.items():
            for number, _ in enumerate(Part({name: shape}).cells):
                runs, values, *widths = struct.unpack("<2q3B", rest[:19])
                size = 19 + runs * (widths[0] + widths[1]) + values * widths[2]
                found.setdefault(part, {})[f"{name} {number}"], rest = rest[:size], rest[size:]
        assert not rest
    return found


def with_part(members: dict[str, bytes], name: str, arrays: list[bytes]) -> list[tuple[str, bytes]]:
    return [(n, b"".join(arrays) if n == name else d) for n, d in members.items()]


@pytest.mark.parametrize("sign", [False, True])
def test_parts_that_are_missing_renamed_doubled_or_swapped_are_seen(tmp_path: Path, sign: bool) -> None:
    path = tmp_path / "a.zip"
    members, others = members_of(store(path)), members_of(store(path, seed=10))
    write_members(path, list(members.items()), sign=sign)
    assert content_of(path) is not None
    names = [name for name in members if name != "head.json"]
    assert names == ["pixels", "classwise", "ranks.msp", "ranks.max_logit", "samples"]
    for name in names:
        rest = [(n, d) for n, d in members.items() if n != name]
        other = names[names.index(name) - 1]
        for changed in (
            rest,
            [*rest, (f"{name}x", members[name])],
            [*rest, (name, others[name])],
            [(n, members[other] if n == name else members[name] if n == other else d) for n, d in members.items()],
            [*members.items(), (f"../{name}", members[name])],
        ):
            write_members(path, changed, sign=sign)
            assert content_of(path) is None, name
        if not sign:
            with pytest.warns(UserWarning, match="Duplicate name"), zipfile.ZipFile(path, "a") as archive:
                archive.writestr("head.json", members["head.json"])
            assert content_of(path) is None


def test_a_part_that_is_there_twice_is_seen(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    members = list(members_of(store(path)).items())
    for member in members[:-1]:
        with pytest.warns(UserWarning, match="Duplicate name"):
            write_members(path, [*members, member], sign=True)
        assert content_of(path) is None


def test_arrays_of_a_part_that_are_missing_doubled_or_swapped_are_seen(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    members, others = members_of(store(path)), members_of(store(path, seed=10))
    own, theirs = arrays_of(members), arrays_of(others)
    tried = as_it_was = 0
    for part, arrays in own.items():
        contents = list(arrays.values())
        for i, (name, content) in enumerate(arrays.items()):
            before, after = contents[:i], contents[i + 1 :]
            variants = [
                [*before, *after],
                [*before, content, content, *after],
                [*before, content[:-1], *after],
                [*before, content, b"\0", *after],
                [*before, theirs[part][name], *after],
                *([*before[:-1], content, before[-1], *after] for _ in before[-1:]),
            ]
            for changed in variants:
                if b"".join(changed) != members[part]:
                    write_members(path, with_part(members, part, changed), sign=True)
                    tried += 1
                    # two images may be exchanged where no table tells that they were
                    as_it_was += content_of(path) is not None
    assert tried > 150
    assert as_it_was <= 4


@pytest.mark.parametrize("name", list(counted(0).pixels.arrays()))
@pytest.mark.parametrize("change", ["one more", "negative", "another shape", "one less"])
def test_signed_arrays_that_count_other_pixels_are_seen(tmp_path: Path, name: str, change: str) -> None:
    path = tmp_path / "a.zip"
    members = members_of(store(path))
    array = counted(0).pixels.arrays()[name].copy()
    filled = np.flatnonzero(array)
    place = filled[0] if len(filled) else 0
    if change == "one more":
        array.ravel()[place] += 1
    elif change == "one less":
        array.ravel()[place] -= 1
    elif change == "negative":
        array.ravel()[place] = -5
    else:
        array = np.concatenate([array.ravel(), np.ones(3, np.int64)])
    (part,) = (part for part, of in parts_of(SMALL, 2).items() if name in of.shapes)
    shape = parts_of(SMALL, 2)[part].shapes[name]
    arrays = arrays_of(members)[part]
    if change == "another shape":
        arrays[f"{name} 0"] = to_sparse(array)
    else:
        arrays |= {f"{name} {i}": to_sparse(a) for i, a in enumerate(Part({name: shape}).stored({name: array}))}
    write_members(path, with_part(members, part, list(arrays.values())), sign=True)
    if content_of(path) is not None:
        # what no other table repeats: who is right in a bin of one class, which probability has which bin
        assert change in ("one more", "one less")
        assert name.split(".")[0] in ("confident", "classwise", "flips", "losses")


def test_no_header_makes_it_take_memory(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    members = members_of(store(path))
    described = json.loads(members["head.json"])
    lies: list[Callable[[], None]] = [
        lambda: write_members(
            path, [(n, bytes(1 << 28) if n == "pixels" else d) for n, d in members.items()], sign=True
        ),
        lambda: write_members(
            path, [*[(n, d) for n, d in members.items() if n != "head.json"], ("head.json", bytes(1 << 28))], sign=False
        ),
        lambda: write_members(
            path,
            [
                (n, json.dumps(described | {"classes": 10**6}).encode() if n == "head.json" else d)
                for n, d in members.items()
            ],
            sign=True,
        ),
        lambda: write_members(
            path,
            [
                (n, json.dumps(described | {"scores": ["msp"] * 10**6}).encode() if n == "head.json" else d)
                for n, d in members.items()
            ],
            sign=True,
        ),
    ]
    for lie in lies:
        lie()
        tracemalloc.start()
        assert content_of(path) is None
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 150e6


def test_the_format_of_a_piece_is_told_also_of_an_earlier_one_whose_members_are_deflated(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    members = members_of(store(path))
    assert format_of(path) == FORMAT
    described = json.dumps(json.loads(members["head.json"]) | {"format": 11}).encode()
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, described if name == "head.json" else content)
        archive.comment = sha256(described).hexdigest().encode()
    assert format_of(path) == 11
    assert verify_piece(path) is None
    path.write_bytes(b"0")
    assert format_of(path) is None


def test_members_are_frames_that_any_zip_file_lists(tmp_path: Path) -> None:
    with zipfile.ZipFile(io.BytesIO(store(tmp_path / "a.zip"))) as archive:
        assert archive.testzip() is None
        *parts, last = archive.infolist()
        assert last.filename == "head.json"
        assert {(info.filename[-4:], info.compress_type) for info in parts} == {(".zst", zipfile.ZIP_STORED)}
        assert all(archive.read(info).startswith(b"\x28\xb5\x2f\xfd") for info in parts)


def test_a_folder_a_pipe_or_nothing_in_its_place_is_no_piece(tmp_path: Path) -> None:
    (tmp_path / "folder.zip").mkdir()
    os.mkfifo(tmp_path / "pipe.zip")
    (tmp_path / "empty.zip").touch()
    (tmp_path / "link.zip").symlink_to(tmp_path / "nowhere")
    for name in ("folder.zip", "pipe.zip", "empty.zip", "link.zip", "none.zip"):
        assert verify_piece(tmp_path / name) is None
        assert load_piece(tmp_path / name) is None
