"""The table of a folder: what is done, what was cut off, and whose folder it is."""

import json

import pytest

from reliseg.deploy.files.journal import SIDECAR, TABLE, Journal, Line
from reliseg.errors import ConfigError

FACTS = {"model": {"name": "net"}, "calibration": {"name": "ts@a/b"}, "batch": 1}


def opened(folder, facts=None):
    folder.mkdir(exist_ok=True)
    journal = Journal(folder)
    journal.open(FACTS if facts is None else facts, {"*_pred.png": "classes"})
    return journal


def line(image, sha256="a" * 64, written="prediction+confidence"):
    return Line(image, sha256, 4, 6, 0.5, None, written)


def test_what_was_added_is_done_when_the_folder_is_opened_again(tmp_path):
    opened(tmp_path / "out").add(line("=a, b.png"))
    journal = opened(tmp_path / "out")
    assert journal.is_done("=a, b.png", "a" * 64, ["confidence"])
    assert not journal.is_done("=a, b.png", "b" * 64, ["confidence"])
    assert not journal.is_done("=a, b.png", "a" * 64, ["overlay"])
    assert not journal.is_done("c.png", "a" * 64, [])
    assert str(journal) == "1 image"


def test_a_line_that_was_cut_off_does_not_count_and_the_next_one_does(tmp_path):
    opened(tmp_path / "out").add(line("a.png"))
    with (tmp_path / "out" / TABLE).open("a") as table:
        table.write("b.png,aaaa")
    journal = opened(tmp_path / "out")
    assert not journal.is_done("b.png", "aaaa", [])
    journal.add(line("c.png"))
    assert opened(tmp_path / "out").is_done("c.png", "a" * 64, ["prediction"])


def test_of_several_lines_of_an_image_the_last_one_holds(tmp_path):
    first = opened(tmp_path / "out")
    first.add(line("a.png", "b" * 64))
    first.add(line("a.png"))
    assert opened(tmp_path / "out").is_done("a.png", "a" * 64, ["prediction"])
    assert (tmp_path / "out" / TABLE).read_text().count("a.png") == 1


def test_the_sidecar_says_what_predicts_and_what_files_hold(tmp_path):
    opened(tmp_path / "out")
    assert json.loads((tmp_path / "out" / SIDECAR).read_text()) == FACTS | {"files": {"*_pred.png": "classes"}}


def test_another_predictor_is_refused_and_named(tmp_path):
    opened(tmp_path / "out")
    with pytest.raises(
        ConfigError, match="out holds predictions of net with ts@a/b, or of other settings; give another"
    ):
        opened(tmp_path / "out", FACTS | {"batch": 2})


def test_a_folder_of_something_else_and_a_damaged_one_are_refused(tmp_path):
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "a.md").write_text("mine")
    with pytest.raises(ConfigError, match="notes is not empty and holds no predictions; give another --out"):
        opened(tmp_path / "notes")
    opened(tmp_path / "out")
    (tmp_path / "out" / SIDECAR).write_text("{}")
    with pytest.raises(ConfigError, match=r"predictor\.json: it is damaged; give another --out, or delete the folder"):
        opened(tmp_path / "out")
