"""How numbers and notes are written."""

import pytest
from helpers.result_rows import result_row, with_interval

from reliseg.report.tables.grid import Wanted, grid_of
from reliseg.report.tables.wording import Names, Writing, best_text, interval_text, shared_names


@pytest.mark.parametrize(
    ("writing", "metric", "value", "text", "heading"),
    [
        (Writing(), "miou", 0.71249, "71.2", "mIoU (%) ↑"),
        (Writing(digits=2), "ece", 0.0123, "1.23", "ECE (%) ↓"),
        (Writing(percent=False), "miou", 0.71249, "0.712", "mIoU ↑"),
        (Writing(), "prr", 65.04, "65.0", "PRR (%) ↑"),
        (Writing(percent=False), "prr", 65.04, "65.0", "PRR (%) ↑"),
        (Writing(), "nll", 0.34567, "0.346", "NLL (nats) ↓"),
        (Writing(), "drop_miou", -0.0512, "−5.1", "Drop of mIoU (%) ↓"),
        (Writing(), "drop_miou", -0.00001, "0.0", "Drop of mIoU (%) ↓"),
        (Writing(), "mine", 0.5, "0.500", "mine"),
    ],
)
def test_shares_are_written_in_percent_unless_as_fractions(writing, metric, value, text, heading):
    assert (writing.number(value, metric), writing.heading(metric)) == (text, heading)


def test_an_interval_is_written_where_there_is_one_and_it_is_wanted():
    row = with_interval(result_row(0.5, metric="miou"), 0.4, 0.6)
    assert Writing(intervals=True).interval(row) == "[40.0, 60.0]"
    assert Writing().interval(row) == Writing(intervals=True).interval(result_row(0.5)) == ""
    assert interval_text([row], Writing(intervals=True)) == "In brackets, 95 % intervals over images"
    assert interval_text([row], Writing()) == ""


def test_names_that_all_share_a_part_are_short_and_empty_ones_a_dash():
    grid = grid_of([result_row(0.5, metric="miou"), result_row(0.5, metric="miou", model="")], Wanted())
    names = Names.of(grid, Writing())
    assert [names.text(*pair) for pair in (("domain", "street/dusk"), ("calibration", "identity"), ("model", ""))] == [
        "dusk",
        "uncalibrated",
        "–",
    ]
    assert shared_names(grid, names) == (("calibration", "uncalibrated"),)


def test_what_bold_means_is_said_where_numbers_were_compared():
    assert best_text(True, True).startswith("Bold numbers are the best")
    assert best_text(False, True).startswith("No best number is bold")
    assert best_text(False, False) == ""
