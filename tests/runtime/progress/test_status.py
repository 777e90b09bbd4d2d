"""What the files of a run's processes make together; and files that are no status, which harm nothing."""

import json
import os
from datetime import UTC, datetime, timedelta

import pytest

from reliseg.runtime.progress.process import birth, machine
from reliseg.runtime.progress.status import (
    FILE_LIMIT,
    TEXT_LIMIT,
    ProcessStatus,
    StageStatus,
    StageSum,
    current,
    read_process,
    read_processes,
    short,
    together,
)

NOW = datetime(2026, 3, 1, 9, 30, tzinfo=UTC)


def process(pid=1, *, minute=0, stored=None, own=40, finished=0, **values):
    """A process that began some minutes after the first one, on a part of 40 shards."""
    began = NOW + timedelta(minutes=minute)
    if stored is not None:
        shards = {"total": 40, "own": own, "stored": stored, "finished": finished}
        values |= {name: {"evaluate": count} for name, count in shards.items()}
    return ProcessStatus(host="node", pid=pid, started=began, updated=began, **values)


def sums(*processes):
    return together({f"{i}.json": one for i, one in enumerate(processes)})


def test_what_is_there_is_what_all_parts_have_found_and_stored():
    assert sums(process(stored=3, finished=4)).stages == {"evaluate": StageSum(7, 40, 0)}
    parts = [process(i, stored=1, own=4, finished=3, part=f"evaluate {i}/10", state="done") for i in range(1, 11)]
    assert sums(*parts).stages == {"evaluate": StageSum(40, 40, 0)}
    assert sums(*reversed(parts[:7])).stages == {"evaluate": StageSum(28, 40, 0)}


def test_a_part_that_was_lost_and_began_again_counts_once():
    lost = process(1, stored=0, finished=3, part="evaluate 1/2", state="lost")
    again = process(2, minute=2, stored=3, finished=1, part="evaluate 1/2")
    other = process(3, stored=0, finished=4, part="evaluate 2/2")
    status = sums(lost, again, other)
    assert status.stages["evaluate"].done == 3 + 1 + 4
    assert status.counts == {"running": 2, "done": 0, "failed": 0, "interrupted": 0, "lost": 0}


def test_parts_that_were_cut_otherwise_are_not_added():
    old = [process(i, stored=0, finished=20, part=f"evaluate {i}/2", state="done") for i in (1, 2)]
    new = process(3, minute=9, stored=13, part="evaluate 1/3")
    assert sums(old[0], new).stages["evaluate"].done == 20
    assert sums(*old, new).stages["evaluate"].done == 40


def test_stages_stand_in_their_order_each_with_its_own_parts():
    shards = {"total": 5, "own": 5, "stored": 1}
    sampled = process(1, part="sample 1/1").model_copy(
        update={name: {"sample": count} for name, count in shards.items()} | {"finished": {"sample": 4}}
    )
    status = sums(process(2, stored=2, part="evaluate 1/1", minute=1), sampled)
    assert list(status.stages.items()) == [("sample", StageSum(5, 5, 0)), ("evaluate", StageSum(2, 40, 0))]


def test_never_more_is_done_than_there_is():
    assert sums(process(stored=39, finished=9)).stages["evaluate"].done == 40


def test_another_configuration_of_the_same_folder_is_not_added():
    first = process(1, stored=0, finished=10, configuration="a", state="done", part="evaluate 1/2")
    grown = process(2, minute=5, stored=10, finished=2, configuration="b", part="evaluate 2/2")
    assert sums(first, grown).stages == {"evaluate": StageSum(12, 40, 0)}


def test_failed_shards_and_samples_are_those_of_the_last_attempts():
    failed = process(
        1, stored=0, finished=3, part="evaluate 1/2", state="failed", failed={"evaluate": 2}, failed_samples=7
    )
    assert sums(failed).stages["evaluate"].failed == 2
    assert sums(failed).failed_samples == 7
    again = process(2, minute=1, stored=3, finished=1, part="evaluate 1/2", state="done")
    assert sums(failed, again).stages["evaluate"] == StageSum(4, 40, 0)
    assert sums(failed, again).failed_samples == 0


def test_a_run_of_everything_replaces_parts_that_ended_before_and_no_part_that_is_at_work():
    ended, at_work = process(1, part="evaluate 1/2", state="failed"), process(2, part="2/2")
    whole = process(3, minute=1)
    assert current([ended, at_work, whole]) == [whole, at_work]
    assert current([ended]) == [ended]


def test_speeds_add_up_and_the_time_left_is_that_of_the_slowest_stage():
    def at_work(pid, rate, shard_rate, left):
        stage = StageStatus(kind="evaluate", rate=rate, shard_rate=shard_rate, seconds_left=left)
        return process(pid, stored=0, finished=5, stage=stage, part=f"evaluate {pid}/2")

    status = sums(at_work(1, 2.5, 0.1, 9.0), at_work(2, 1.5, 0.4, 10.0))
    assert status.rate == 4.0
    assert status.seconds_left == 60.0  # 5 + 5 of 40 are there
    assert sums(at_work(1, 2.5, None, 9.0), at_work(2, None, None, 11.0)).seconds_left == 11.0
    ended = process(stage=StageStatus(rate=9.0, seconds_left=1.0), state="done")
    assert (sums(ended).rate, sums(ended).seconds_left) == (None, None)


def test_a_process_of_this_machine_is_lost_when_it_is_gone_and_of_another_when_it_is_silent():
    mine = {"machine": machine(), "birth": birth(os.getpid())}
    long_after = NOW + timedelta(days=2)
    assert process(os.getpid(), **mine).seen(long_after).state == "running"
    assert process(os.getpid(), **mine | {"birth": "1"}).seen(NOW).state == "lost"
    assert process(2**40, **mine).seen(NOW).state == "lost"
    elsewhere = process(machine="other", birth="1")
    assert elsewhere.seen(NOW + timedelta(seconds=60)).state == "running"
    assert elsewhere.seen(NOW - timedelta(seconds=60)).state == "running"
    assert elsewhere.seen(NOW + timedelta(seconds=120)).state == "lost"
    assert process(state="done").seen(long_after).state == "done"


def test_a_status_is_read_as_it_was_written(tmp_path):
    stage = StageStatus(kind="fit", title="ts", rate=0.5)
    written = process(stored=1, stage=stage, notes=("a",), errors=("b", "c"), part="evaluate 1/2")
    (tmp_path / "node-1.json").write_text(written.model_dump_json())
    (tmp_path / ".node-2.json.tmp").write_text("half")
    assert read_process(tmp_path / "node-1.json") == written
    assert list(read_processes(tmp_path)) == [tmp_path / "node-1.json"]
    values = together(read_processes(tmp_path)).values()
    assert json.loads(json.dumps(values)) == values
    assert values["stages"] == {"evaluate": {"done": 1, "total": 40, "failed": 0}}


def whole():
    return json.loads(process(stored=1).model_dump_json())


DAMAGED = {
    "empty": b"",
    "zeros": bytes(100),
    "cut off": process().model_dump_json().encode()[:50],
    "a list": b"[1, 2]",
    "deep": b"[" * 10_000,
    "no UTF-8": b'{"host": "\xff"}',
    "too large": b" " * (FILE_LIMIT + 1),
    "a negative count": json.dumps(whole() | {"failed_samples": -1}).encode(),
    "a huge count": json.dumps(whole() | {"failed_samples": 10**400}).encode(),
    "a number that is none": json.dumps(whole() | {"stage": {"rate": float("nan")}}).encode(),
    "a long text": json.dumps(whole() | {"part": "x" * (TEXT_LIMIT + 1)}).encode(),
    "many notes": json.dumps(whole() | {"notes": ["x"] * 1000}).encode(),
    "an unknown stage": json.dumps(whole() | {"total": {"nothing": 1}}).encode(),
    "an unknown state": json.dumps(whole() | {"state": "asleep"}).encode(),
    "a time without zone": json.dumps(whole() | {"started": "2026-03-01T09:30:00"}).encode(),
}


@pytest.mark.parametrize("name", DAMAGED)
def test_a_file_that_is_no_status_is_named_and_the_others_count(tmp_path, name):
    (tmp_path / "bad.json").write_bytes(DAMAGED[name])
    (tmp_path / "good.json").write_text(process(stored=2).model_dump_json())
    status = together(read_processes(tmp_path))
    assert [one.pid for one in status.processes] == [1]
    (line,) = status.unreadable
    assert line.startswith("bad.json: ")
    assert "\n" not in line


def test_a_status_of_another_version_is_said_so_and_a_pipe_is_not_waited_for(tmp_path):
    (tmp_path / "new.json").write_text(json.dumps(whole() | {"version": 2}))
    os.mkfifo(tmp_path / "pipe.json")
    (tmp_path / "folder.json").mkdir()
    assert together(read_processes(tmp_path)).unreadable == (
        "folder.json: it is a folder, not a file",
        "new.json: it is of another version of reliseg",
        "pipe.json: it is a pipe, not a regular file",
    )


def test_unknown_fields_are_no_harm(tmp_path):
    (tmp_path / "a.json").write_text(json.dumps(whole() | {"mood": "fine"}))
    assert together(read_processes(tmp_path)).unreadable == ()


def test_no_folder_is_no_process(tmp_path):
    assert together(read_processes(tmp_path / "none")).values()["processes"] == []


def test_a_text_is_made_short_and_safe():
    assert short("\x1b[31m\nred\udce9") == r"\x1b[31m\nred\xe9"
    assert len(short("x" * 10_000)) == TEXT_LIMIT
