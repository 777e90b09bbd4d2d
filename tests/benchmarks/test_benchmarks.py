"""Every benchmark starts: what it imports of the project is there."""

import subprocess
import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
NEED_OTHER_PACKAGES = {"corruption_references"}


@pytest.mark.parametrize("name", sorted({path.stem for path in BENCHMARKS.glob("*.py")} - NEED_OTHER_PACKAGES))
def test_help_is_shown(name):
    done = subprocess.run(
        [sys.executable, str(BENCHMARKS / f"{name}.py"), "--help"], capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stderr
