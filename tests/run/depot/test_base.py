"""The folder of a run that is what others read too: nothing is copied, and removing is removing."""

from pathlib import Path

from reliseg.run.depot.base import LocalDepot


def test_files_are_removed_where_they_are(tmp_path: Path) -> None:
    depot, file, folder = LocalDepot(), tmp_path / "a", tmp_path / "b" / "c"
    file.write_text("1")
    folder.mkdir(parents=True)
    depot.put(file)
    depot.hand_over(file)
    assert file.exists()
    depot.remove(file, file)
    depot.remove_folder(folder.parent)
    assert list(tmp_path.iterdir()) == []
