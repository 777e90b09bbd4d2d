"""The best numbers, where that is decided."""

import math
from dataclasses import replace

import numpy as np
import pytest
from helpers.result_rows import lefts_of, result_row

from reliseg.report.tables.best import decided_best

EASE = np.random.default_rng(7).normal(0.5, 0.1, 40)


def numbers(*shifts, metric="ece", noise=0.0, names=()):
    """Return rows of models that differ by so much on the same images, and what gives their numbers without one."""
    draw = np.random.default_rng(1)
    made = {}
    for i, shift in enumerate(shifts):
        images = EASE + shift + noise * draw.normal(0, 0.1, len(EASE))
        row = result_row(float(images.mean()), metric=metric, model=f"net{i}")
        made[id(row)] = (row, lefts_of(images, names=[f"{names[i]}{k}" for k in range(40)] if names else ()))
    rows = [row for row, _ in made.values()]
    return rows, lambda row: made[id(row)][1]


@pytest.mark.parametrize(("metric", "best"), [("ece", "net1"), ("miou", "net2")])
def test_the_better_direction_is_that_of_the_metric(metric, best):
    rows, lefts = numbers(0.0, -0.05, 0.05, metric=metric, noise=0.1)
    assert [row.model for row in decided_best(rows, lefts)] == [best]


def test_a_best_number_within_the_noise_is_not_decided():
    assert decided_best(*numbers(0.0, 0.001, noise=2.0)) == []


def test_the_best_number_is_compared_with_the_second_best_not_with_a_far_one():
    rows, lefts = numbers(0.0, 0.001, 1.0, noise=2.0)
    assert decided_best([rows[0], rows[2]], lefts) == [rows[0]]
    assert decided_best(rows, lefts) == []


def test_other_images_are_no_pairs():
    rows, lefts = numbers(0.0, 0.3, noise=0.1, names=("a", "b"))
    assert decided_best(rows, lefts) == []


def test_equal_best_numbers_are_best_together_against_the_next():
    (first, third), lefts = numbers(0.0, 0.05, noise=0.1)
    second = replace(first, model="twin")
    best = decided_best([first, second, third], lambda row: lefts(third if row is third else first))
    assert [row.model for row in best] == ["net0", "twin"]


def test_nothing_is_best_of_one_of_equals_of_undefined_ones_or_where_no_way_is_better():
    rows, lefts = numbers(0.0, 0.3, noise=0.1)
    assert decided_best([], lefts) == []
    assert decided_best(rows[:1], lefts) == []
    assert decided_best([rows[0], rows[0]], lefts) == []
    assert decided_best([rows[0], result_row(math.nan)], lefts) == []
    assert decided_best([result_row(0.1, metric="mine"), result_row(0.2, metric="mine")], lefts) == []
    assert decided_best(rows, lambda row: None) == []
