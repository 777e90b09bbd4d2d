"""Workers of a run in this process: what they need is sent to them as text, and all else is in the run's folder."""

import pickle
from contextlib import closing
from dataclasses import replace

import pytest
from helpers.runs import run_of
from helpers.street import make_street
from threadpoolctl import threadpool_info

from reliseg.errors import ConfigError
from reliseg.run.engines.plan_worker import Notes, WorkerOfRun
from reliseg.run.engines.ray_engine import tasks_of
from reliseg.run.execute import Run
from reliseg.run.survey import survey


@pytest.fixture
def run(tmp_path) -> Run:
    """A run that is asked and not begun."""
    street = make_street(tmp_path, cal=2, day=2, dusk=2)
    run = run_of(street.config, tmp_path / "out")
    run.folder.mkdir()
    run.ask()
    return run


def makes_workers(run: Run) -> WorkerOfRun:
    facts = {source.name: run.context.handle(source).facts for source in run.plan.models}
    return pickle.loads(pickle.dumps(WorkerOfRun.of(run, facts)))


def tasks(run: Run) -> list:
    return tasks_of(run, [survey(run.context, run.plan, run.context.handle(source)) for source in run.plan.models])


def test_a_worker_leaves_nothing_to_do(run, tmp_path):
    with closing(makes_workers(run)("net")) as worker:
        outcomes = [worker.carry_out(task) for task in tasks(run)]
    assert [outcome.failures or outcome.unread for outcome in outcomes] == [{}] * 5
    assert tasks(run) == []
    whole = replace(run, folder=tmp_path / "whole")
    assert run.execute().to_csv() == whole.execute().to_csv()


def test_matrix_products_of_a_worker_use_one_thread_until_it_is_closed(run):
    before = [library["num_threads"] for library in threadpool_info()]
    with closing(makes_workers(run)("net")):
        assert {lib["num_threads"] for lib in threadpool_info() if lib["user_api"] == "blas"} == {1}
    assert [library["num_threads"] for library in threadpool_info()][: len(before)] == before


def test_a_task_of_other_samples_is_refused(run):
    first = tasks(run)[0]
    with (
        closing(makes_workers(run)("net")) as worker,
        pytest.raises(ConfigError, match="a worker does not find the same samples"),
    ):
        worker.carry_out(replace(first, name="net on street/cal, another"))


def test_a_folder_that_is_not_shared_is_named(run, tmp_path):
    makes = replace(makes_workers(run), out=str(tmp_path / "elsewhere"))
    with pytest.raises(ConfigError, match=r"elsewhere is not there for a worker; give an --out that all nodes share"):
        makes("net")


def test_a_model_that_is_another_one_there_is_refused_with_what_differs(run):
    makes = makes_workers(run)
    there = replace(makes.facts["net"], fingerprint="x", provenance=makes.facts["net"].provenance | {"kind": "other"})
    with pytest.raises(ConfigError, match=r"model net is another one .*\(kind is stored and not other\)"):
        replace(makes, facts={"net": there})("net")


def test_notes_are_sent_once():
    notes = Notes()
    notes.note("a")
    notes.note("a")
    assert notes.take() == ("a",)
    notes.note("a")
    notes.note("b")
    assert notes.take() == ("b",)
