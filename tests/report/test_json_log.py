"""The log for programs: each line is an object with its time, its kind and values."""

import json
import sys
from datetime import UTC, datetime

import pytest

from reliseg.report import json_log
from reliseg.report.json_log import JsonLog
from reliseg.results import Origin, Results, Row, Value
from reliseg.runtime.progress import Stage


@pytest.fixture
def said(capsys):
    def read():
        out, err = capsys.readouterr()
        assert out == ""
        return [json.loads(line) for line in err.splitlines()]

    return read


def without_time(line):
    return {key: value for key, value in line.items() if key != "time"}


def test_a_stage_says_what_it_is_about_and_at_its_end_how_fast_it_was(said):
    with JsonLog() as log:
        log.begin("net on street/day", 3, Stage("evaluate", "net", "street/day", 1))
        log.advance()
        log.advance()
        log.begin("loading the kernels", 0)
    begun, ended, other = said()
    stage = {"title": "net on street/day", "stage": "evaluate", "model": "net", "domain": "street/day", "total": 3}
    assert without_time(begun) == {"kind": "begin", **stage, "done": 1}
    assert ended.pop("rate") > 0
    assert without_time(ended) == {"kind": "progress", **stage, "done": 3, "seconds_left": 0}
    nothing = {"stage": None, "model": None, "domain": None, "total": None, "done": 0}
    assert without_time(other) == {"kind": "begin", "title": "loading the kernels", **nothing}


def test_the_time_is_that_of_the_world(said):
    JsonLog().note("now")
    (line,) = said()
    assert line["time"].endswith("Z")
    assert abs((datetime.now(UTC) - datetime.fromisoformat(line["time"])).total_seconds()) < 60


def test_progress_is_said_every_few_seconds_however_many_samples_come(said, monkeypatch):
    now = [100.0]
    monkeypatch.setattr(json_log.time, "monotonic", lambda: now[0])
    with JsonLog() as log:
        log.begin("net on street/day", 1000)
        for _ in range(1000):
            now[0] += 1 / 32
            log.advance()
    lines = [line for line in said() if line["kind"] == "progress"]
    assert [line["done"] for line in lines] == [160, 320, 480, 640, 800, 960, 1000]


@pytest.mark.parametrize("text", ["\x1b[31mred", "two\nlines", "\x7f", "道", "\udce9", "\u202e", '"quoted"'])
def test_a_line_is_ascii_without_what_a_terminal_obeys_and_gives_the_text_as_it_was(capsys, text):
    JsonLog().note(text)
    JsonLog().error(text)
    lines = capsys.readouterr().err.splitlines()
    assert [json.loads(line)["kind"] for line in lines] == ["note", "error"]
    for line in lines:
        assert line.isascii()
        assert line.isprintable()
        assert json.loads(line)["text"] == text


def test_the_end_says_where_the_results_are_and_the_exit_code(said, tmp_path):
    origin = Origin("net", "street", "day")
    values = [Value.exact("miou", 0.5, "d"), Value.undefined("auroc", "no wrong pixel", "d")]
    rows = tuple(Row.of(origin, value, n_images=1, n_pixels=1) for value in values)
    (tmp_path / "results.json").write_text(Results(rows).to_json())
    log = JsonLog()
    log.finish(tmp_path)
    log.end(1)
    results, end = map(without_time, said())
    assert results == {"kind": "results", "path": str(tmp_path / "results.csv"), "numbers": 1, "undefined": 1}
    assert end == {"kind": "end", "exit_code": 1}


def test_an_error_stream_that_is_closed_or_full_disturbs_nothing(monkeypatch):
    class Full:
        def write(self, text):
            raise OSError(28, "No space left on device")

    for stream in (None, Full()):
        monkeypatch.setattr(sys, "stderr", stream)
        JsonLog().note("nobody hears this")
