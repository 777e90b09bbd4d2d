"""The status of a run as people see it: a line for all, a table of stages, and one of processes."""

import json
import re
from datetime import UTC, datetime, timedelta

import pytest

from reliseg.report import status as module
from reliseg.report.status import headline, print_status
from reliseg.runtime.progress.status import ProcessStatus, RunStatus, StageStatus, StageSum

STAGE = StageStatus(
    kind="evaluate", model="net", domain="acdc/fog", done=120, total=400, rate=3.1, seconds_left=90.3,
)  # fmt: skip


def process(pid, **values):
    began = datetime.now(UTC) - timedelta(hours=2)  # before this test, not before all that ran until then
    return ProcessStatus(host="node1", pid=pid, started=began, updated=began, **values)


@pytest.fixture
def status():
    return RunStatus(
        (
            process(
                1,
                part="evaluate 3/40",
                stage=STAGE,
                own={"evaluate": 7},
                stored={"evaluate": 2},
                notes=("first", "last note"),
            ),
            process(2, part="evaluate 4/40", state="failed", errors=("disk: full; make room",), failed_samples=2),
            process(3, part="evaluate 5/40", state="done"),
        ),
        {"sample": StageSum(12, 12, 0), "evaluate": StageSum(31, 40, 1)},
        ("x.json: it is no status, or a damaged one",),
    )


def shown(capsys, status, **options):
    print_status("runs/study", lambda: status, **{"as_json": False, "watch": False} | options)
    out, err = capsys.readouterr()
    assert err == ""
    return out


def test_it_says_what_each_process_does_and_what_that_makes_together(capsys, status):
    lines = [line.split() for line in shown(capsys, status).splitlines()]
    assert " ".join(lines[0]) == "runs/study: 1 running, 1 done, 1 failed; 2 samples failed; 3.1/s, 0:01:30 left"
    assert lines[2:5] == [
        ["stage", "done", "of", "failed"],
        ["sample", "12", "12", "-"],
        ["evaluate", "31", "40", "1"],
    ]
    expected = "node1:1 evaluate 3/40 running evaluate net acdc/fog 2/7 120/400 3.1/s, 0:01:30 left 2:0"
    assert " ".join(lines[7]).startswith(expected)
    assert lines[8][:4] == ["node1:2", "evaluate", "4/40", "failed"]
    assert [" ".join(line) for line in lines[10:]] == [
        "node1:1: last note",
        "node1:2: disk: full; make room",
        "x.json: it is no status, or a damaged one",
    ]


def test_where_it_is_no_terminal_it_is_plain_and_where_it_is_one_too_narrow_for_nothing(capsys, status, monkeypatch):
    assert "\x1b" not in shown(capsys, status)
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "20")
    text = re.sub(r"\x1b\[[0-9;]*m", "", shown(capsys, status))
    assert "acdc/fog" in text
    assert "evaluate 3/40" in text


def test_names_from_outside_are_shown_as_they_are_and_give_no_orders(capsys):
    hostile = process(1, part="[bold]x[/y]", stage=StageStatus(model="\x1b[2J", title=":car:"), errors=("\x1b]0;\n",))
    text = shown(capsys, RunStatus((hostile,), {}, ("\x1b.json: no",)))
    assert "[bold]x[/y]" in text
    assert ":car:" in text
    assert r"\x1b[2J" in text
    assert "\x1b" not in text


def test_a_run_without_processes_is_said_so():
    assert headline(RunStatus((), {})) == "no process has said that it is at work"


def test_as_json_everything_is_one_line(capsys, status):
    (line,) = shown(capsys, status, as_json=True).splitlines()
    values = json.loads(line)
    assert values["run"] == "runs/study"
    assert (values["running"], values["failed"], values["lost"]) == (1, 1, 0)
    assert values["stages"]["evaluate"] == {"done": 31, "total": 40, "failed": 1}
    assert [one["pid"] for one in values["processes"]] == [1, 2, 3]


def test_a_watched_run_is_shown_until_no_process_is_at_work(capsys, status, monkeypatch):
    monkeypatch.setattr(module.time, "sleep", lambda seconds: None)
    states = iter([status, status, RunStatus((process(1, state="done"),), {})])
    print_status("run", lambda: next(states), as_json=True, watch=True)
    assert len(capsys.readouterr().out.splitlines()) == 3
