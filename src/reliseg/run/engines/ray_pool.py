"""A pool of Ray's actors: one for each loaded model, or several, which carry out the tasks of a run.

Ray finds a place for an actor, and tells when one is lost. The order of tasks, and what is done again, are decided
here: Ray's own repetitions wait for ever for a node that does not come back.
"""

import os
import socket
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from types import ModuleType
from typing import Any, Protocol

from reliseg.errors import ConfigError, IncompleteError, ReliSegError, count_text, shortlist
from reliseg.run.engines.ray_cluster import nodes_text, resources_text
from reliseg.run.engines.tasks import Task, TaskQueue
from reliseg.runtime.progress import Progress

_ASKED_AT_ONCE = 4
"""So many actors wait for a place at a time: a cluster that grows by demand sees that there is some."""
_LOSSES = 3
_PAUSE = 0.5
"""Seconds after which the pool looks again whether actors are placed, or lost."""


class Worker(Protocol):
    """What an actor holds: a loaded model, and all that its tasks need."""

    def carry_out(self, task: Task) -> Any:
        """Carry out a task; return what the run is to know of it, which is small."""


@dataclass(frozen=True)
class ActorSettings:
    """What every actor is made of and needs; all of it is sent to other machines."""

    load: Callable[[str], Worker]
    """Returns the worker of a model."""
    threads: int
    """Of the computations of each actor. Ray would give it as many as it has CPUs, and bytes may depend on them."""
    gpus: float = 0

    @property
    def resources(self) -> dict[str, float]:
        """What an actor takes up of its node."""
        return {"CPU": self.threads, "GPU": self.gpus}


@dataclass(frozen=True)
class Place:
    """Where an actor runs."""

    node: str
    host: str


@dataclass(frozen=True)
class _Refusal:
    """A deliberate error of a task: what it says, as not every error can be sent."""

    kind: type[ReliSegError]
    lines: tuple[Any, ...]

    def error(self) -> ReliSegError:
        """Return the error as it was raised."""
        return self.kind.__new__(self.kind, *self.lines)


class _ModelActor:
    """Holds the worker of a model in a process of its own, from its first task on."""

    def __init__(self, model: str, settings: ActorSettings) -> None:
        os.environ["OMP_NUM_THREADS"] = str(settings.threads)  # before any library that reads it is loaded
        self._model, self._settings = model, settings
        self._worker: Worker | None = None

    def place(self) -> Place:
        """Return where this is."""
        import ray

        return Place(ray.get_runtime_context().get_node_id(), socket.gethostname())

    def carry_out(self, task: Task) -> Any:
        """Carry out a task; a deliberate error is returned."""
        try:
            self._worker = self._worker or self._settings.load(self._model)
            return self._worker.carry_out(task)
        except ReliSegError as error:
            return _Refusal(type(error), error.args)


@dataclass
class _Hired:
    """An actor of the pool: it has no place while it waits for one, and no task while it is free."""

    model: str
    actor: Any
    answer: Any
    """What will say where it is; later, what came of its task."""
    place: Place | None = None
    task: Task | None = None


@dataclass(eq=False)
class RayPool:
    """Actors of one run. At most `limit` are there at once; without a limit, as many as the nodes have room for.

    Where no actor has a place for `patience` seconds, the run ends.
    """

    ray: ModuleType
    settings: ActorSettings
    progress: Progress
    limit: int | None = None
    patience: float = 300.0
    _hired: list[_Hired] = field(default_factory=list, init=False)
    _last_placed: float = field(default_factory=time.monotonic, init=False)
    """When an actor with a place was last seen."""

    def carry_out(self, tasks: Sequence[Task]) -> Iterator[tuple[Task, Any]]:
        """Yield each task with what came of it, as they end; the first error of a task ends the run.

        A task whose actor was lost is given to another one; an IncompleteError where a task has lost three.
        """
        queue = TaskQueue(tasks)
        try:
            while queue:
                self._make_room(queue)
                self._hire(queue)
                self._assign(queue)
                yield from self._collect(queue)
        finally:
            for hired in self._hired:
                self.ray.kill(hired.actor)
            self._hired.clear()

    @cached_property
    def _actors(self) -> Any:
        """What makes actors; one that was lost is not started again, nor is its task, by Ray."""
        return self.ray.remote(max_restarts=0, max_task_retries=0)(_ModelActor)

    def _counts(self, *, free: bool = False) -> Mapping[str, int]:
        """Return the number of actors by model: all, or those without a task."""
        return Counter(h.model for h in self._hired if not (free and h.task))

    def _hire(self, queue: TaskQueue) -> None:
        """Ask Ray for more actors, while there are tasks for them."""
        while self.limit is None or len(self._hired) < self.limit:
            if sum(h.place is None for h in self._hired) >= _ASKED_AT_ONCE:
                return
            model = queue.next_model(self._counts(), self._counts(free=True))
            if model is None:
                return
            resources = self._resources()
            options = {"num_cpus": resources["CPU"], "num_gpus": resources["GPU"]}
            actor = self._actors.options(**options).remote(model, self.settings)
            self._hired.append(_Hired(model, actor, actor.place.remote()))

    def _resources(self) -> dict[str, float]:
        """Return what an actor takes up: no more CPUs than any node has, as threads may share them."""
        most = max((n["Resources"].get("CPU", 0) for n in self.ray.nodes() if n["Alive"]), default=0)
        return self.settings.resources | {"CPU": min(self.settings.threads, most or self.settings.threads)}

    def _make_room(self, queue: TaskQueue) -> None:
        """End actors without a task where none is left for them, or where another model waits for their place."""
        for hired in [h for h in self._hired if not h.task and not queue.can_begin(h.model)]:
            others = Counter(h.model for h in self._hired if h.model != hired.model)
            if queue.is_over(hired.model) or queue.next_model(others, self._counts(free=True)):
                self._end(hired)

    def _end(self, hired: _Hired) -> None:
        self._hired.remove(hired)
        self.ray.kill(hired.actor)

    def _assign(self, queue: TaskQueue) -> None:
        for hired in self._hired:
            if hired.place and not hired.task:
                hired.task = queue.take(hired.model)
                if hired.task:
                    hired.answer = hired.actor.carry_out.remote(hired.task)

    def _collect(self, queue: TaskQueue) -> Iterator[tuple[Task, Any]]:
        """Wait a moment for answers; yield the outcomes of tasks."""
        awaited = {h.answer: h for h in self._hired if h.task or not h.place}
        self._check_patience()
        ready, _ = self.ray.wait(list(awaited), num_returns=len(awaited), timeout=0)
        if not ready:
            ready, _ = self.ray.wait(list(awaited), num_returns=1, timeout=_PAUSE)
        for answer in ready:
            hired = awaited[answer]
            try:
                value = self.ray.get(answer)
            except (self.ray.exceptions.RayActorError, self.ray.exceptions.OutOfMemoryError) as error:
                if getattr(error, "actor_init_failed", False):
                    raise _start_error(error) from error
                self._lose(hired, queue, error)
                continue
            except self.ray.exceptions.RayTaskError as error:
                raise (error.cause or error) from error
            task, hired.task = hired.task, None
            if task is None:
                hired.place = value
                self._note_place(hired)
                continue
            if isinstance(value, _Refusal):
                raise value.error()
            queue.finish(task)
            yield task, value

    def _note_place(self, hired: _Hired) -> None:
        working = sum(h.place is not None for h in self._hired)
        host = hired.place.host if hired.place else ""
        self.progress.note(f"{hired.model}: a worker on {host}; {count_text(working, 'worker')} now")

    def _lose(self, hired: _Hired, queue: TaskQueue, error: Exception) -> None:
        """Let another actor do what this one was to; an IncompleteError where that has failed too often."""
        self._end(hired)
        host = hired.place.host if hired.place else "a node"
        left = sum(h.place is not None for h in self._hired)
        if hired.task is None:
            self.progress.note(f"{hired.model}: a worker on {host} was lost; {count_text(left, 'worker')} left")
            return
        node_is_lost = self._is_lost(hired.place)
        losses = queue.give_back(hired.task, blamed=not node_is_lost)
        what = f"the node {host}" if node_is_lost else f"a worker on {host}"
        self.progress.note(
            f"{hired.task.name}: {what} was lost and it is done again; {count_text(left, 'worker')} left"
        )
        if losses >= _LOSSES:
            raise IncompleteError(
                f"{hired.task.name}: {losses} workers ended while they did this ({_reason(error)}); where memory was "
                "short, give a smaller batch: or slide:, or fewer --workers, and start the same command again"
            ) from error

    def _is_lost(self, place: Place | None) -> bool:
        return place is not None and not any(n["NodeID"] == place.node and n["Alive"] for n in self.ray.nodes())

    def _check_patience(self) -> None:
        """Raise a ConfigError where no actor has had a place for too long."""
        now = time.monotonic()
        if any(h.place for h in self._hired):
            self._last_placed = now
        elif now - self._last_placed > self.patience:
            needs, nodes = resources_text(self._resources()), nodes_text(self.ray.nodes())
            raise ConfigError(
                f"--engine ray: no node had {needs} free for {self.patience:.0f} s, and the cluster has "
                f"{nodes or 'no nodes'}; add a node, wait for other jobs there, or give a smaller --gpus-per-model"
            )


def _start_error(error: Exception) -> ConfigError:
    """Return what is said where a worker's process lacks what it needs to begin."""
    last = str(error).strip().splitlines()[-1]
    return ConfigError(
        f"--engine ray: a worker cannot begin ({last.strip()}); install the same packages on every node, this version "
        "of reliseg among them"
    )


def _reason(error: Exception) -> str:
    """Return why a worker was lost, as Ray says it, without its advice."""
    text = " ".join(str(error).split())
    for sign in ("Worker exit detail:", "The actor is dead because"):
        text = text.rpartition(sign)[2]
    return shortlist([text.strip().partition(". ")[0]])
