"""Compiled class sums: sigmoids down to 2**-126, any number of queries and classes."""

import numpy as np
import pytest

from reliseg.kernels.rows.class_sums import BLOCK, SCALE, Weights, sum_native_classes
from reliseg.stats.probabilities import LEAST_MAP


def maps_of(masks, probabilities):
    out = np.empty((probabilities.shape[1], *masks.shape[1:]), np.float32)
    sum_native_classes(masks, Weights.of(np.float32(probabilities)), out)
    return out.astype(np.float64) / SCALE


def test_a_sigmoid_keeps_its_digits_until_far_below_the_least_normal_number():
    x = np.linspace(-130.9, 41.9, 4001, dtype=np.float32)
    want = 1 / (1 + np.exp(-x.astype(np.float64)))
    got = maps_of(x.reshape(1, 1, -1), np.ones((1, 1))).ravel()
    assert (abs(got / want - 1) < (2 + abs(x) / 6) * 1e-7).all()


def test_sigmoids_of_huge_masks_are_one_and_next_to_nothing():
    x = np.float32([[[np.finfo(np.float32).max, 1e4, 0, -1e4, -np.finfo(np.float32).max]]])
    got = maps_of(x, np.ones((1, 1))).ravel()
    assert got[:3].tolist() == [1, 1, 0.5]
    assert (got[3:] < 2.0**-180).all()


@pytest.mark.parametrize("queries", [1, 3, 4, 5, 200])
@pytest.mark.parametrize("classes", [1, 2, 4, 7, 150])
def test_any_number_of_queries_and_classes_is_added_up(queries, classes):
    g = np.random.default_rng(queries * 1000 + classes)
    p, m = g.random((queries, classes)), g.normal(0, 4, (queries, 2, BLOCK + 3)).astype(np.float32)
    want = np.einsum("qc,qhw->chw", p, 1 / (1 + np.exp(-m.astype(np.float64))))
    np.testing.assert_allclose(maps_of(m, p), want, rtol=1e-6)


def test_what_many_queries_that_are_far_off_add_is_nothing_beside_the_bound():
    masks = np.full((200, 1, 1), -1e4, np.float32)
    assert maps_of(masks, np.ones((200, 1))).item() < LEAST_MAP * 2.0**-24
