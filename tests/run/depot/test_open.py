"""What users call a run: a path, or an address."""

from pathlib import Path

import pytest

from reliseg.errors import ConfigError
from reliseg.run.depot.base import LocalDepot
from reliseg.run.depot.open import local_folder, open_depot, readable_run


def test_a_path_is_the_folder_itself() -> None:
    folder, depot = open_depot("runs/a")
    assert (folder, depot.name(folder)) == (Path("runs/a"), "runs/a")
    assert isinstance(depot, LocalDepot)


@pytest.mark.parametrize(
    ("out", "advice"),
    [
        (Path("s3://bucket/runs/a"), "write s3://bucket/runs/a as a text"),
        ("ftp://host/a", "begins with none of s3://"),
        ("https://host/a", "a web server takes no files; give a place in s3:// or gs://"),
        ("s3://", "names no bucket"),
    ],
)
def test_what_can_be_no_run_is_refused_with_the_next_step(out: str | Path, advice: str) -> None:
    with pytest.raises(ConfigError, match=advice):
        open_depot(out)


def test_commands_on_folders_refuse_addresses() -> None:
    assert local_folder("runs/a") == Path("runs/a")
    for run in ("s3://bucket/a", Path("s3://bucket/a")):
        with pytest.raises(ConfigError, match="copy it to a folder first"):
            local_folder(run)


def test_a_run_is_read_by_its_folder_or_its_table(tmp_path: Path) -> None:
    (tmp_path / "results.json").write_text("{}")
    assert readable_run(tmp_path) == readable_run(str(tmp_path / "results.json")) == tmp_path
    assert readable_run("none") == Path("none")
