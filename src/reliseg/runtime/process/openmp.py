"""The idle threads of libgomp, with which torch computes on Linux.

libgomp keeps a set of threads for each thread that has run work in parallel. Between two pieces of work they stay awake
for a moment, so that the next one begins at once; but only as long as the process has no more of them than processors.
Beyond that, each piece of work waits until the system has woken them: a network of many small layers (DABNet) took
62 ms an image in place of 42 because another thread had loaded it.
"""

from threadpoolctl import ThreadpoolController

_PAUSE_HARD = 2
"""omp_pause_hard, of OpenMP 5.0."""


def end_idle_threads() -> None:
    """End the threads that libgomp keeps for the calling one; its next work starts others.

    Threads kept for other threads stay, and so do those of other implementations of OpenMP.
    """
    for library in ThreadpoolController().select(prefix="libgomp").lib_controllers:
        if hasattr(library.dynlib, "omp_pause_resource_all"):  # before GCC 9 it is not there
            library.dynlib.omp_pause_resource_all(_PAUSE_HARD)
