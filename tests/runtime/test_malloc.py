"""Freed memory is taken again within `keep_freed_memory`, by every thread, and given back after."""

import json
import os
import platform
import resource
import subprocess
import sys

import pytest

glibc, version = platform.libc_ver()
pytestmark = pytest.mark.skipif(
    glibc != "glibc" or tuple(map(int, version.split("."))) < (2, 35), reason="needs glibc 2.35"
)

PAGE = resource.getpagesize()
SETTINGS = ("MALLOC_", "GLIBC_TUNABLES")
SCRIPT = """
import ctypes, json, resource, threading
ctypes.CDLL(None).prctl(41, 1, 0, 0, 0)  # no huge pages
from contextlib import contextmanager, nullcontext
import numpy as np
from reliseg.runtime.malloc import keep_freed_memory, return_free_memory, tune_malloc

SIZE = {size}

def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt

def resident():
    return int(open("/proc/self/statm").read().split()[1]) * resource.getpagesize()

def cleared(found):
    for _ in range(4):
        before = faults()
        np.empty(SIZE, np.uint8).fill(1)
        found.append(faults() - before)

@contextmanager
def ended(other):
    with other:
        pass
    yield

{first}
found, before = [], resident()
with {context}:
    thread = threading.Thread(target=cleared, args=(found,))
    thread.start()
    thread.join()
    within = resident()
    return_free_memory()
    between = resident()
print(json.dumps([found, within - before, between - before, resident() - before]))
"""


def pages(size: int, context: str, first: str = "tune_malloc()", **settings: str) -> tuple[list[int], int, int, int]:
    """Pages that the system clears for an array of `size` bytes, four times over; memory within, given back, after."""
    script = SCRIPT.format(size=size, context=context, first=first)
    environment = {k: v for k, v in os.environ.items() if not k.startswith(SETTINGS)} | settings
    done = subprocess.run([sys.executable, "-c", script], env=environment, check=True, capture_output=True, text=True)
    found, within, between, after = json.loads(done.stdout)
    return found, within, between, after


def test_a_thread_takes_freed_memory_again() -> None:
    size = 128 << 20
    found, within, between, after = pages(size, "keep_freed_memory()")
    assert found[0] > 0.9 * size / PAGE
    assert max(found[1:]) < 100
    assert within > 0.99 * size  # the system's count lags by some pages
    assert size > 8 * max(between, after)


def test_a_process_that_has_not_asked_keeps_its_malloc() -> None:
    size = 128 << 20
    found, *_ = pages(size, "keep_freed_memory()", first="")
    assert min(found) > 0.9 * size / PAGE


def test_one_that_ends_leaves_it_to_the_others() -> None:
    """As two runs of one process."""
    size = 128 << 20
    found, *_ = pages(size, "keep_freed_memory(), ended(keep_freed_memory())")
    assert max(found[1:]) < 100


def test_who_has_set_malloc_keeps_it() -> None:
    size = 128 << 20
    found, *_ = pages(size, "keep_freed_memory()", MALLOC_ARENA_MAX="4")
    assert min(found) > 0.9 * size / PAGE


@pytest.mark.parametrize(("size", "context"), [(128 << 20, "nullcontext()"), (300 << 20, "keep_freed_memory()")])
def test_without_it_and_for_larger_arrays_the_system_clears_them_each_time(size: int, context: str) -> None:
    found, _, _, after = pages(size, context)
    assert min(found) > 0.9 * size / PAGE
    assert 8 * after < size
