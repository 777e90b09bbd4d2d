"""Threads that wait for the calling thread are ended, and no others; work goes on as before."""

import json
import platform
import subprocess
import sys

import pytest

pytestmark = pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="counts the threads of Linux, of libgomp")

SCRIPT = """
import json, os, threading, time
import torch
from reliseg.runtime.process.openmp import end_idle_threads

def threads():
    time.sleep(0.2)  # one that has ended is listed for a moment
    return len(os.listdir("/proc/self/task"))

def work():
    return float(torch.arange(1 << 20, dtype=torch.float64).sqrt().sum())

torch.set_num_threads(3)
{before}
alone = threads()
first, shared = work(), threads()
{ended}
after = threads()
again = work()
print(json.dumps([shared - alone, after - alone, threads() - alone, again == first]))
"""
"""Where work is shared out among three threads, two wait."""


def counted(ended: str, before: str = "") -> list[object]:
    """Threads beyond those at first: once work was shared out, then ended, then shared out again, to the same sum."""
    script = SCRIPT.format(before=before, ended=ended)
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    found: list[object] = json.loads(done.stdout)
    return found


@pytest.mark.slow
def test_threads_that_wait_are_ended_and_started_again() -> None:
    assert counted("end_idle_threads()") == [2, 0, 2, True]
    assert counted("") == [2, 2, 2, True]


@pytest.mark.slow
def test_ending_none_and_ending_twice_is_no_error() -> None:
    assert counted("end_idle_threads()\nend_idle_threads()", "end_idle_threads()") == [2, 0, 2, True]


@pytest.mark.slow
def test_threads_of_another_thread_stay() -> None:
    other = "thread = threading.Thread(target=end_idle_threads)\nthread.start()\nthread.join()"
    assert counted(other) == [2, 2, 2, True]
