"""The number of threads that decode images ahead of the model."""

import os

_MOST = 8


def decoding_threads(asked: int | None) -> int:
    """Return the number asked for, or one thread for each core that this process may use, at most 8.

    A PNG of two megapixels takes a core as long as a network takes a GPU, so that two threads would leave it waiting.
    Each thread holds an image in memory.
    """
    if asked is not None:
        return asked
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(usable, _MOST)
