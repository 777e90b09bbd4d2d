"""How fast a stage goes, and how long it still takes."""

import time
from collections import deque
from collections.abc import Callable
from itertools import pairwise
from threading import Lock

_APART = 0.5
"""Steps that come faster are looked at together, in seconds."""


class Pace:
    """The speed of a stage over the last minute, or another window, in samples a second.

    Samples may come one by one or many at once, and a step may take longer than the window: the speed is always that of
    whole steps. Where the next one is overdue, it sinks. Any thread may ask.
    """

    def __init__(self, done: int = 0, clock: Callable[[], float] = time.monotonic, window: float = 60.0) -> None:
        self._clock, self._window = clock, window
        self._marks = deque([(clock(), done)])
        self._lock = Lock()

    @property
    def done(self) -> int:
        """How many samples are done."""
        return self._marks[-1][1]

    def advance(self, count: int = 1) -> None:
        """Count more samples."""
        with self._lock:
            now, marks = self._clock(), self._marks
            done = marks[-1][1] + count
            if len(marks) > 1 and now - marks[-2][0] < _APART:
                marks.pop()
            marks.append((now, done))
            while len(marks) > 2 and marks[1][0] <= now - self._window:
                marks.popleft()

    def rate(self) -> float | None:
        """Return the samples a second, or None before the first one."""
        return self._look()[0]

    def seconds_left(self, total: int) -> float | None:
        """Return how long it takes until `total` samples are done; None before the first one, or without a total."""
        rate, since = self._look()
        if rate is None or total <= 0:
            return None
        left = (total - self.done) / rate
        return max(left - since, 0.0)

    def _look(self) -> tuple[float | None, float]:
        """Return the speed, and the seconds since the last step, as far as this explains them."""
        with self._lock:
            now, marks = self._clock(), list(self._marks)
        (begin, before), (last, done) = marks[0], marks[-1]
        usual = max((b[0] - a[0] for a, b in pairwise(marks)), default=0.0)
        end = max(last, now - usual)
        rate = (done - before) / (end - begin) if done > before and end > begin else None
        return rate, min(now - last, usual)
