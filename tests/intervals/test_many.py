"""Intervals of many numbers are those of one after the other, to the bit."""

import math

import numpy as np
import pytest

from reliseg.intervals import Asked, Scale, jackknife, jackknives

SCALES = [Scale(), Scale("log", 0, 1), Scale("logit", 0, 1), Scale("logit", -100, 100)]


def numbers(seed):
    g = np.random.default_rng(seed)
    for scale in SCALES:
        for sizes in ((40,), (40, 25), (2,), (1,), (7, 1)):
            lefts = [0.3 + 0.2 * g.random(n) ** 4 for n in sizes]
            yield Asked(0.4, float(lefts[0].mean()), lefts, scale)
            yield Asked(0.4, 0.4, [np.full(n, 0.4) for n in sizes], scale)
            yield Asked(0.4, 0.4, [np.append(left[1:], math.nan) for left in lefts], scale)
            yield Asked(1.0, 0.9, [np.append(left[1:], 1.0) for left in lefts], scale)  # on a bound


@pytest.mark.parametrize("seed", range(3))
def test_intervals_are_those_of_one_number_after_the_other(seed):
    asked = [*numbers(seed)]
    found = jackknives(asked, noun="image")
    wanted = [jackknife(a.value, a.centre, a.lefts, a.scale, noun="image") for a in asked]
    assert list(map(repr, found)) == list(map(repr, wanted))


@pytest.mark.parametrize("signs", [[-1], [1], [-1, 1]])
@pytest.mark.parametrize("n", [12, 18, 19, 60, 300])
def test_units_that_decide_are_counted_alike_however_few_they_are(n, signs):
    g = np.random.default_rng(n)
    asked = []
    for few in range(1, 12):
        left = 0.5 + 0.001 * g.random(n)
        left[g.permutation(n)[:few]] += 0.2 * g.choice(signs, few)
        asked.append(Asked(0.5, 0.5, [left], Scale()))
    found = jackknives(asked)
    assert found == [jackknife(a.value, a.centre, a.lefts, a.scale) for a in asked]
    assert found[0].doubt == (f"1 of {n} units decide this number" if n > 12 else "")


def test_many_replicates_are_looked_at_in_lots():
    g = np.random.default_rng(0)
    asked = [Asked(0.5, 0.5, [g.random(400_000)], Scale()) for _ in range(4)]
    assert jackknives(asked) == [jackknife(a.value, a.centre, a.lefts, a.scale) for a in asked]


def test_of_no_number_there_is_no_interval():
    assert jackknives([]) == []
