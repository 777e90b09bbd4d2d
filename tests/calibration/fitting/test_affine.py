"""Affine maps: how they are packed and applied, and the loss that their fit minimises."""

import numpy as np
import pytest
from helpers.calibration_samples import random_part, sample_of

from reliseg.calibration.fitting.affine import AffineFit, apply_affine, pack_affine
from reliseg.calibration.fitting.columns import inspect_columns, log_softmax

FEATURES = {"factors": lambda z: z, "a matrix": log_softmax}


def fit_of(name, *parts, start=0.5, cost=0.1, bias_cost=0.05):
    sample = sample_of(*parts)
    columns = inspect_columns(sample, "vector")
    live = len(columns.present)
    shape = live if name == "factors" else (live, live)
    begin = np.full(live, start) if name == "factors" else start * np.eye(live)
    return AffineFit(sample, columns, FEATURES[name], begin, np.full(shape, cost), bias_cost)


@pytest.mark.parametrize("name", FEATURES)
def test_derivatives_are_those_of_finite_differences(name):
    fit = fit_of(name, random_part(0, classes=3), random_part(1, classes=3, pixels=50))
    g = np.random.default_rng(0)
    weights, biases = fit.start + g.normal(0, 0.2, fit.start.shape), g.normal(0, 0.3, 3)
    _, by_weights, by_biases = fit.objective(weights, biases)
    for place in np.ndindex(weights.shape):
        step = np.zeros(weights.shape)
        step[place] = 1e-5
        slope = (fit.objective(weights + step, biases)[0] - fit.objective(weights - step, biases)[0]) / 2e-5
        assert slope == pytest.approx(by_weights[place], abs=1e-8)
    for c in range(3):
        step = (np.eye(3)[c] - 1 / 3) * 1e-5  # biases add up to 0
        slope = (fit.objective(weights, biases + step)[0] - fit.objective(weights, biases - step)[0]) / 2e-5
        assert slope == pytest.approx(by_biases[c], abs=1e-8)


@pytest.mark.parametrize("name", FEATURES)
def test_the_solution_is_where_derivatives_vanish_and_below_the_start(name):
    fit = fit_of(name, random_part(2, classes=3, pixels=400))
    weights, biases = fit.solve()
    best, by_weights, by_biases = fit.objective(weights, biases)
    assert np.abs(by_weights).max() < 1e-5
    assert np.abs(by_biases).max() < 1e-5
    assert best < fit.objective(fit.start, np.zeros(3))[0]


@pytest.mark.parametrize("name", FEATURES)
def test_rows_of_classes_that_are_no_label_stay_as_they_start(name):
    z, labels = random_part(3, classes=4, pixels=300)
    fit = fit_of(name, (z[labels != 1], labels[labels != 1]))
    weights, biases = fit.solve()
    np.testing.assert_array_equal(weights[1], fit.start[1])
    assert biases[1] == 0
    assert biases.sum() == pytest.approx(0, abs=1e-9)


def test_where_nothing_is_better_than_the_start_it_stays():
    fit = fit_of("factors", random_part(4, classes=3), cost=1e12, bias_cost=1e12)
    weights, biases = fit.solve()
    np.testing.assert_allclose(weights, fit.start, atol=1e-9)
    np.testing.assert_allclose(biases, 0, atol=1e-9)


def test_factors_are_applied_as_a_diagonal_matrix():
    g = np.random.default_rng(0)
    factors, biases, x = g.normal(0, 1, 4), g.normal(0, 1, 4), g.normal(0, 1, (4, 30))
    np.testing.assert_allclose(apply_affine(np.diag(factors), biases, x), apply_affine(factors, biases, x), rtol=1e-12)
    np.testing.assert_allclose(apply_affine(factors, biases, x)[2], factors[2] * x[2] + biases[2], rtol=1e-12)


@pytest.mark.parametrize(("shape", "packed"), [((1, 1), (2, 4)), ((2, 4), (2, 4)), ((7, 3, 5), (7, 4, 8))])
def test_packed_matrices_are_padded_by_zeros(shape, packed):
    weights, biases = np.ones(shape), np.ones(shape[:-1])
    wide, shifts = pack_affine(weights, biases)
    assert (wide.shape, wide.dtype, shifts.shape, shifts.dtype) == (packed, np.float32, packed[:-1], np.float32)
    assert wide.sum() == weights.size
    assert shifts.sum() == biases.size
    np.testing.assert_array_equal(wide[..., : shape[-2], : shape[-1]], weights)
