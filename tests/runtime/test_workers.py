"""The number of decoding threads, where nobody says it."""

import os

import pytest

from reliseg.runtime.workers import decoding_threads


@pytest.mark.parametrize(("usable", "expected"), [(1, 1), (2, 2), (8, 8), (96, 8)])
def test_one_for_each_core_that_may_be_used_but_not_more_than_eight(monkeypatch, usable, expected):
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: set(range(usable)), raising=False)
    assert decoding_threads(None) == expected


def test_where_the_system_tells_no_such_cores_all_count(monkeypatch):
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: 3)
    assert decoding_threads(None) == 3
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    assert decoding_threads(None) == 1


def test_what_is_asked_for_stays():
    assert decoding_threads(5) == 5
    assert decoding_threads(0) == 0  # refused where the run begins, in words
