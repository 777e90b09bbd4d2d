import time
from concurrent.futures import ThreadPoolExecutor
from threading import Event, Lock, Thread

import pytest

from reliseg.data.pictures.budget import PixelBudget, WaitingRoom


def test_large_pictures_are_decoded_one_after_the_other_and_small_ones_side_by_side():
    budget, lock = PixelBudget(100), Lock()
    inside, most = [], 0

    def decode(pixels):
        nonlocal most
        with budget.hold(pixels):
            with lock:
                inside.append(pixels)
                assert sum(inside) <= 100 or inside == [pixels]
                most = max(most, len(inside))
            time.sleep(0.002)
            with lock:
                inside.remove(pixels)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(decode, [10] * 20 + [90, 150, 60, 60] * 5))
    assert most > 1


def test_a_picture_that_fails_leaves_its_room():
    budget = PixelBudget(100)
    with pytest.raises(ValueError, match="broken"), budget.hold(100):
        raise ValueError("broken")
    with budget.hold(100):
        pass


def test_what_is_decoded_ahead_waits_for_room_but_for_the_next_one():
    room, entered = WaitingRoom(100), {number: Event() for number in range(4)}

    def enter(number, pixels):
        room.enter(number, pixels)
        entered[number].set()

    threads = [Thread(target=enter, args=(number, 60)) for number in (1, 2, 3)]
    threads[0].start()
    assert entered[1].wait(1)
    for thread in threads[1:]:
        thread.start()
    enter(0, 500)  # it is taken next: nobody waits for it in vain
    assert not entered[2].wait(0.05)
    room.take(0)
    assert not entered[2].wait(0.05)
    room.take(1)
    assert entered[2].wait(1)
    room.open()
    assert entered[3].wait(1)
    for thread in threads:
        thread.join()


def test_a_picture_that_never_entered_may_be_taken():
    room = WaitingRoom(100)
    room.take(0)
    room.enter(1, 1000)
    room.take(1)
    room.enter(5, 100)
