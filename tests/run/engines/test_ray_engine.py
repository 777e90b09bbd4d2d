"""Whole runs on clusters of Ray: the same bytes as of one process, whatever is lost on the way."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from helpers.ray_clusters import two_nodes
from helpers.runs import run_of
from helpers.street import Street, make_street

from reliseg.errors import ConfigError, IncompleteError
from reliseg.plan.parts import STAGES
from reliseg.run.engines.ray_engine import RayEngine, tasks_of
from reliseg.run.execute import Run
from reliseg.run.survey import survey
from reliseg.runtime.progress import Silent

RESULTS = ("results.csv", "reliability.csv", "fits.csv", "curves.json", "images.csv")


class Watcher(Silent):
    """Keeps what is told, and does something when a shard is evaluated while two workers are there."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.when_two_work: Callable[[], None] = lambda: None

    def note(self, text: str) -> None:
        self.lines.append(text)

    def end_shard(self, failed: int = 0) -> None:
        if any("2 workers now" in line for line in self.lines):
            action, self.when_two_work = self.when_two_work, lambda: None
            action()


def run_in(street: Street, out: Path, engine: RayEngine | None = None) -> Run:
    return run_of(street.config, out, progress=Watcher(), engine=engine)


def results(out: Path) -> list[bytes]:
    return [(out / name).read_bytes() for name in RESULTS]


@pytest.fixture(scope="module")
def street(tmp_path_factory) -> Street:
    """Three domains, two of them of several shards, and two models: the other one is less sure."""
    street = make_street(tmp_path_factory.mktemp("ray") / "street", cal=70, day=70, dusk=6)
    for path in (street.root / "logits").rglob("*.npz"):
        with np.load(path) as file:
            content = dict(file)
        other = street.root / "other" / path.relative_to(street.root / "logits")
        other.parent.mkdir(parents=True, exist_ok=True)
        np.savez(other, **content | {"logits": content["logits"] / 2})
    content = street.content()
    content["models"].append({**content["models"][0], "name": "other", "where": "other"})
    street.write(content)
    return street


@pytest.fixture(scope="module")
def one(street) -> Path:
    """The folder of the run of one process."""
    run_in(street, street.root / "one").execute()
    return street.root / "one"


@pytest.fixture
def own_street(street, tmp_path) -> Street:
    """A copy of the street, to be changed."""
    shutil.copytree(street.root, tmp_path / "street", ignore=shutil.ignore_patterns("one"))
    return Street(tmp_path / "street")


def names(run: Run) -> list[str]:
    surveys = [survey(run.context, run.plan, run.context.handle(source)) for source in run.plan.models]
    return [f"{STAGES[task.stage]} {task.model} {task.images}" for task in tasks_of(run, surveys)]


def test_tasks_are_all_units_of_a_new_run_and_none_of_a_finished_one(street, one, tmp_path):
    stages = [name.split()[0] for name in names(run_in(street, tmp_path / "out"))]
    assert {stage: stages.count(stage) for stage in stages} == {"sample": 4, "fit": 2, "evaluate": 10}
    assert names(run_in(street, one)) == []


def test_tasks_are_of_shards_that_are_not_stored(street, one, tmp_path):
    shutil.copytree(one, tmp_path / "out")
    lost = sorted((tmp_path / "out" / "statistics").glob("*/*/*.zip"))[0]
    lost.unlink()
    assert [name.split()[0] for name in names(run_in(street, tmp_path / "out"))] == ["evaluate"]


def test_a_device_of_this_machine_alone_is_refused(own_street, tmp_path):
    own_street.write({**own_street.content(), "device": "cuda:1"})
    run = run_in(own_street, tmp_path / "out", RayEngine())
    with pytest.raises(ConfigError, match="device cuda:1: with --engine ray each worker sees its own GPUs alone"):
        list(run.engine(run, []))


@pytest.mark.slow
@pytest.mark.ray
def test_two_actors_give_the_bytes_of_one_process(street, one, tmp_path):
    run = run_in(street, tmp_path / "two", RayEngine(actors=2))
    run.execute()
    assert results(tmp_path / "two") == results(one)
    workers = [line for line in run.progress.lines if "a worker on" in line]
    assert sorted(line.partition(":")[0] for line in workers) == ["net", "other"]  # whichever is placed first


@pytest.mark.slow
@pytest.mark.ray
def test_a_node_that_is_killed_during_the_run_changes_no_byte(own_street, one, tmp_path):
    own_street.write({**own_street.content(), "threads": 2})  # one worker on each node, and one model for each worker
    with two_nodes(cpus=2, connect=False) as nodes:
        run = run_in(own_street, tmp_path / "two", RayEngine(nodes.address))
        run.progress.when_two_work = lambda: nodes.remove(nodes.second)
        run.execute()
    assert results(tmp_path / "two") == results(one)
    assert any("was lost and it is done again" in line for line in run.progress.lines), run.progress.lines


@pytest.mark.slow
@pytest.mark.ray
def test_images_that_cannot_be_read_are_said_as_by_one_process(own_street, tmp_path):
    own_street.logits("val", 3).write_bytes(b"no archive")
    own_street.logits("train", 1003).write_bytes(b"no archive")
    said = []
    for name, engine in (("one", None), ("two", RayEngine(actors=2))):
        with pytest.raises(IncompleteError) as raised:
            run_in(own_street, tmp_path / name, engine).execute()
        said.append(raised.value.lines)
    assert said[0] == said[1]
    assert results(tmp_path / "one") == results(tmp_path / "two")


@pytest.mark.slow
@pytest.mark.ray
def test_ctrl_c_ends_the_command_and_all_its_workers_within_two_seconds(street, tmp_path):
    command = [sys.executable, "-m", "reliseg", "run", str(street.config), "--out", str(tmp_path / "out")]
    command += ["--engine", "ray", "--actors", "2"]
    heard = {"preexec_fn": lambda: signal.signal(signal.SIGINT, signal.SIG_DFL)}  # what is in the background ignores it
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, start_new_session=True, **heard) as process:
        assert process.stderr is not None
        next(line for line in process.stderr if "2 workers now" in line)
        os.killpg(process.pid, signal.SIGINT)
        began = time.monotonic()
        said = process.stderr.read()
        assert process.wait() == 130
        seconds = time.monotonic() - began
    assert said == "reliseg: interrupted; the same command continues where it stopped\n"
    assert seconds < 2
