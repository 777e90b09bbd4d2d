"""What users call a run: a path, or an address."""

from pathlib import Path

import pytest

from reliseg.errors import ConfigError
from reliseg.run.depot.base import LocalDepot
from reliseg.run.depot.open import keep_tables, open_depot, place_of_run


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


def test_one_run_has_one_place_whichever_path_or_address_leads_to_it(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path)
    assert place_of_run(tmp_path / "link" / "a") == place_of_run(str(tmp_path / "a"))
    assert place_of_run("s3://bucket/a/") == place_of_run("S3://bucket/a") != place_of_run("s3://bucket/b")


def test_of_a_run_that_ended_only_the_tables_are_kept(tmp_path: Path) -> None:
    for name in (
        "results.json",
        "images.csv",
        "replicates/ab/x.npz",
        "pictures/a.npz",
        "statistics/ab/y.zip",
        "inputs.sqlite",
        ".lock",
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    keep_tables(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["images.csv", "pictures", "replicates", "results.json"]
