"""The cache of machine code: damaged files and a full disk are no error, and never give the code of other sources."""

import pytest
from helpers.numba_sources import INNER, OUTER, run_outer


@pytest.fixture
def sources(tmp_path):
    (tmp_path / "outer.py").write_text(OUTER)
    (tmp_path / "inner.py").write_text(INNER.format(more=1))
    return tmp_path


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["nbc", "nbi"])
@pytest.mark.parametrize("left", [0, 10])
def test_a_file_that_was_cut_off_is_written_anew(sources, kind, left):
    run_outer(sources)
    (file,) = (sources / "cache").rglob(f"*.{kind}")
    file.write_bytes(file.read_bytes()[:left])
    assert [run_outer(sources), run_outer(sources)] == ["2 0", "2 1"]


def test_where_the_disk_is_full_nothing_is_kept(sources):
    full = (
        "import resource, signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN); "
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))"
    )
    assert [run_outer(sources, full), run_outer(sources)] == ["2 0", "2 0"]


@pytest.mark.slow
def test_code_of_before_an_edit_is_not_taken_for_that_of_after(sources):
    run_outer(sources)
    (sources / "outer.py").write_text(OUTER.replace("inner(x)", "inner(x) + 10"))
    (code,) = (sources / "cache").rglob("*.nbc")
    room = code.stat().st_size - 1000  # for the index, not for the code
    full = (
        "import resource, signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN); "
        f"resource.setrlimit(resource.RLIMIT_FSIZE, ({room}, {room}))"
    )
    assert [run_outer(sources, full), run_outer(sources), run_outer(sources)] == ["12 0", "12 0", "12 1"]


def test_who_waits_for_a_compiler_is_told_once_and_nobody_else(sources):
    said = (
        "from reliseg.runtime.numba_cache import announce_compilation\n"
        "announcement = announce_compilation(lambda: print('told'))\nannouncement.__enter__()"
    )
    assert [run_outer(sources, said).split() for _ in range(2)] == [["told", "2", "0"], ["2", "1"]]
