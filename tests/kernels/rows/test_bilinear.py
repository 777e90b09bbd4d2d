"""Interpolation by taps and segments: torch's, once and twice in a row, at any ratio."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn.functional import interpolate

from reliseg.kernels.rows.bilinear import (
    MARGIN,
    REACH,
    WIDTH,
    Axes,
    chained,
    combine,
    combine_kept,
    expand,
    segments,
    taps,
)
from reliseg.runtime.numba_compile import cached_njit

sides = st.integers(1, 90)


def matrix(axis, native):
    full = np.zeros((axis.source.shape[1], native))
    for index, weight in zip(axis.source, axis.weight, strict=True):
        np.add.at(full, (np.arange(len(full)), index), weight)
    return full


def torchs(native, size):
    return interpolate(torch.eye(native, dtype=torch.float64)[None], size=size, mode="linear")[0].T.numpy()


@given(sides, sides)
def test_taps_are_torchs_bilinear_interpolation(native, size):
    np.testing.assert_allclose(matrix(taps(native, size), native), torchs(native, size), atol=1e-13)


@given(sides, sides, sides)
def test_chained_taps_are_one_interpolation_after_the_other(native, between, size):
    both = chained(taps(native, between), taps(between, size))
    np.testing.assert_allclose(matrix(both, native), torchs(between, size) @ torchs(native, between), atol=1e-13)
    assert (np.diff(both.source, axis=0)[(both.weight[1:] != 0)] > 0).all()


def test_two_enlargements_have_three_taps_and_one_place_may_have_one():
    assert len(chained(taps(20, 80), taps(80, 120)).source) == REACH
    assert len(taps(7, 7).source) == 1


def test_taps_of_a_part_are_those_of_its_places():
    part = taps(24, 25, 12.5)
    np.testing.assert_allclose(matrix(part, 24) @ np.arange(24), np.maximum((np.arange(25) + 0.5) / 2 - 0.5, 0))


@cached_njit
def lines_of(planes, axes, out):
    line, slots = np.zeros(planes.shape[2] + MARGIN, np.float32), np.zeros(axes.columns.slots, np.float32)
    for y in range(out.shape[1]):
        for c in range(len(planes)):
            combine(planes, c, axes.rows, y, line)
            expand(line, axes.columns, 0, axes.columns.slots // WIDTH, slots, np.uint64(0))
            for x in range(out.shape[2]):
                out[c, y, x] = slots[axes.columns.place[x]]


@given(sides, sides, sides, st.booleans(), st.integers(1, 6))
def test_segments_hold_each_pixel_once_and_interpolate_it(native, between, size, twice, multiple):
    axis = chained(taps(native, between), taps(between, size)) if twice else taps(native, size)
    columns = segments(axis, multiple)
    assert len(set(columns.place.tolist())) == size
    assert columns.slots % (multiple * WIDTH) == 0
    planes = np.random.default_rng(0).normal(size=(2, 3, native)).astype(np.float32)
    out = np.empty((2, 3, size), np.float32)
    lines_of(planes, Axes.of(taps(3, 3), axis, multiple), out)
    np.testing.assert_allclose(out, planes @ matrix(axis, native).T, rtol=0, atol=3e-6)


def test_a_stride_of_four_is_dense_but_for_the_margins():
    columns = segments(taps(512, 2048))
    assert len(columns.first) == 4 * 16
    assert columns.cell.shape[1] == WIDTH
    assert (columns.lead, columns.fours) == (2, 15)
    start = columns.lead + 7 * 4 * WIDTH
    turns = columns.place[start : start + 8] - 7 * 4 * WIDTH
    assert turns.tolist() == [0, WIDTH, 2 * WIDTH, 3 * WIDTH, 1, WIDTH + 1, 2 * WIDTH + 1, 3 * WIDTH + 1]


@cached_njit
def rows_of_kept(kept, rows, y, line):
    combine_kept(kept, rows, y, line)


@pytest.mark.parametrize("y", range(9))
def test_rows_that_are_kept_by_parity_are_those_of_a_plane(y):
    plane = np.random.default_rng(1).normal(size=(5, 7)).astype(np.float32)
    axes = Axes.of(taps(5, 9), taps(7, 7))
    kept = np.zeros((2, 7), np.float32)
    for place in axes.rows.source[:, y]:
        kept[place % 2] = plane[place]
    line = np.empty(7, np.float32)
    rows_of_kept(kept, axes.rows, y, line)
    np.testing.assert_allclose(line, matrix(taps(5, 9), 5)[y] @ plane, atol=1e-6)


def test_rows_of_a_part_of_the_image_are_the_same():
    axes = Axes.of(taps(5, 9), taps(7, 7))
    np.testing.assert_array_equal(axes.at(slice(2, 6)).rows.weight, axes.rows.weight[:, 2:6])
