"""Arguments of Python's functions: one name or several, paths as texts or objects, and one line for what is none."""

from pathlib import Path

import pytest

from reliseg.api_arguments import as_path, as_text, check_how, named_runs, pools_of, receiver_of, saved_kinds, strings
from reliseg.errors import ConfigError
from reliseg.report.terminal import Terminal
from reliseg.results import Results
from reliseg.results.readable import Source
from reliseg.runtime.progress import Silent

NONE = Results(())
READ = Results((), Source.of("/runs/a", b""))
KEPT = Results((), Source.of("/tmp/reliseg-x", b"", is_temporary=True))


@pytest.mark.parametrize(
    ("runs", "names"),
    [
        ("runs/a", ["runs/a"]),
        (["runs/a", Path("runs/b")], ["runs/a", "runs/b"]),
        (READ, ["/runs/a"]),
        ([READ, "runs/b"], ["/runs/a", "runs/b"]),
        ([READ, READ, "runs/b"], ["#1", "#2", "runs/b"]),
        (KEPT, ["results"]),
        ([NONE, KEPT], ["#1", "#2"]),
        ({"old": "runs/a", 2: NONE}, ["old", "2"]),
    ],
)
def test_runs_are_called_by_their_place_their_number_or_the_name_that_is_given(runs, names):
    assert list(named_runs(runs)) == names


@pytest.mark.parametrize("runs", [5, [5], {"a": None}, [], {}, None])
def test_what_is_no_run_is_refused_in_one_line(runs):
    with pytest.raises(ConfigError, match=r"^runs: give (folders of runs, or Results; |at least one folder)"):
        named_runs(runs)


def test_names_are_one_or_several():
    assert strings("test", "a/b") == strings("test", Path("a/b")) == ["a/b"]
    assert strings("test", ("a", "b")) == ["a", "b"]
    assert pools_of({"both": ["a", "b"]}) == {"both": ["a", "b"]}
    assert pools_of(None) == {}
    assert saved_kinds("prediction,color", "out") == saved_kinds(["prediction", "color"], "out")
    assert saved_kinds((), None) == ()


def test_places_are_texts_or_paths():
    assert as_text("out", "s3://bucket/a") == "s3://bucket/a"
    assert as_text("out", Path("a")) == "a"
    assert as_path("out", "a") == Path("a")
    with pytest.raises(ConfigError, match=r"^out is a int; give a text or a path$"):
        as_text("out", 5)


@pytest.mark.parametrize(
    "options", [{"checkpoint": 0}, {"checkpoint": 1.5, "pictures": 1}, {"checkpoint": 1, "pictures": None}]
)
def test_how_a_run_is_carried_out_is_checked(options):
    check_how(None, options)
    check_how(2, options)
    for workers in ("2", 2.0, True):
        with pytest.raises(ConfigError, match=r"^workers is .+; give a whole number from 1$"):
            check_how(workers, options)


def test_progress_is_shown_told_or_silent():
    assert isinstance(receiver_of(None), Silent)
    assert isinstance(receiver_of(False), Silent)
    assert isinstance(receiver_of(True), Terminal)
