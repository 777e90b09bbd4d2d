"""A run's folder: whose it is, and what the refusal of another says."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from reliseg.errors import ConfigError
from reliseg.run.folder import RunFolder, differences, lock_run_folder

HOLDER = """
import sys
from pathlib import Path
from reliseg.run.folder import RunFolder, lock_run_folder
with lock_run_folder(RunFolder(Path(sys.argv[1])), "seed: 0"):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_a_folder_is_claimed_and_claimed_again(tmp_path: Path) -> None:
    for _ in range(2):
        with lock_run_folder(RunFolder(tmp_path / "a" / "run"), "seed: 0"):
            assert (tmp_path / "a" / "run" / "config.yaml").read_text() == "seed: 0"


@pytest.mark.skipif(sys.platform == "win32", reason="folders have no locks there")
def test_one_process_at_a_time_and_a_killed_one_holds_nothing(tmp_path: Path) -> None:
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with (
            pytest.raises(ConfigError, match="another process is writing there; wait"),
            lock_run_folder(RunFolder(tmp_path), "seed: 0"),
        ):
            pass
        os.kill(holder.pid, signal.SIGKILL)
    with lock_run_folder(RunFolder(tmp_path), "seed: 0"):
        pass


@pytest.mark.skipif(not hasattr(os, "fork"), reason="nothing forks there")
def test_a_forked_process_does_not_keep_the_folder(tmp_path: Path) -> None:
    forked = (
        "import os, time, sys\nfrom pathlib import Path\nfrom reliseg.run.folder import RunFolder, lock_run_folder\n"
        + (
            "with lock_run_folder(RunFolder(Path(sys.argv[1])), 'seed: 0'):\n"
            "    child = os.fork() or time.sleep(60)\n"
            "try:\n"
            "    with lock_run_folder(RunFolder(Path(sys.argv[1])), 'seed: 0'):\n"
            "        print('held again')\n"
            "finally:\n"
            "    os.kill(child, 9)\n"
        )
    )
    done = subprocess.run([sys.executable, "-c", forked, str(tmp_path)], capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("held again\n", "")


def test_another_run_is_refused_by_what_differs(tmp_path: Path) -> None:
    before = "seed: 0\ntest: {'on': [a/b]}\n"
    with lock_run_folder(RunFolder(tmp_path), before):
        pass
    now = "seed: 0\ntest: {'on': [a/b, a/c]}\n"
    with (
        pytest.raises(ConfigError, match=r"its config\.yaml differs in test\.on; undo that"),
        lock_run_folder(RunFolder(tmp_path), now),
    ):
        pass
    assert (tmp_path / "config.yaml").read_text() == before
    (tmp_path / "config.yaml").write_text("{")
    with (
        pytest.raises(ConfigError, match=r"its config\.yaml differs; undo that"),
        lock_run_folder(RunFolder(tmp_path), before),
    ):
        pass


def test_a_folder_of_something_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    with (
        pytest.raises(ConfigError, match="is not empty and holds no run"),
        lock_run_folder(RunFolder(tmp_path), "seed: 0"),
    ):
        pass
    assert [p.name for p in tmp_path.iterdir()] == ["mine.txt"]
    with (
        pytest.raises(ConfigError, match="cannot be written"),
        lock_run_folder(RunFolder(tmp_path / "mine.txt"), "seed: 0"),
    ):
        pass


def test_differences_are_named_by_their_place() -> None:
    before = "a: 1\nb: [{c: 1, d: 2}, {c: 1}]\ne: [1]\n"
    assert differences(before, before) == []
    assert differences(before, "a: 1\nb: [{c: 1, d: 3}, {c: 2}]\ne: [1, 2]\nf: 0\n") == ["b.0.d", "b.1.c", "e", "f"]
    assert differences('{"a": [1]}', "a: [1]") == []
