"""How many domains are measured at once."""

from collections.abc import Callable, Generator, Sequence
from typing import TypeVar

from reliseg.plan.plan import Target
from reliseg.run.predict.stream import prefetch

Job = TypeVar("Job")
Found = TypeVar("Found")

_MOST = 4
"""Threads, at most: each has a domain in memory, of up to 250 MB and 9 kB for each image."""
_IMAGES = 8192
"""Of domains that are measured at once, at most."""


def measure_each(
    do: Callable[[Job], Found], jobs: Sequence[tuple[Job, Sequence[Target]]], workers: int
) -> Generator[Found, None, None]:
    """Yield what is found of each job, in their order; a job comes with the domains that it reads.

    As many run at once as the run has threads for decoding, if they read no large domains.
    """
    largest = max((sum(len(m.domain.samples) for m in members) for _, members in jobs), default=1)
    threads = max(1, min(workers, _MOST, _IMAGES // max(1, largest)))
    return prefetch(do, [job for job, _ in jobs], workers=threads, max_pending=2 * threads)
