"""What lies in a run's folder: what a run writes, by the names that it gives, and nothing else."""

from pathlib import Path

import pytest
from helpers.stores import add_piece

from reliseg.run.fit.refusals import record_files
from reliseg.run.fit.sample_records import SampleRecord
from reliseg.run.folder import RunFolder
from reliseg.run.upkeep import listing


def test_pieces_are_found_by_place(tmp_path: Path) -> None:
    place, path = add_piece(tmp_path, ["s/1"])
    other, _ = add_piece(tmp_path, ["s/2"])
    folder = RunFolder(tmp_path)
    path.with_name(".1234-5-6.tmp").write_bytes(b"")
    (tmp_path / "statistics" / "zz" / "0123").mkdir(parents=True)
    assert list(listing.places(folder)) == sorted([place, other])
    assert listing.pieces(folder, place) == [path]
    assert len(list(listing.all_pieces(folder))) == 2


def test_nothing_lies_in_a_folder_that_is_not_there(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path / "run")
    assert not list(listing.all_pieces(folder))
    assert not list(listing.fitted_places(folder))
    assert not listing.sample_record_files(folder)
    assert not list(listing.measured_files(folder))
    assert not listing.configuration_files(folder)
    assert not listing.model_files(folder)
    assert listing.older_statistics(folder) is None


def test_what_was_measured_comes_after_its_replicates(tmp_path: Path) -> None:
    kept = tmp_path / "measured" / "ab" / f"{'ab' * 32}.json.gz"
    replicates = tmp_path / "replicates" / "cd" / f"{'cd' * 16}.npz"
    for path in (kept, replicates, kept.with_name("mine.json.gz"), kept.parent.parent / "mine" / kept.name):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")
    assert list(listing.measured_files(RunFolder(tmp_path))) == [replicates, kept]


def test_calibrations_are_all_but_refusals(tmp_path: Path) -> None:
    place = tmp_path / "fitted" / ("ab" * 16)
    place.mkdir(parents=True)
    for name in ("ts@a-b.json", "ts@a-b.safetensors", "refused.json"):
        (place / name).write_text("")
    (tmp_path / "fitted" / "mine").mkdir()
    assert list(listing.fitted_places(RunFolder(tmp_path))) == [place]
    assert record_files(place) == [place / "ts@a-b.json"]


def test_records_of_samples_lie_in_their_places(tmp_path: Path) -> None:
    place = "ab" * 16
    folder = tmp_path / "samples" / "ab" / place
    (folder / "0.whole").mkdir(parents=True)
    (tmp_path / "samples" / "net" / place).mkdir(parents=True)
    of_net = tmp_path / "samples" / "net" / place / "0.json"
    for path in (folder / "0.json", folder / "0.whole" / "00.json", folder.parent / "mine.json", of_net):
        path.write_text("")
    assert listing.sample_record_files(RunFolder(tmp_path)) == [folder / "0.json"]


@pytest.mark.parametrize("name", ["/etc/passwd", "../0.npy", "0.whole/../../0.npy"])
def test_a_record_names_no_file_elsewhere(tmp_path: Path, name: str) -> None:
    record = SampleRecord(images=(), parts={}, quota=0, whole={}, files={name: "0" * 64})
    with pytest.raises(ValueError, match="lies elsewhere"):
        listing.sampled_files(tmp_path / "0.json", record)
