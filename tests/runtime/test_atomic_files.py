"""A file is there whole or not at all, whatever happens meanwhile, and nothing else stays in its folder."""

import errno
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from reliseg.runtime.atomic_files import is_temporary, naming, remove_leftovers, write_atomically, write_text
from reliseg.runtime.file_names import NAME_BYTES

WRITER = """
import sys
from pathlib import Path
from reliseg.runtime.atomic_files import write_atomically
def write(file):
    print("writing", flush=True)
    sys.stdin.read()
write_atomically(Path(sys.argv[1]), write)
"""


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def started_writer(path: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", WRITER, str(path)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "writing\n"
    return process


def test_the_file_and_its_folders_are_written(tmp_path):
    path = tmp_path / "a" / "c" / "b.bin"
    write_atomically(path, lambda file: file.write(b"\x00\xff"))
    assert path.read_bytes() == b"\x00\xff"
    assert names_in(path.parent) == ["b.bin"]


def test_text_is_utf_8_and_lines_end_as_they_are_given(tmp_path):
    write_text(tmp_path / "a.csv", "é\r\nb\n")
    assert (tmp_path / "a.csv").read_bytes() == "é\r\nb\n".encode()


@pytest.mark.parametrize("error", [OSError("no space left on device"), KeyboardInterrupt(), MemoryError()])
def test_a_writer_that_fails_leaves_the_file_of_before(tmp_path, error):
    path = tmp_path / "a.txt"
    write_text(path, "before")

    def fail(file):
        file.write(b"half of it")
        raise error

    with pytest.raises(type(error)):
        write_atomically(path, fail)
    assert path.read_text() == "before"
    assert names_in(tmp_path) == ["a.txt"]


def test_the_file_of_before_is_there_until_the_new_one_is_whole(tmp_path):
    path = tmp_path / "a.txt"
    write_text(path, "before")
    write_atomically(path, lambda file: file.write(path.read_bytes() + b", after"))
    assert path.read_text() == "before, after"


def test_an_error_names_the_file_that_could_not_be_written(tmp_path):
    def fill(file):
        raise OSError(errno.ENOSPC, "No space left on device")

    def read(file):
        (tmp_path / "other").read_bytes()

    (tmp_path / "folder" / "a").mkdir(parents=True)
    cases = {fill: tmp_path / "a.txt", read: tmp_path / "other", (lambda file: file.write(b"a")): tmp_path / "folder"}
    for write, named in cases.items():
        with pytest.raises(OSError) as refused:  # noqa: PT011 - of three kinds
            write_atomically(tmp_path / "folder" if named.name == "folder" else tmp_path / "a.txt", write)
        assert refused.value.filename == str(named)
        assert refused.value.filename2 is None


def test_an_error_that_names_no_file_gets_one_and_another_keeps_its_own(tmp_path):
    for error, named in ((OSError(errno.ENOSPC, "full"), tmp_path / "a"), (OSError(errno.EIO, "no", "b"), Path("b"))):
        with pytest.raises(OSError) as refused, naming(tmp_path / "a"):  # noqa: PT011
            raise error
        assert refused.value.filename == str(named)


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EROFS, errno.EACCES])
@pytest.mark.parametrize("call", ["open", "fsync", "replace"])
def test_whatever_fails_on_the_way_names_the_file_and_leaves_the_one_of_before(tmp_path, monkeypatch, call, number):
    path = tmp_path / "a.txt"
    write_text(path, "before")

    def fail(*arguments, **options):
        named = [] if call == "fsync" else [str(arguments[0])]
        raise OSError(number, os.strerror(number), *named)

    owner = os if call == "fsync" else Path
    with monkeypatch.context() as patch:
        patch.setattr(owner, call, fail)
        with pytest.raises(OSError, match=r"a\.txt") as failed:
            write_text(path, "after")
    assert (failed.value.errno, failed.value.filename) == (number, str(path))
    assert path.read_text() == "before"
    assert names_in(tmp_path) == ["a.txt"]


def test_an_array_that_is_written_in_part_is_an_error_of_its_file(tmp_path):
    def write(file):
        raise OSError("8192 requested and 0 written")  # what numpy says of a full disk

    with pytest.raises(OSError, match="8192 requested and 0 written") as failed:
        write_atomically(tmp_path / "a.npy", write)
    assert failed.value.filename == str(tmp_path / "a.npy")
    assert names_in(tmp_path) == []


@pytest.mark.skipif(sys.platform != "linux", reason="a limit of this system")
@pytest.mark.parametrize("write", ["file.write(bytes(100_000))", "numpy.save(file, numpy.zeros(100_000, 'u1'))"])
def test_where_the_system_takes_a_part_the_rest_is_written_or_refused(tmp_path, write):
    """A limit on the size of files makes the system write less than it is asked to, then refuse."""
    script = (
        "import numpy, resource, sys\nfrom pathlib import Path\nfrom reliseg.runtime.atomic_files import *\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (70_001, 70_001))\n"
        f"try:\n    write_atomically(Path(sys.argv[1]), lambda file: {write})\n"
        "except OSError as error:\n    print(error.filename)\n"
    )
    path = tmp_path / "a"
    done = subprocess.run([sys.executable, "-c", script, str(path)], capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == (f"{path}\n", "")
    assert names_in(tmp_path) == []


def test_arrays_and_texts_are_whole(tmp_path):
    values = np.arange(300_000)
    write_atomically(tmp_path / "a.npy", lambda file: np.save(file, values))
    assert np.array_equal(np.load(tmp_path / "a.npy"), values)


def test_threads_that_write_one_file_leave_one_of_their_contents_whole(tmp_path):
    contents = {str(i) * 100_000 for i in range(8)}
    errors = []

    def write(content):
        try:
            for _ in range(10):
                write_text(tmp_path / "a", content)
        except OSError as error:
            errors.append(error)

    threads = [threading.Thread(target=write, args=(content,)) for content in contents]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors
    assert (tmp_path / "a").read_text() in contents
    assert names_in(tmp_path) == ["a"]


def test_machines_of_one_process_number_do_not_share_an_unfinished_file(tmp_path, monkeypatch):
    seen = []

    def write(file):
        seen.append({path.name for path in tmp_path.iterdir() if is_temporary(path.name)})
        if len(seen) < 3:
            monkeypatch.setattr("reliseg.runtime.atomic_files._machine", lambda: f"0000000{len(seen)}")
            monkeypatch.setattr("reliseg.runtime.atomic_files._numbers", iter(range(9)))
            write_atomically(tmp_path / "a", write)
        file.write(str(len(seen)).encode())

    write_atomically(tmp_path / "a", write)
    assert [len(names) for names in seen] == [1, 2, 3]
    assert names_in(tmp_path) == ["a"]


def test_the_longest_name_can_be_written(tmp_path):
    name = "n" * NAME_BYTES
    write_text(tmp_path / name, "whole")
    assert names_in(tmp_path) == [name]


@pytest.mark.skipif(sys.platform != "linux", reason="it is seen in /proc")
def test_new_names_reach_the_disk_with_their_folders(tmp_path, monkeypatch):
    synced = []
    monkeypatch.setattr(
        os, "fsync", lambda descriptor: synced.append(str(Path(f"/proc/self/fd/{descriptor}").readlink()))
    )
    write_text(tmp_path / "a" / "b" / "c", "whole")
    temporary, *folders = [place for place in synced if place.endswith(".tmp")] + [
        place for place in synced if not place.endswith(".tmp")
    ]
    assert is_temporary(Path(temporary).name)
    assert folders == [str(tmp_path), str(tmp_path / "a"), str(tmp_path / "a" / "b")]
    assert synced[-1] == str(tmp_path / "a" / "b")


@pytest.mark.parametrize("number", [errno.EINVAL, errno.ENOTSUP, errno.EBADF])
def test_a_disk_that_cannot_sync_folders_is_written_all_the_same(tmp_path, monkeypatch, number):
    real = os.fsync

    def fsync(descriptor):
        if os.path.isdir(f"/proc/self/fd/{descriptor}"):  # noqa: PTH112
            raise OSError(number, os.strerror(number))
        real(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)
    write_text(tmp_path / "a", "whole")
    assert (tmp_path / "a").read_text() == "whole"


@pytest.mark.skipif(sys.platform == "win32", reason="processes are not looked for there")
def test_what_a_killed_process_has_left_is_removed_and_what_a_living_one_writes_is_not(tmp_path):
    living, killed = started_writer(tmp_path / "a" / "living"), started_writer(tmp_path / "a" / "killed")
    left_out = started_writer(tmp_path / "saved" / "killed")
    try:
        for process in (killed, left_out):
            os.kill(process.pid, signal.SIGKILL)
            process.wait()
        write_text(tmp_path / "whole.tmp", "mine")
        assert len(names_in(tmp_path / "a")) == 2
        remove_leftovers(tmp_path, leave_out=("saved",))
        assert [f"-{living.pid:x}-" in name for name in names_in(tmp_path / "a")] == [True]
        assert len(names_in(tmp_path / "saved")) == 1
        living.communicate("")
        assert living.returncode == 0
        assert names_in(tmp_path / "a") == ["living"]
        assert (tmp_path / "whole.tmp").exists()
    finally:
        for process in (living, killed, left_out):
            process.kill()
            process.communicate()


def test_what_another_machine_writes_is_left_for_a_week(tmp_path):
    fresh, old = tmp_path / ".00000000-1f-0.tmp", tmp_path / ".00000000-1f-1.tmp"
    for path in (fresh, old):
        path.write_text("half")
    eight_days_ago = time.time() - 8 * 24 * 3600
    os.utime(old, (eight_days_ago, eight_days_ago))
    remove_leftovers(tmp_path)
    assert names_in(tmp_path) == [fresh.name]
