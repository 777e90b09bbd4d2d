"""Several domains are measured at once, and what is found comes in their order."""

import threading

import pytest
from helpers.plans import dataset_of, target_of

from reliseg.run.measure import threads
from reliseg.run.measure.threads import measure_each


@pytest.mark.parametrize(("limit", "at_once"), [(8, 2), (3, 1)])
def test_as_many_run_at_once_as_their_images_allow(monkeypatch, limit, at_once):
    monkeypatch.setattr(threads, "_IMAGES", limit)
    target = target_of(dataset_of({"day": ["a/0", "a/1", "a/2"]}), "day")
    running, most, lock, both = 0, 0, threading.Lock(), threading.Barrier(at_once, timeout=20)

    def do(job):
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        both.wait()
        with lock:
            running -= 1
        return job

    assert list(measure_each(do, [(i, (target,)) for i in range(6)], 2)) == list(range(6))
    assert most == at_once
