"""Workers of a pool that load no model: they sleep, fail, end their process, or remember who they are."""

import os
import signal
import time
from dataclasses import dataclass, field
from pathlib import Path

from reliseg.errors import SampleError
from reliseg.run.engines.tasks import Task


@dataclass
class ScriptedWorker:
    """Does what the name of a task says, and returns its process with the numbers of the tasks it has done."""

    model: str
    done: list[int] = field(default_factory=list)

    def carry_out(self, task: Task) -> tuple[int, list[int], str]:
        action, _, argument = task.name.partition(" ")
        if action == "sleep":
            time.sleep(float(argument))
        elif action == "refuse":
            raise SampleError("scene/a", argument)
        elif action == "break":
            raise ZeroDivisionError(argument)
        elif action == "die":
            os.kill(os.getpid(), signal.SIGKILL)
        elif action == "die-once" and not Path(argument).exists():
            Path(argument).touch()
            os.kill(os.getpid(), signal.SIGKILL)
        self.done.append(task.number)
        return os.getpid(), list(self.done), os.environ["OMP_NUM_THREADS"]


def scripted(*names: str, model: str = "net", stage: int = 0) -> list[Task]:
    """Return tasks that do what their names say."""
    return [Task(model, stage, number, name, images=1) for number, name in enumerate(names)]
