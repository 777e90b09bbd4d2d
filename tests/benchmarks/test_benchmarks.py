"""Every benchmark can be imported: what it takes of the project is there."""

import subprocess
import sys
from pathlib import Path

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
NEED_OTHER_PACKAGES = {"corruption_references"}
IMPORT = """
import importlib, sys
sys.path.insert(0, sys.argv[1])
for name in sys.argv[2:]:
    try:
        importlib.import_module(name)
    except ImportError as error:
        print(f"{name}: {error}")
"""


def test_all_can_be_imported():
    names = sorted({path.stem for path in BENCHMARKS.glob("*.py")} - NEED_OTHER_PACKAGES)

    done = subprocess.run(
        [sys.executable, "-c", IMPORT, str(BENCHMARKS), *names], capture_output=True, text=True, check=True
    )

    assert names
    assert not done.stdout, done.stdout
