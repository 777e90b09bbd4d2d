"""A process is known by its number and its beginning, on the machine where they mean something."""

import os
import subprocess
import sys

import pytest

from reliseg.runtime.progress.process import birth, host, machine

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux says it in /proc")


def test_a_process_keeps_its_birth_while_it_is_there():
    assert birth(os.getpid())
    assert birth(os.getpid()) == birth(os.getpid())
    assert host()
    assert machine() == machine() != ""


def test_a_process_that_ended_has_none_also_while_nobody_has_looked_at_how():
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    began = birth(process.pid)
    assert began
    assert int(began) >= int(birth(os.getpid()))
    process.kill()
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    assert birth(process.pid) == ""
    process.communicate()
    assert birth(process.pid) == ""


def test_a_number_that_no_process_has_is_no_error():
    assert birth(2**40) == birth(-1) == ""
