"""The terminal: what is printed at the end of a run, and lines for logs where there is no terminal."""

import io
import re

import pytest

from reliseg.report import terminal
from reliseg.report.terminal import Terminal, speed_text
from reliseg.results import Origin, Results, Row, Value
from reliseg.runtime.printable import replace_unprintable
from reliseg.runtime.progress import Stage
from reliseg.runtime.progress.pace import Pace

ORIGIN = Origin("net", "street", "day")


def write(folder, *values):
    rows = tuple(Row.of(ORIGIN, value, n_images=1, n_pixels=1) for value in values)
    (folder / "results.json").write_text(Results(rows).to_json())


def undefined(why, count):
    return [Value.undefined("m", why, "d")] * count


@pytest.fixture
def finish(tmp_path, capsys):
    def run(*values):
        write(tmp_path, *values)
        Terminal().finish(tmp_path)
        return capsys.readouterr()

    return run


def test_the_table_is_the_output_and_where_the_numbers_are_a_note(finish, tmp_path):
    out, err = finish(Value.exact("miou", 0.5, "d"), Value.exact("nll", 0.25, "d"))
    assert [line.split() for line in out.splitlines()] == [
        ["model", "domain", "calibration", "mIoU", "NLL"],
        ["net", "street/day", "identity", "0.5000", "0.2500"],
    ]
    assert err == f"2 numbers: {tmp_path / 'results.csv'}\n"


def test_why_numbers_do_not_apply_is_said_with_counts_the_most_frequent_first(finish):
    values = [*undefined("no wrong pixel", 2), *undefined("no reference", 3), Value.exact("miou", 0.5, "d")]
    assert finish(*values).err.splitlines()[-1] == (
        "5 do not apply here, because: no reference (3); no wrong pixel (2)"
    )
    values += [*undefined("no image", 4), *undefined("a", 1), *undefined("b", 1)]
    assert finish(*values).err.splitlines()[-1] == (
        "11 do not apply here, because: no image (4); no reference (3); no wrong pixel (2); other reasons (2)"
    )


def test_no_results_are_no_table(finish, tmp_path):
    out, err = finish()
    assert out == ""
    assert err == f"0 numbers: {tmp_path / 'results.csv'}\n"


def test_stages_are_lines_where_there_is_no_terminal(capsys):
    with Terminal() as shown:
        shown.begin("net on street/day", 3)
        for _ in range(3):
            shown.advance()
        shown.begin("loading the kernels", 0)
        shown.note("[bold] is no markup, and a long line is not broken" + " ." * 200)
    out, err = capsys.readouterr()
    assert out == ""
    assert err.splitlines() == [
        "net on street/day (3)",
        "loading the kernels",
        "[bold] is no markup, and a long line is not broken" + " ." * 200,
    ]


def test_a_long_stage_says_each_minute_how_far_it_is_where_there_is_no_terminal(capsys, monkeypatch):
    now = [0.0]
    monkeypatch.setattr(terminal.time, "monotonic", lambda: now[0])
    shown = Terminal()
    shown.begin("net on street/day", 500, Stage("evaluate", "net", "street/day", 100))
    shown._pace = Pace(100, lambda: now[0])
    for _ in range(3):
        now[0] += 40
        shown.advance(80)
    assert capsys.readouterr().err.splitlines() == [
        "net on street/day (500)",
        "net on street/day: 260 of 500, 2.0/s, 0:02:00 left",
    ]


@pytest.mark.parametrize(
    ("rate", "left", "text"),
    [(None, None, ""), (3.14, None, "3.1/s"), (0.0125, 90.4, "0.013/s, 0:01:30 left"), (2, 90_000, "2.0/s, 1 day, ")],
)
def test_slow_speeds_have_more_digits_and_long_times_have_days(rate, left, text):
    assert speed_text(rate, left).startswith(text)
    assert bool(text) == bool(speed_text(rate, left))


def test_the_bar_shows_speed_and_time_left_also_of_samples_that_come_at_once(capsys, monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "120")
    now = [0.0]
    with Terminal() as shown:
        shown.begin("net on street/day", 1000, Stage("evaluate", "net", "street/day", 100))
        pace = Pace(100, lambda: now[0])
        shown._bar.update(shown._task, pace=pace)
        shown._pace = pace
        for _ in range(2):
            now[0] += 100
            shown.advance(200)
        shown._bar.refresh()
    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", capsys.readouterr().err)
    assert "500/1000 2.0/s, 0:04:10 left" in text


NAMES = {
    "[bold]a[/]": "[bold]a[/]",
    "x[/y]": "x[/y]",
    ":car:": ":car:",
    "\x1b[31m\na": r"\x1b[31m\na",
    "{task}": "{task}",
}


@pytest.mark.parametrize("is_terminal", [False, True])
@pytest.mark.parametrize("name", NAMES)
def test_names_are_shown_as_they_are_and_no_markup_emoji_or_order_to_the_terminal(
    capsys, monkeypatch, name, is_terminal
):
    if is_terminal:
        monkeypatch.setenv("FORCE_COLOR", "1")
    with Terminal() as terminal:
        terminal.begin(f"model on {name}", 2)
        terminal.advance()
        terminal.note(f"not evaluated: {name}")
        terminal._bar.refresh()
    shown = capsys.readouterr().err
    assert f"not evaluated: {NAMES[name]}" in shown
    assert f"model on {NAMES[name]}" in shown
    assert name.isprintable() or name not in shown


def test_the_table_goes_to_the_output_whatever_its_encoding_can_write(tmp_path, monkeypatch):
    origin = Origin("道路", "street", "nächt")
    row = Row.of(origin, Value.exact("miou", 0.5, "d"), n_images=1, n_pixels=1)
    (tmp_path / "results.json").write_text(Results((row,)).to_json())
    raw = io.BytesIO()
    output = io.TextIOWrapper(raw, encoding="latin-1")
    monkeypatch.setattr("sys.stdout", output)
    replace_unprintable(output)
    Terminal().finish(tmp_path)
    output.flush()
    assert r"\u9053\u8def" in raw.getvalue().decode("latin-1")
    assert "street/nächt" in raw.getvalue().decode("latin-1")
