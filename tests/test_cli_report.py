"""`reliseg report`: what a user sees."""

import sys

import pytest
from helpers.simulated_run import write_simulated_run

from reliseg import cli


def test_a_report_is_written_and_named(tmp_path, capsys, monkeypatch):
    run, out = write_simulated_run(tmp_path / "run"), tmp_path / "page.html"
    (run / "images.csv").unlink()
    monkeypatch.setattr(sys, "argv", ["reliseg", "report", str(run), "--out", str(out)])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    said, complained = capsys.readouterr()
    assert ended.value.code in (None, 0)
    assert said == f"{out}: open it in a browser\n"
    assert "images.csv is not there" in complained
    assert out.read_text(encoding="utf-8").startswith("<!doctype html>")
