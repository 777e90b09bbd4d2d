"""The solver of all methods with temperatures: the best 1/T of each group, whatever the blocks."""

import math

import numpy as np
import pytest
from helpers.calibration_samples import random_part
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import brentq
from scipy.special import log_softmax, softmax

from reliseg.calibration.fitting.inverse_temperature import HIGHEST, LOWEST, fit_inverse_temperatures, shrink

LEAST, MOST = 1 / HIGHEST, 1 / LOWEST


def blocks_of(z, labels, groups, size=1 << 16, order=None):
    places = np.arange(len(labels)) if order is None else order
    cut = [places[i : i + size] for i in range(0, len(places), size)]
    return lambda: ((z[i], labels[i], groups[i]) for i in cut)


def nll(z, labels, slope):
    return -log_softmax(z.astype(np.float64) * slope, axis=1)[np.arange(len(labels)), labels].sum()


def optimum(z, labels):
    """The root of the derivative of the NLL by the slope, by another method and with scipy's softmax."""
    z = z.astype(np.float64)
    finite = np.where(np.isfinite(z), z, 0)

    def gradient(slope):
        return ((softmax(z * slope, axis=1) * finite).sum(axis=1) - z[np.arange(len(labels)), labels]).sum()

    if gradient(LEAST) >= 0:
        return LEAST
    if gradient(MOST) <= 0:
        return MOST
    return brentq(gradient, LEAST, MOST, xtol=1e-13, rtol=1e-13)


def groups_of(seed, groups, *, most=150, empty_column=False):
    """Pixels of groups with temperatures and spreads of their own, shuffled; the last group has none."""
    g = np.random.default_rng(seed)
    sizes = g.integers(1, most, groups - 1)
    parts = [
        random_part(
            [seed, i],
            pixels=int(n),
            temperature=math.exp(g.uniform(-2, 3)),
            spread=math.exp(g.uniform(-2, 3)),
            empty_column=empty_column,
        )
        for i, n in enumerate(sizes)
    ]
    order = g.permutation(sizes.sum())
    z, labels = (np.concatenate([p[i] for p in parts])[order] for i in (0, 1))
    return z, labels, np.arange(groups - 1).repeat(sizes)[order]


@pytest.mark.parametrize("empty_column", [False, True])
@pytest.mark.parametrize("seed", range(4))
def test_each_group_has_the_optimum_that_it_has_alone(seed, empty_column):
    z, labels, groups = groups_of(seed, 25, empty_column=empty_column)
    slopes, counts = fit_inverse_temperatures(blocks_of(z, labels, groups), 25)
    np.testing.assert_array_equal(counts, np.bincount(groups, minlength=25))
    wanted = [optimum(z[groups == g], labels[groups == g]) for g in range(24)]
    np.testing.assert_allclose(slopes[:24], wanted, rtol=1e-6)
    assert sum(LEAST < w < MOST for w in wanted) > 12, "too few optima inside the bounds to say anything"


def test_groups_without_pixels_have_slope_1():
    z, labels, _ = groups_of(0, 2)
    slopes, counts = fit_inverse_temperatures(blocks_of(z, labels, np.full(len(labels), 3)), 6)
    assert slopes[[0, 1, 2, 4, 5]].tolist() == [1.0] * 5
    assert counts.tolist() == [0, 0, 0, len(labels), 0, 0]
    none = fit_inverse_temperatures(lambda: iter(()), 2)
    assert none[0].tolist() == [1.0, 1.0]
    assert none[1].tolist() == [0, 0]


@pytest.mark.parametrize("empty_column", [False, True])
def test_a_group_of_pixels_with_equal_logits_says_nothing_and_has_slope_1(empty_column):
    z, labels = random_part(0, pixels=40, empty_column=empty_column)
    flat = np.where(np.isfinite(z), np.float32(2.5), z)
    groups = np.array([0] * 40 + [1] * 40)
    slopes, counts = fit_inverse_temperatures(blocks_of(np.concatenate([z, flat]), np.tile(labels, 2), groups), 2)
    assert slopes[1] == 1
    assert counts.tolist() == [40, 0]
    assert slopes[0] == pytest.approx(optimum(z, labels), rel=1e-6)


def test_equal_logits_among_others_change_no_optimum():
    z, labels = random_part(0, pixels=40)
    both = np.concatenate([z, np.zeros_like(z)]), np.tile(labels, 2), np.zeros(80, np.int64)
    slopes, counts = fit_inverse_temperatures(blocks_of(*both), 1)
    assert slopes[0] == pytest.approx(optimum(z, labels), rel=1e-6)
    assert counts.tolist() == [80]


@pytest.mark.parametrize("gap", [1e-3, 1.0, 40.0, 2000.0, 16000.0])
def test_optima_beyond_the_bounds_are_the_bounds(gap):
    z = np.array([[gap, 0], [gap, 0]] * 3, np.float32)
    labels, groups = np.array([0, 1] * 3, np.uint8), np.array([0, 1] * 3)
    slopes, _ = fit_inverse_temperatures(blocks_of(z, labels, groups), 2)
    assert slopes.tolist() == [MOST, LEAST]


@given(seed=st.integers(0, 999), size=st.integers(1, 90), shuffled=st.booleans())
@settings(max_examples=25, deadline=None)
def test_order_and_size_of_blocks_do_not_matter(seed, size, shuffled):
    z, labels, groups = groups_of(seed, 5, most=60)
    order = np.random.default_rng(seed).permutation(len(labels)) if shuffled else None
    once, counts = fit_inverse_temperatures(blocks_of(z, labels, groups), 5)
    again, same = fit_inverse_temperatures(blocks_of(z, labels, groups, size, order), 5)
    np.testing.assert_allclose(again, once, rtol=1e-9)
    np.testing.assert_array_equal(same, counts)


@given(seed=st.integers(0, 999), strength=st.just(0.0) | st.floats(1e-6, 1e9))
@settings(max_examples=40, deadline=None)
def test_a_shrunk_slope_is_never_worse_than_the_global_one(seed, strength):
    z, labels, groups = groups_of(seed, 5, most=40)
    slopes, counts = fit_inverse_temperatures(blocks_of(z, labels, groups), 5)
    [everywhere], _ = fit_inverse_temperatures(blocks_of(z, labels, np.zeros_like(groups)), 1)
    drawn = shrink(slopes, everywhere, counts, strength)
    assert drawn[4] == everywhere
    low, high = np.minimum(slopes[:4], everywhere), np.maximum(slopes[:4], everywhere)
    assert ((low * (1 - 1e-15) <= drawn[:4]) & (drawn[:4] <= high * (1 + 1e-15))).all()
    for g in range(4):
        own = z[groups == g], labels[groups == g]
        assert nll(*own, drawn[g]) <= nll(*own, everywhere) * (1 + 1e-12) + 1e-12


def test_shrinkage_is_a_number_of_pixels():
    slopes, counts = np.array([3.0, 3.0, 3.0, 7.0]), np.array([100, 300, 10**12, 0])
    np.testing.assert_allclose(shrink(slopes, 1.0, counts, 100.0), [2.0, 2.5, 3.0, 1.0], rtol=1e-9)
    assert shrink(slopes, 1.0, counts, 0.0).tolist() == [3.0, 3.0, 3.0, 1.0]


@pytest.mark.parametrize("threads", [2, 3])
def test_the_number_of_threads_changes_no_bit(threads):
    z, labels, groups = groups_of(3, 5, most=400)
    once, _ = fit_inverse_temperatures(blocks_of(z, labels, groups, 7), 5)
    again, _ = fit_inverse_temperatures(blocks_of(z, labels, groups, 7), 5, threads)
    assert again.tobytes() == once.tobytes()


def test_every_16th_block_is_only_where_the_search_starts():
    """Blocks 0, 16, 32 ... want the lowest temperature, the others the highest, and so do all of them together."""
    z = np.tile(np.array([[3.0, 0.0, -3.0]], np.float32), (160, 1))
    labels = np.where(np.arange(160) % 16 == 0, 0, 2).astype(np.uint8)
    slopes, counts = fit_inverse_temperatures(blocks_of(z, labels, np.zeros(160, np.int64), 1), 1)
    assert slopes.tolist() == [LEAST]
    assert counts.tolist() == [160]
    assert fit_inverse_temperatures(blocks_of(z[::16], labels[::16], np.zeros(10, np.int64), 1), 1)[0].tolist() == [
        MOST
    ]
