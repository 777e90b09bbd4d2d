"""The silent receiver of progress takes all that a run tells, and says nothing."""

import inspect

from reliseg.runtime.progress import Progress, Silent


def test_it_receives_what_a_run_tells_and_prints_nothing(capsys):
    silent = Silent()
    silent.begin("net on street/day", 3)
    silent.advance()
    silent.note("one sample has no pixels")
    assert capsys.readouterr() == ("", "")


def test_it_has_the_methods_of_the_protocol():
    methods = inspect.getmembers(Progress, inspect.isfunction)
    assert {name for name, _ in methods} >= {"begin", "advance", "note"}
    for name in ("begin", "advance", "note"):
        assert inspect.signature(getattr(Silent, name)) == inspect.signature(getattr(Progress, name))
