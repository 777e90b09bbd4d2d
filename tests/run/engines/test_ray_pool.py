"""Pools on clusters of one machine. Ray's own processes take seconds to start, so tests share a cluster."""

import os
import time
from collections.abc import Iterator
from importlib import import_module
from types import ModuleType

import pytest
from helpers.devices import Notes
from helpers.ray_clusters import TwoNodes, two_nodes
from helpers.ray_workers import ScriptedWorker, scripted

from reliseg.errors import ConfigError, IncompleteError, SampleError
from reliseg.run.engines.ray_pool import ActorSettings, RayPool

pytestmark = [pytest.mark.slow, pytest.mark.ray]


@pytest.fixture(scope="module")
def cluster() -> Iterator[TwoNodes]:
    with two_nodes() as nodes:
        yield nodes


@pytest.fixture
def ray(cluster: TwoNodes) -> ModuleType:
    return cluster.ray


def pool(ray: ModuleType, limit: int | None = None, **more: object) -> RayPool:
    return RayPool(ray, ActorSettings(ScriptedWorker, threads=1), Notes(), limit, **more)


def test_every_task_is_done_once_by_two_actors(ray):
    outcomes = list(pool(ray).carry_out(scripted(*["sleep 0.1"] * 20)))
    assert sorted(task.number for task, _ in outcomes) == list(range(20))
    done = {process: numbers for _, (process, numbers, _) in outcomes}
    assert len(done) == 2
    assert sorted(number for numbers in done.values() for number in numbers) == list(range(20))


def test_a_limit_of_one_actor_does_one_model_after_the_other(ray):
    tasks = [*scripted("sleep 0", "sleep 0", model="a"), *scripted("sleep 0", "sleep 0", model="b")]
    outcomes = list(pool(ray, limit=1).carry_out(tasks))
    assert [task.model for task, _ in outcomes] == ["a", "a", "b", "b"]
    assert len({process for _, (process, _, _) in outcomes}) == 2


def test_threads_of_an_actor_are_those_of_the_settings_not_its_cpus(ray):
    settings = ActorSettings(ScriptedWorker, threads=3)
    [(_, (_, _, threads))] = RayPool(ray, settings, Notes()).carry_out(scripted("sleep 0"))
    assert threads == "3"


def test_a_stage_waits_for_the_whole_one_before(ray):
    tasks = [*scripted("sleep 0.5", "sleep 0"), *scripted("sleep 0", "sleep 0", stage=1)]
    assert [task.stage for task, _ in pool(ray).carry_out(tasks)] == [0, 0, 1, 1]


def test_a_deliberate_error_of_a_task_is_raised_as_it_was(ray):
    with pytest.raises(SampleError, match=r"^scene/a: broken$"):
        list(pool(ray).carry_out(scripted("refuse broken")))


def test_any_other_error_of_a_task_is_raised_as_it_was(ray):
    with pytest.raises(ZeroDivisionError, match=r"^by zero$"):
        list(pool(ray).carry_out(scripted("break by zero")))


def test_the_task_of_a_lost_actor_is_done_by_another(ray, tmp_path):
    workers = pool(ray)
    outcomes = list(workers.carry_out(scripted(f"die-once {tmp_path / 'died'}", *["sleep 0.05"] * 9)))
    assert sorted(task.number for task, _ in outcomes) == list(range(10))
    assert any("was lost and it is done again" in note for note in workers.progress.lines)


def test_a_task_that_ends_three_actors_is_named_with_what_to_set(ray):
    with pytest.raises(IncompleteError, match=r"^die: 3 workers ended while they did this .*batch: or slide:"):
        list(pool(ray).carry_out(scripted("die")))


def test_what_no_node_has_is_said(ray):
    settings = ActorSettings(ScriptedWorker, threads=1, gpus=1)
    with pytest.raises(ConfigError, match=r"no node had 1 CPU and 1 GPU free .*2 nodes with 1 CPU; add a node"):
        list(RayPool(ray, settings, Notes(), patience=1.0).carry_out(scripted("sleep 0")))


def test_an_actor_takes_no_more_cpus_than_a_node_has(ray):
    settings = ActorSettings(ScriptedWorker, threads=64)
    assert len(list(RayPool(ray, settings, Notes()).carry_out(scripted("sleep 0")))) == 1


def test_a_pool_that_is_left_early_ends_its_actors(ray):
    outcomes = pool(ray).carry_out(scripted("sleep 0", *["sleep 60"] * 3))
    _, (process, _, _) = next(outcomes)
    began = time.monotonic()
    outcomes.close()
    while _lives(process) and time.monotonic() < began + 2:
        time.sleep(0.01)
    assert not _lives(process)


def test_a_node_is_lost_and_another_one_joins(cluster, ray):
    lost, workers = cluster.add(), pool(ray)
    outcomes = workers.carry_out(scripted(*["sleep 0.3"] * 30))
    done = [next(outcomes) for _ in range(6)]
    cluster.remove(lost)
    done += [next(outcomes) for _ in range(6)]
    cluster.add()
    done += outcomes
    assert sorted(task.number for task, _ in done) == list(range(30))
    assert len({process for _, (process, _, _) in done}) == 4
    assert any("the node" in note and "was lost" in note for note in workers.progress.lines)


def test_a_worker_that_cannot_begin_ends_the_run(ray):
    settings = ActorSettings(OnlyHere(), threads=1)
    with pytest.raises(ConfigError, match=r"a worker cannot begin .*no_such_module.*install the same packages"):
        list(RayPool(ray, settings, Notes()).carry_out(scripted("sleep 0")))


class OnlyHere:
    """What can be sent, and not be received."""

    def __reduce__(self):
        return import_module, ("no_such_module",)


def _lives(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True
