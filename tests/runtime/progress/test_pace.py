"""The speed of a stage and its time left: of steps one by one, of jumps, and where nothing comes any more."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reliseg.runtime.progress.pace import Pace


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


def test_nothing_is_known_before_the_first_step(clock):
    pace = Pace(5, clock)
    clock.now = 3
    assert (pace.done, pace.rate(), pace.seconds_left(9)) == (5, None, None)


def test_what_was_done_before_counts_for_what_is_left_and_not_for_the_speed(clock):
    pace = Pace(90, clock)
    clock.now = 2
    pace.advance()
    assert (pace.done, pace.rate(), pace.seconds_left(100)) == (91, 0.5, 18.0)


def test_a_stage_without_a_total_has_no_time_left(clock):
    pace = Pace(0, clock)
    clock.now = 1
    pace.advance()
    assert (pace.rate(), pace.seconds_left(0)) == (1.0, None)


def test_jumps_and_steps_at_the_same_speed_have_the_same_speed_and_time_left(clock):
    steps, jumps = Pace(0, clock), Pace(0, clock)
    for second in range(1, 1001):
        clock.now = second
        steps.advance(2)
        if second % 200 == 0:
            jumps.advance(400)
            assert jumps.rate() == steps.rate() == 2.0
        if second >= 200:
            assert jumps.rate() == 2.0
            assert jumps.seconds_left(10_000) == steps.seconds_left(10_000) == 5000 - second


def test_the_speed_is_that_of_the_last_minute(clock):
    pace = Pace(0, clock)
    for second in range(1, 1001):
        clock.now = second
        pace.advance(1 if second <= 500 else 3)
    assert pace.rate() == 3.0


def test_the_speed_sinks_where_the_next_step_is_overdue(clock):
    pace = Pace(0, clock)
    for second in range(1, 61):
        clock.now = second
        pace.advance()
    rates, left = [], []
    for second in (60, 61, 120, 600):
        clock.now = second
        rates.append(pace.rate())
        left.append(pace.seconds_left(120))
    assert rates[:2] == [1.0, 1.0]
    assert rates[1] > rates[2] > rates[3] > 0
    assert left[0] == 60
    assert left[1] == 59
    assert left[1] < left[2] < left[3]


def test_no_more_than_a_minute_is_remembered(clock):
    pace = Pace(0, clock)
    for tick in range(100_000):
        clock.now = tick / 100
        pace.advance()
    assert pace.done == 100_000
    assert len(pace._marks) < 130
    assert pace.rate() == pytest.approx(100, rel=0.02)


@given(st.lists(st.tuples(st.floats(0, 300), st.integers(0, 50)), max_size=60))
def test_any_steps_give_a_speed_and_a_time_that_are_not_negative(steps):
    clock = Clock()
    pace = Pace(0, clock)
    for wait, count in steps:
        clock.now += wait
        pace.advance(count)
        assert (pace.rate() or 0) >= 0
        assert (pace.seconds_left(10_000) or 0) >= 0
    assert pace.done == sum(count for _, count in steps)
