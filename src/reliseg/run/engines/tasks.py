"""Tasks of models, stage after stage: which is next, and which are done again because a worker was lost."""

from collections import Counter, deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Task:
    """A piece of work of one model, small enough to be sent; `stage` is a place in the order of stages."""

    model: str
    stage: int
    number: int
    """Its place among the tasks of its stage, of all models."""
    name: str
    """What messages call it."""
    images: int = 0


@dataclass
class _ModelTasks:
    """The tasks of one model: a stage begins when nothing of the one before is left."""

    waiting: dict[int, deque[Task]] = field(default_factory=dict)
    running: set[Task] = field(default_factory=set)

    def of_now(self) -> deque[Task]:
        """Return what can be begun: nothing, while the last tasks of a stage are at work."""
        stages = sorted(self.waiting)
        at_work = {task.stage for task in self.running}
        return self.waiting[stages[0]] if stages and at_work <= {stages[0]} else deque()


class TaskQueue:
    """Tasks in order; those of different models are independent of each other."""

    def __init__(self, tasks: Iterable[Task]) -> None:
        self._models: dict[str, _ModelTasks] = {}
        self._losses: Counter[Task] = Counter()
        for task in tasks:
            self._models.setdefault(task.model, _ModelTasks()).waiting.setdefault(task.stage, deque()).append(task)

    def __bool__(self) -> bool:
        """True while anything waits or is at work."""
        return any(model.waiting or model.running for model in self._models.values())

    def take(self, model: str) -> Task | None:
        """Return a task of a model that can be begun now, if there is one."""
        tasks = self._models[model]
        now = tasks.of_now()
        if not now:
            return None
        task = now.popleft()
        if not now:
            del tasks.waiting[task.stage]
        tasks.running.add(task)
        return task

    def finish(self, task: Task) -> None:
        """Count a task as done."""
        self._models[task.model].running.remove(task)

    def give_back(self, task: Task, *, blamed: bool) -> int:
        """Put a task back at the front, as its worker was lost; return how often that was the task's own fault."""
        tasks = self._models[task.model]
        tasks.running.remove(task)
        tasks.waiting.setdefault(task.stage, deque()).appendleft(task)
        self._losses[task] += blamed
        return self._losses[task]

    def can_begin(self, model: str) -> int:
        """Return how many tasks of a model could be begun now."""
        return len(self._models[model].of_now())

    def is_over(self, model: str) -> bool:
        """Tell if no task of a model waits, now or in a later stage."""
        return not self._models[model].waiting

    def next_model(self, workers: Mapping[str, int], free: Mapping[str, int]) -> str | None:
        """Return the model that needs one more worker the most: it has tasks for it, and the fewest workers now.

        `free` are those of a model's workers that have no task.
        """
        wanting = [m for m in self._models if self.can_begin(m) > free.get(m, 0)]
        return min(wanting, key=lambda m: workers.get(m, 0), default=None)
