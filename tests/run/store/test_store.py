"""Pieces by place: named by content, joined without a change, told where they are not whole."""

from pathlib import Path

import numpy as np
import pytest
from helpers.worlds import WORLDS

from reliseg.run.hashes import InputHashes
from reliseg.run.store.piece_files import FORMAT, Observed, PieceHead, StoredHead, load_piece, verify_piece
from reliseg.run.store.store import Place, Store, place_of

WORLD = WORLDS["plain"]
PLACE = place_of({"model": "1"}, "f", ["0", "1", "2"])


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "statistics", InputHashes())


def save(store: Store, *images: int, place: Place = PLACE, digest: str = "0", **head: object) -> Path:
    parts = [Observed(*WORLD.observe(np.flatnonzero(WORLD.image == i), str(i))) for i in images]
    observed = sum(parts[1:], parts[0])
    facts = PieceHead({str(i): digest * 64 for i in images}, {}, {"model": "1"}, "f", **head)  # type: ignore[arg-type]
    return store.save(place, facts, observed).path


def test_a_place_depends_on_content_and_on_no_order() -> None:
    parts = {"model": "1", "label map": "2"}
    one = place_of(parts, "f", ["a", "b"])
    assert place_of(dict(reversed(parts.items())), "f", ["b", "a"]) == one
    others = [
        place_of(parts | {"model": "2"}, "f", ["a", "b"]),
        place_of(parts, "g", ["a", "b"]),
        place_of(parts, "f", ["a"]),
    ]
    assert len({one, *others}) == 4


def test_a_piece_is_named_by_content_and_not_by_who_made_it_or_what_it_was_called(store: Store) -> None:
    path = save(store, 0, 1)
    assert save(store, 1, 0, made={"processor": "other"}, named={"model": "other"}) == path
    assert save(store, 0, 1, digest="1") != path
    assert save(store, 0) != path
    assert sorted(store.folder.glob("??/*/*.zip")) == sorted(p.path for p in store.pieces(PLACE)[0])


def test_pieces_that_are_joined_hold_what_they_held(store: Store) -> None:
    save(store, 0)
    save(store, 2, 1)
    found, _ = store.pieces(PLACE)
    store.join(PLACE, found)
    ((joined,), broken) = store.pieces(PLACE)
    assert broken == []
    whole = load_piece(joined.path)
    assert whole is not None
    expected = load_piece(save(store, 0, 1, 2))
    assert expected is not None
    assert joined.samples == {"0", "1", "2"}
    assert whole.observed.pixels == expected.observed.pixels
    assert whole.observed.samples == expected.observed.samples


def test_pieces_of_two_stores_lie_beside_each_other(store: Store, tmp_path: Path) -> None:
    other = Store(tmp_path / "other", InputHashes())
    save(store, 0)
    path = save(other, 1, 2)
    target = store.folder / path.relative_to(other.folder)
    target.write_bytes(path.read_bytes())
    found, _ = store.pieces(PLACE)
    assert sorted(i for piece in found for i in piece.samples) == ["0", "1", "2"]


@pytest.mark.parametrize("damage", [b"", b"PK\5\6", None])
def test_a_file_that_is_not_whole_is_told_and_is_no_piece(store: Store, damage: bytes | None) -> None:
    path = save(store, 0)
    assert store.pieces(PLACE)[1] == []
    path.write_bytes(path.read_bytes()[:-1] + b"x" if damage is None else damage)
    assert store.pieces(PLACE) == ([], [path])


def test_a_folder_of_another_version_says_its_format_until_a_piece_of_this_one_lies_there(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert store.of_another_version() == ""
    with monkeypatch.context() as patched:
        patched.setattr("reliseg.run.store.piece_files.FORMAT", FORMAT - 1)
        save(store, 0)
    (store.folder / "ab" / "place").mkdir(parents=True)
    (store.folder / "ab" / "place" / "damaged.zip").write_bytes(b"PK")
    assert store.of_another_version() == (
        f"what lies here is of another version of reliseg (format {FORMAT - 1}, this one has {FORMAT})"
    )
    save(store, 1)
    assert store.of_another_version() == ""


def test_why_samples_failed_is_kept_until_they_do_not(store: Store) -> None:
    assert store.failures(PLACE) == {}
    store.note_failures(PLACE, {"0": "NaN"})
    assert store.failures(PLACE) == {"0": "NaN"}
    (path,) = store.folder.rglob("failures.json")
    path.write_text("[")
    assert store.failures(PLACE) == {}
    store.note_failures(PLACE, {})
    assert not path.exists()


def flip_a_bit(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def test_a_piece_is_looked_at_once_by_a_process_and_again_where_its_file_has_changed(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked: list[Path] = []

    def verify(path: Path) -> StoredHead | None:
        looked.append(path)
        return verify_piece(path)

    monkeypatch.setattr("reliseg.run.store.store.verify_piece", verify)
    path = save(store, 0, 1)
    other = Store(store.folder, InputHashes())
    ((first,), _), ((second,), _) = other.pieces(PLACE), other.pieces(PLACE)
    assert first.path == second.path == path
    assert looked == [path]
    flip_a_bit(path)
    assert other.pieces(PLACE) == ([], [path])
    assert other.pieces(PLACE) == ([], [path])
    assert looked == [path] * 3


def test_of_a_piece_that_a_process_has_written_only_the_sums_are_checked(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = save(store, 0, 1)
    with monkeypatch.context() as patched:
        patched.delattr("reliseg.run.store.store.verify_piece")
        ((piece,), broken) = store.pieces(PLACE)
    assert (piece.path, broken) == (path, [])
    flip_a_bit(path)
    assert store.pieces(PLACE) == ([], [path])
