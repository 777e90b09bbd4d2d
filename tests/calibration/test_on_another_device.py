"""What runs in torch must work where tensors of the model are not the CPU's, also on a machine without a GPU."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("torch")


@pytest.mark.slow
def test_networks_and_training_run_on_a_device_that_is_not_the_cpu():
    tests = Path(__file__).parents[1]
    ended = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", str(tests / "helpers" / "on_another_device.py")],
        cwd=tests.parent,
        env=os.environ | {"PYTHONPATH": os.pathsep.join([str(tests.parent / "src"), str(tests)])},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "6 passed" in ended.stdout
