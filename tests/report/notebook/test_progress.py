"""The bar of a notebook: how far a stage is, notes as text, and nothing left of it at the end but notes."""

import pytest

from reliseg.report.notebook.progress import NotebookBar, shown_progress
from reliseg.report.terminal import Terminal
from reliseg.runtime.progress import Stage


class Cell:
    """The output of a cell: what was shown, picture after picture."""

    def __init__(self):
        self.pictures, self.time = [], 0.0

    def show(self, html):
        self.pictures.append(html)
        return self.pictures.append

    def clock(self):
        return self.time


@pytest.fixture
def cell():
    return Cell()


def test_a_bar_shows_the_stage_and_its_count(cell):
    with NotebookBar(cell.show, cell.clock) as bar:
        bar.begin("net on camvid/dusk", 20, Stage("evaluate", done=4))
        assert 'net on camvid/dusk <progress value="4" max="20"' in cell.pictures[-1]
        assert "4 of 20" in cell.pictures[-1]
        bar.begin("net: metrics", 0)
        assert cell.pictures[-1] == "<div><div>net: metrics</div></div>"
    assert cell.pictures[-1] == "<div></div>"


def test_it_is_drawn_no_more_often_than_eyes_see(cell):
    with NotebookBar(cell.show, cell.clock) as bar:
        bar.begin("a", 1000)
        for _ in range(1000):
            cell.time += 0.01
            bar.advance()
            bar.end_shard()
        assert len(cell.pictures) <= 42
        assert "1000 of 1000" in cell.pictures[-1] or cell.time - bar._drawn < 0.25


def test_notes_stay_as_text(cell):
    with NotebookBar(cell.show, cell.clock) as bar:
        bar.note("<b>a</b>\x1b[31m")
        for i in range(30):
            bar.note(f"note {i}")
    assert "<b>" not in cell.pictures[0]
    assert "\x1b" not in cell.pictures[0]
    assert "<div>11 lines before</div><div>note 10</div>" in cell.pictures[-1]


def test_what_failed_is_left_where_it_stopped(cell):
    bar = NotebookBar(cell.show, cell.clock)
    bar.begin("a <stage>", 3)
    bar.__exit__(ValueError, ValueError("x"), None)
    assert "a &lt;stage&gt;" in cell.pictures[-1]


def test_outside_of_notebooks_the_terminal_shows_it():
    assert isinstance(shown_progress(), Terminal)
