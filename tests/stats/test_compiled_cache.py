"""Machine code on disk belongs to all sources that it was made of, not only to the file of its entry."""

import os
import subprocess
import sys

INNER = """
from reliseg.stats._numeric import I64, compiled

@compiled
def inner(x: int) -> int:
    return I64(x + {more})
"""
OUTER = """
from inner import inner
from reliseg.stats._numeric import cached

@cached
def outer(x: int) -> int:
    return inner(x)

print(outer(1), sum(outer.stats.cache_hits.values()))
"""


def test_an_edit_of_what_is_written_out_in_a_function_compiles_it_anew(tmp_path):
    (tmp_path / "outer.py").write_text(OUTER)
    shown = []
    for more in (1, 1, 5):
        (tmp_path / "inner.py").write_text(INNER.format(more=more))
        folders = os.pathsep.join([str(tmp_path), *sys.path])
        environment = os.environ | {"NUMBA_CACHE_DIR": str(tmp_path / "cache"), "PYTHONPATH": folders}
        command = [sys.executable, "-B", "-c", "import outer"]
        ended = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
        shown.append(ended.stdout.strip())
    assert shown == ["2 0", "2 1", "6 0"]
