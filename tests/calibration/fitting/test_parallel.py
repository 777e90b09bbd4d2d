"""Blocks on several threads: results come in the order of the blocks, and few are open at a time."""

import threading
import time

import pytest

from reliseg.calibration.fitting.parallel import map_in_order


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_results_come_in_the_order_of_items(threads):
    def late(i):
        time.sleep(0.003 if i % 3 == 0 else 0)
        return i * i

    assert list(map_in_order(late, iter(range(20)), threads)) == [i * i for i in range(20)]


def test_a_few_items_are_read_at_a_time():
    read = []
    results = map_in_order(lambda i: i, (read.append(i) or i for i in range(1000)), 3)
    assert next(results) == 0
    assert len(read) == 2 * 3
    results.close()


def test_work_is_shared_and_an_error_ends_it():
    meeting = threading.Barrier(2, timeout=20)
    assert list(map_in_order(lambda i: meeting.wait() >= 0, iter(range(2)), 2)) == [True, True]
    with pytest.raises(ZeroDivisionError):
        list(map_in_order(lambda i: 1 // i, iter([1, 0]), 2))
