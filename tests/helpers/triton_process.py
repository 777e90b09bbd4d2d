"""Processes of their own, in which Triton is interpreted or compiles for GPUs that are not here."""

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]

needs_triton = pytest.mark.skipif(
    find_spec("triton") is None, reason="no triton here (pip has it for Linux only): the GPU kernel is not tested"
)


def in_its_own_process(*command, **environment):
    """Triton is interpreted or not from its first import on; nothing else here may notice."""
    folders = os.pathsep.join([str(TESTS), *filter(None, [os.environ.get("PYTHONPATH")])])
    ended = subprocess.run(
        [sys.executable, *command],
        cwd=TESTS.parent,
        env=os.environ | {"PYTHONPATH": folders, "OMP_NUM_THREADS": "1"} | environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout
