"""Machine code on disk belongs to all sources that it was made of, not only to the file of its entry."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

INNER = """
from reliseg.runtime.arithmetic import I64
from reliseg.runtime.numba_compile import inline_njit

@inline_njit
def inner(x: int) -> int:
    return I64(x + {more})
"""
OUTER = """
from inner import inner
from reliseg.runtime.numba_compile import cached_njit

@cached_njit
def outer(x: int) -> int:
    return inner(x)

print(outer(1), sum(outer.stats.cache_hits.values()))
"""


def ran(folder: Path, before: str = "") -> str:
    """What the function gives, and how often its code came from the cache."""
    folders = os.pathsep.join([str(folder), *sys.path])
    environment = os.environ | {"NUMBA_CACHE_DIR": str(folder / "cache"), "PYTHONPATH": folders}
    command = [sys.executable, "-B", "-c", f"{before}\nimport outer"]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout.strip()


@pytest.mark.slow
def test_an_edit_of_what_is_written_out_in_a_function_compiles_it_anew(tmp_path):
    (tmp_path / "outer.py").write_text(OUTER)
    shown = []
    for more in (1, 1, 5):
        (tmp_path / "inner.py").write_text(INNER.format(more=more))
        shown.append(ran(tmp_path))
    assert shown == ["2 0", "2 1", "6 0"]


@pytest.fixture
def sources(tmp_path):
    (tmp_path / "outer.py").write_text(OUTER)
    (tmp_path / "inner.py").write_text(INNER.format(more=1))
    return tmp_path


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["nbc", "nbi"])
@pytest.mark.parametrize("left", [0, 10])
def test_a_file_that_was_cut_off_is_written_anew(sources, kind, left):
    ran(sources)
    (file,) = (sources / "cache").rglob(f"*.{kind}")
    file.write_bytes(file.read_bytes()[:left])
    assert [ran(sources), ran(sources)] == ["2 0", "2 1"]


def test_where_the_disk_is_full_nothing_is_kept(sources):
    full = (
        "import resource, signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN); "
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))"
    )
    assert [ran(sources, full), ran(sources)] == ["2 0", "2 0"]


@pytest.mark.slow
def test_code_of_before_an_edit_is_not_taken_for_that_of_after(sources):
    ran(sources)
    (sources / "outer.py").write_text(OUTER.replace("inner(x)", "inner(x) + 10"))
    (code,) = (sources / "cache").rglob("*.nbc")
    room = code.stat().st_size - 1000  # for the index, not for the code
    full = (
        "import resource, signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN); "
        f"resource.setrlimit(resource.RLIMIT_FSIZE, ({room}, {room}))"
    )
    assert [ran(sources, full), ran(sources), ran(sources)] == ["12 0", "12 0", "12 1"]


def test_who_waits_for_a_compiler_is_told_once_and_nobody_else(sources):
    said = (
        "from reliseg.runtime.numba_cache import announce_compilation\n"
        "announcement = announce_compilation(lambda: print('told'))\nannouncement.__enter__()"
    )
    assert [ran(sources, said).split() for _ in range(2)] == [["told", "2", "0"], ["2", "1"]]
