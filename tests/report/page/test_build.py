"""The page as a file."""

import re

import pytest
from helpers.simulated_run import Shape, write_simulated_run

from reliseg.report.page import RunFiles, build_page


@pytest.fixture
def runs(tmp_path):
    return [RunFiles.read(write_simulated_run(tmp_path / "run"))]


def test_the_page_is_small_and_the_same_runs_give_the_same_bytes(runs):
    page = build_page(runs)
    assert len(page.encode()) < 1_300_000
    assert build_page(runs) == page


def test_the_page_names_no_other_file_and_forbids_to_ask_for_one(runs):
    page = build_page(runs)
    policy = "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data:"
    assert f'content="{policy}"' in page
    assert not re.search(r"<(?:link|iframe|object|embed)\b|\bsrc=\"|@import|url\(", page[: page.index("<script")])


def test_names_are_escaped_where_the_file_holds_them(tmp_path):
    name = "</script><b>x</b>"
    page = build_page(
        [RunFiles.read(write_simulated_run(tmp_path / "run", Shape(models=(name,), domains=(name, "y"))))]
    )
    assert name not in page
    assert "&lt;/script&gt;&lt;b&gt;x&lt;/b&gt;" in page
