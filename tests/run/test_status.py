"""What a process says in a run's folder: at stage changes, at its end, and without ever disturbing the run."""

import json
import os
import subprocess
import sys
import time

import pytest

from reliseg.errors import ConfigError, IncompleteError
from reliseg.run import status as module
from reliseg.run.status import STATUS_FOLDER, Watch, read_status
from reliseg.runtime.progress import Silent, Stage


def wait_for(condition):
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.fixture
def run(tmp_path):
    (tmp_path / "config.yaml").touch()
    return tmp_path


class Heard(Silent):
    def __init__(self):
        self.lines = []

    def begin(self, title, total, stage=None):
        self.lines.append((title, total, stage))

    def advance(self, count=1):
        self.lines.append(count)

    def end_shard(self, failed=0):
        self.lines.append(("shard", failed))

    def note(self, text):
        self.lines.append(text)


def test_all_that_is_told_is_told_on(run):
    heard, stage = Heard(), Stage("evaluate", "net", "street/day", 1)
    with Watch(run, heard) as watch:
        watch.begin("net on street/day", 3, stage)
        watch.advance()
        watch.advance(2)
        watch.end_shard(1)
        watch.note("hm")
    assert heard.lines == [("net on street/day", 3, stage), 1, 2, ("shard", 1), "hm"]


def test_a_stage_stands_in_the_file_soon_after_it_began(run):
    with Watch(run, Silent(), "abc").doing("evaluate 3/40") as watch:
        watch.begin("net on street/day", 3, Stage("evaluate", "net", "street/day", 1))
        wait_for(lambda: any(p.stage.total for p in read_status(run).processes))
        (process,) = read_status(run).processes
        assert (process.state, process.pid, process.part) == ("running", os.getpid(), "evaluate 3/40")
        assert process.configuration == "abc"
        stage = process.stage
        assert (stage.kind, stage.model, stage.domain, stage.done, stage.total) == (
            "evaluate",
            "net",
            "street/day",
            1,
            3,
        )
        (path,) = (run / STATUS_FOLDER).iterdir()
        assert path.name.startswith(f"{os.uname().nodename}-{os.getpid()}")
    assert read_status(run).processes[0].state == "done"


def test_shards_are_counted_by_stage_and_added_to_what_was_stored(run):
    shards = {"sample": 5, "evaluate": 40}
    with Watch(run, Silent()) as watch:
        watch.plan(shards, shards, {"sample": 2, "evaluate": 3})
        watch.begin("net on street/cal", 3, Stage("sample", shards=2))
        for _ in range(3):
            watch.end_shard()
        watch.begin("net on street/day", 3, Stage("evaluate", shards=1))
        for _ in range(4):
            watch.end_shard()
        watch.end_shard(failed=2)
    status = read_status(run)
    assert {kind: (s.done, s.total, s.failed) for kind, s in status.stages.items()} == {
        "sample": (5, 5, 0),
        "evaluate": (7, 40, 1),
    }
    assert status.failed_samples == 2


def test_a_part_counts_its_own_shards_and_those_that_are_stored_as_stages_begin(run):
    with Watch(run, Silent()).doing("evaluate 3/10") as watch:
        watch.plan({"evaluate": 40}, {"evaluate": 4})
        watch.begin("net on street/day", 3, Stage("evaluate", shards=1))
        watch.end_shard()
        watch.begin("net on street/dusk", 3, Stage("evaluate", shards=1))
    status = read_status(run)
    (process,) = status.processes
    assert (process.done["evaluate"], process.own["evaluate"]) == (3, 4)
    assert (status.stages["evaluate"].done, status.stages["evaluate"].total) == (3, 40)


def test_a_watch_may_begin_again(run):
    watch = Watch(run, Silent())
    with pytest.raises(KeyboardInterrupt), watch:
        raise KeyboardInterrupt
    with watch:
        wait_for(lambda: read_status(run).counts["running"] == 1)
    assert read_status(run).counts["done"] == 1


@pytest.mark.parametrize(
    ("error", "state", "lines"),
    [
        (IncompleteError("one\nline", "another"), "failed", (r"one\nline", "another")),
        (OSError(28, "No space left on device"), "failed", ("OSError: [Errno 28] No space left on device",)),
        (KeyboardInterrupt(), "interrupted", ()),
    ],
)
def test_the_end_says_how_it_was_and_why(run, error, state, lines):
    with pytest.raises(type(error)), Watch(run, Silent()):
        raise error
    (process,) = read_status(run).processes
    assert (process.state, process.errors) == (state, lines)


def test_only_the_last_notes_are_kept_and_long_ones_shortened(run):
    with Watch(run, Silent()) as watch:
        for i in range(20):
            watch.note(f"note {i}\x1b" + "x" * 10_000)
    notes = read_status(run).processes[0].notes
    assert [note.partition("\\")[0] for note in notes] == [f"note {i}" for i in range(15, 20)]
    assert (run / STATUS_FOLDER).stat().st_size < 1 << 16


def test_a_folder_that_is_not_there_is_not_made(tmp_path):
    with Watch(tmp_path / "none", Silent()) as watch:
        watch.begin("files", 3)
        time.sleep(0.1)
    assert not (tmp_path / "none").exists()


def test_where_nothing_can_be_written_the_run_goes_on(run):
    (run / STATUS_FOLDER).touch()
    with Watch(run, Silent()) as watch:
        watch.begin("net", 3)
        watch.advance()
    assert (run / STATUS_FOLDER).is_file()


def test_a_disk_that_does_not_answer_is_not_waited_for(run, monkeypatch):
    monkeypatch.setattr(module, "write_text", lambda path, text: time.sleep(30))
    begun = time.monotonic()
    with Watch(run, Silent()) as watch:
        for i in range(1000):
            watch.begin(f"stage {i}", 3)
            watch.advance()
    assert time.monotonic() - begun < 2


def test_an_image_costs_microseconds(run):
    with Watch(run, Silent()) as watch:
        watch.begin("net", 20_000)
        begun = time.perf_counter()
        for _ in range(20_000):
            watch.advance()
        assert time.perf_counter() - begun < 1  # 50 microseconds each; 3 were measured


def test_the_file_is_written_a_few_times_however_many_stages_there_are(run, monkeypatch):
    writes = []
    monkeypatch.setattr(module, "write_text", lambda path, text: writes.append(text))
    with Watch(run, Silent()) as watch:
        for i in range(500):
            watch.begin(f"stage {i}", 3)
            watch.advance(3)
            time.sleep(0.001)
    assert 1 <= len(writes) <= 8
    assert json.loads(writes[-1])["state"] == "done"


def test_a_process_that_does_nothing_for_long_still_says_that_it_is_there(run, monkeypatch):
    monkeypatch.setattr(module, "_EVERY", 0.02)
    monkeypatch.setattr(module, "_HEARTBEAT", 0.06)
    with Watch(run, Silent()) as watch:
        watch.begin("loading net", 0, Stage("load", "net"))
        wait_for(lambda: read_status(run).processes)
        first = read_status(run).processes[0].updated
        wait_for(lambda: read_status(run).processes[0].updated > first)


@pytest.mark.slow
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux says at once that a process is gone")
def test_a_process_that_was_killed_is_lost(run):
    code = (
        "import time; from pathlib import Path; from reliseg.run.status import Watch\n"
        "from reliseg.runtime.progress import Silent, Stage\n"
        f"with Watch(Path({str(run)!r}), Silent()).doing('evaluate 1/2') as watch:\n"
        "    watch.begin('net', 3, Stage('evaluate', 'net'))\n    time.sleep(60)\n"
    )
    with subprocess.Popen([sys.executable, "-c", code]) as process:
        wait_for(lambda: any(p.stage.kind for p in read_status(run).processes))
        assert read_status(run).counts["running"] == 1
        process.kill()
    (lost,) = read_status(run).processes
    assert (lost.state, lost.part, lost.stage.model) == ("lost", "evaluate 1/2", "net")


def write(run, pid, minute, **values):
    time_of = f"2026-03-01T09:{minute:02d}:00Z"
    content = {"host": "node", "pid": pid, "started": time_of, "updated": time_of, **values}
    (run / STATUS_FOLDER).mkdir(exist_ok=True)
    (run / STATUS_FOLDER / f"node-{pid}.json").write_text(json.dumps(content))


def pids(run):
    return sorted(process.pid for process in read_status(run).processes)


def test_a_new_process_removes_what_others_have_replaced(run):
    write(run, 1, 1, part="1/2", state="failed")
    write(run, 2, 2, part="1/2", state="done")
    write(run, 3, 3, part="2/2", state="failed")
    with Watch(run, Silent()).doing("2/2"):
        pass
    assert not (run / STATUS_FOLDER / "node-1.json").exists()
    assert pids(run) == sorted([2, os.getpid()])


def test_parts_that_one_process_does_one_after_the_other_are_all_there(run):
    for part in ("1/2", "2/2"):
        with Watch(run, Silent()).doing(part):
            pass
    assert [process.part for process in read_status(run).processes] == ["1/2", "2/2"]


def test_a_folder_that_is_no_run_is_refused(tmp_path):
    for path in (tmp_path, tmp_path / "none", tmp_path / "a\0b"):
        with pytest.raises(ConfigError, match=r"it is no folder of a run; give the --out of reliseg run"):
            read_status(path)


def test_a_run_of_which_nobody_has_said_anything_has_no_processes(run):
    assert read_status(run).processes == ()
