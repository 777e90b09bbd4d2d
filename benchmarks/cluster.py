"""What a task costs on workers of Ray, and how much faster two workers are than one where the work is bound by a core.

python benchmarks/cluster.py [--out FILE.json]

How much faster two plain processes are than one, without Ray, is measured in turns in the same run: a machine that
shares its cores with others allows no more.
"""

import argparse
import time
from collections.abc import Callable, Sequence
from multiprocessing import get_context
from pathlib import Path
from statistics import median
from types import ModuleType

from kernel import Measure
from machine import show

from reliseg.run.engines.ray_cluster import ray_cluster
from reliseg.run.engines.ray_pool import ActorSettings, RayPool
from reliseg.run.engines.tasks import Task
from reliseg.runtime.progress import Silent

TURNS = 5
EMPTY = 200
BUSY = 16
STEPS = 3_000_000


def work(steps: int) -> int:
    """Keep one core busy."""
    total = 0
    for step in range(steps):
        total += step & 3
    return total


class Busy:
    """A worker whose tasks say how much they compute."""

    def __init__(self, model: str) -> None:
        self.model = model

    def carry_out(self, task: Task) -> int:
        """Compute as much as the task says."""
        return work(task.images)


def seconds(act: Callable[[], object]) -> float:
    start = time.perf_counter()
    act()
    return time.perf_counter() - start


def in_pool(ray: ModuleType, actors: int, steps: int, tasks: int) -> float:
    """Seconds of so many tasks after the first one of each actor, when all are there."""
    pool = RayPool(ray, ActorSettings(Busy, threads=1), Silent(), limit=actors)
    every = [Task("net", 0, n, "warm", 100_000) for n in range(4 * actors)]
    every += [Task("net", 1, n, "task", steps) for n in range(tasks)]
    start = time.perf_counter()
    for task, _ in pool.carry_out(every):
        if task.stage == 0:
            start = time.perf_counter()
    return time.perf_counter() - start


def in_processes(processes: int) -> float:
    """Seconds of the same work in plain processes."""
    with get_context("spawn").Pool(processes) as pool:
        pool.map(work, [100_000] * 4 * processes, chunksize=1)
        return seconds(lambda: pool.map(work, [STEPS] * BUSY, chunksize=1))


def measures() -> list[Measure]:
    with ray_cluster("local", cpus=2) as ray:
        empty = [in_pool(ray, 1, 0, EMPTY) / EMPTY for _ in range(TURNS)]
        gains, limits = [], []
        for _ in range(TURNS):
            one, two = in_pool(ray, 1, STEPS, BUSY), in_pool(ray, 2, STEPS, BUSY)
            gains.append(one / two)
            limits.append(in_processes(1) / in_processes(2))
    limit = median(limits)
    return [
        Measure("a task on a worker of Ray", 1e3 * median(empty), " ms", 50.0, f"{EMPTY} tasks that do nothing"),
        Measure("two workers of Ray against one", median(gains), "", 1.8, f"work of {BUSY} tasks", at_least=True),
        Measure("two plain processes against one", limit, "", note="what this machine allowed meanwhile"),
        Measure("of what the machine allowed", median(gains) / limit, "", 0.95, "in the same run", at_least=True),
    ]


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--out", type=Path)
    show(measures(), parser.parse_args(argv).out)


if __name__ == "__main__":
    main()
