"""A folder is held by one process or by parts, by none that is gone, and every refusal says what is at work there."""

import errno
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from reliseg.errors import ConfigError
from reliseg.run.lock import LOCK_FILE, MARKER_FILE, lock_folder

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the locks of another system")

HOLDER = """
import sys
from pathlib import Path
from reliseg.run import lock
if sys.argv[3] == "without":
    lock._flock = lambda folder, shared: None
with lock.lock_folder(Path(sys.argv[1]), shared=sys.argv[2] == "part"):
    print("held", flush=True)
    sys.stdin.read()
"""


@contextmanager
def holder(folder: Path, kind: str, locks: str = "with") -> Iterator[subprocess.Popen[str]]:
    """A second process that holds the folder as a `run` or a `part`, `with` locks of the system or `without`."""
    command = [sys.executable, "-c", HOLDER, str(folder), kind, locks]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield process


def no_locks(monkeypatch: pytest.MonkeyPatch, number: int = errno.ENOLCK) -> None:
    def refuse(descriptor: int, operation: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr("fcntl.flock", refuse)


def test_a_second_whole_run_is_refused_until_the_first_one_ends(tmp_path):
    with holder(tmp_path, "run"):
        with pytest.raises(ConfigError, match=r"another process is writing there; wait for it, or give another --out$"):
            lock_folder(tmp_path).__enter__()
        with pytest.raises(ConfigError, match="another process, which is no part of a run, is writing there; wait"):
            lock_folder(tmp_path, shared=True).__enter__()
    with lock_folder(tmp_path):
        pass


def test_parts_work_side_by_side_and_a_whole_run_waits_for_them(tmp_path):
    with holder(tmp_path, "part"), holder(tmp_path, "part"):
        with lock_folder(tmp_path, shared=True):
            pass
        for _ in range(2):  # asking changes nothing
            with pytest.raises(ConfigError, match="parts of a run are at work there; wait for them, or give another"):
                lock_folder(tmp_path).__enter__()
    with lock_folder(tmp_path):
        pass


def test_one_process_does_not_hold_a_folder_twice(tmp_path):
    with lock_folder(tmp_path), pytest.raises(ConfigError, match="is writing there"):
        lock_folder(tmp_path).__enter__()


@pytest.mark.parametrize("kind", ["run", "part"])
def test_a_killed_process_holds_nothing(tmp_path, kind):
    with holder(tmp_path, kind) as process:
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        with lock_folder(tmp_path):
            pass


def test_a_forked_child_of_a_killed_process_holds_nothing(tmp_path):
    script = (
        "import os, signal, sys, time\nfrom pathlib import Path\nfrom reliseg.run.lock import lock_folder\n"
        "with lock_folder(Path(sys.argv[1])):\n"
        "    child = os.fork()\n"
        "    if not child:\n"
        "        sys.stdout.close(), os.close(1), time.sleep(60)\n"
        "    print(child, flush=True)\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    done = subprocess.run([sys.executable, "-c", script, str(tmp_path)], stdout=subprocess.PIPE, text=True, check=False)
    try:
        assert done.returncode == -signal.SIGKILL
        with lock_folder(tmp_path):
            pass
    finally:
        os.kill(int(done.stdout), signal.SIGKILL)


def test_a_forked_child_does_not_let_go_of_what_its_parent_holds(tmp_path):
    script = (
        "import os, sys\nfrom pathlib import Path\nfrom reliseg.run.lock import lock_folder\n"
        "with lock_folder(Path(sys.argv[1])):\n"
        "    if not os.fork():\n"
        "        os._exit(0)\n"
        "    os.wait()\n"
        "    print('held', flush=True)\n"
        "    sys.stdin.read()\n"
    )
    command = [sys.executable, "-c", script, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        with pytest.raises(ConfigError, match="is writing there"):
            lock_folder(tmp_path).__enter__()


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.ENOTSUP, errno.ENOSYS, errno.EINVAL])
def test_a_file_stands_for_the_lock_where_the_disk_has_none(tmp_path, monkeypatch, number):
    no_locks(monkeypatch, number)
    with lock_folder(tmp_path):
        assert (tmp_path / MARKER_FILE).read_text().startswith(f"{os.getpid()}\n")
    assert [path.name for path in tmp_path.iterdir()] == [LOCK_FILE]


def test_the_file_of_a_living_process_is_named_with_the_process(tmp_path, monkeypatch):
    no_locks(monkeypatch)
    with holder(tmp_path, "run", "without") as process:
        expected = rf"\(process {process.pid} on .+\); wait for it, or remove .*/{MARKER_FILE} if it is gone"
        with pytest.raises(ConfigError, match=expected):
            lock_folder(tmp_path).__enter__()


def test_the_file_of_a_killed_process_of_this_machine_is_taken_over(tmp_path, monkeypatch):
    no_locks(monkeypatch)
    with holder(tmp_path, "run", "without") as process:
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        assert (tmp_path / MARKER_FILE).exists()
        with lock_folder(tmp_path):
            assert (tmp_path / MARKER_FILE).read_text().startswith(f"{os.getpid()}\n")


def test_the_file_of_another_machine_stays_and_is_named(tmp_path, monkeypatch):
    no_locks(monkeypatch)
    (tmp_path / MARKER_FILE).write_text("123\nnode7\n")
    with pytest.raises(ConfigError, match=rf"process 123 on node7\); wait for it, or remove .*{MARKER_FILE} if it is"):
        lock_folder(tmp_path).__enter__()
    assert (tmp_path / MARKER_FILE).read_text() == "123\nnode7\n"


def test_parts_work_without_a_lock_where_the_disk_has_none(tmp_path, monkeypatch):
    no_locks(monkeypatch)
    with lock_folder(tmp_path, shared=True), lock_folder(tmp_path, shared=True):
        assert [path.name for path in tmp_path.iterdir()] == [LOCK_FILE]


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="file: cannot be written"):
        lock_folder(tmp_path / "file").__enter__()
    (tmp_path / "a" / LOCK_FILE).mkdir(parents=True)
    with pytest.raises(ConfigError, match=rf"a/{LOCK_FILE}: cannot be written \(is a directory\); give another --out"):
        lock_folder(tmp_path / "a").__enter__()


def test_an_error_of_the_work_itself_is_left_as_it_is(tmp_path):
    with pytest.raises(OSError, match="disk full"), lock_folder(tmp_path):
        raise OSError("disk full")
    with lock_folder(tmp_path):
        pass


@pytest.mark.parametrize("code", [errno.EIO, errno.ENOSPC])
def test_a_disk_that_fails_is_no_fault_of_the_folder(tmp_path, monkeypatch, code):
    def fail(*_: object) -> int:
        raise OSError(code, "the disk")

    monkeypatch.setattr(os, "open", fail)
    with pytest.raises(OSError, match="the disk") as caught:
        lock_folder(tmp_path).__enter__()
    assert caught.value.errno == code
