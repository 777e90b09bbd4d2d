"""Compiled softmax, mean and entropy of log probabilities, against NumPy in float64."""

import numpy as np
import pytest
from scipy.special import log_softmax, logsumexp

from reliseg.kernels.rows.log_probabilities import log_mean, neg_entropy, take_log_softmax
from reliseg.stats.probabilities import LEAST_LOG, LOG_ZERO


@pytest.mark.parametrize(("classes", "pixels"), [(1, 1), (2, 255), (19, 257), (5, 1000)])
@pytest.mark.parametrize("scale", [0.0, 3.0, 60.0])
def test_the_softmax_is_that_of_scipy_above_a_bound(classes, pixels, scale):
    z = np.random.default_rng(pixels).normal(0, scale, (classes, pixels)).astype(np.float32)
    expected = np.maximum(log_softmax(z.astype(np.float64), axis=0), LEAST_LOG)
    take_log_softmax(z, LEAST_LOG)
    np.testing.assert_allclose(z, expected, atol=3e-5, rtol=1e-6)


@pytest.mark.parametrize("members", [1, 2, 7])
def test_the_mean_is_that_of_probabilities_however_small(members):
    z = np.random.default_rng(members).normal(0, 25, (members, 6, 300))
    logs = np.maximum(log_softmax(z, axis=1), LEAST_LOG).astype(np.float32)
    mean = np.empty((6, 300), np.float32)
    log_mean(logs, mean)
    expected = logsumexp(logs.astype(np.float64), axis=0) - np.log(members)
    np.testing.assert_allclose(mean, np.maximum(expected, LEAST_LOG), atol=3e-5)


def test_only_what_is_0_for_all_members_is_0():
    logs = np.full((3, 2, 2), LOG_ZERO, np.float32)
    logs[1, 0, 0] = np.log(0.3)
    logs[1, 1, 1] = LEAST_LOG
    mean = np.empty((2, 2), np.float32)
    log_mean(logs, mean)
    assert mean[0, 1] == mean[1, 0] == np.float32(LOG_ZERO)
    assert mean[0, 0] == pytest.approx(np.log(0.1), abs=1e-6)
    assert mean[1, 1] == np.float32(LEAST_LOG)


def test_the_entropy_is_its_sum():
    p = np.random.default_rng(0).dirichlet(np.full(7, 0.2), 500).T
    logs = np.log(np.maximum(p, 1e-40)).astype(np.float32)
    result = np.empty(500, np.float32)
    neg_entropy(logs, result)
    np.testing.assert_allclose(result, (p * np.log(np.maximum(p, 1e-300))).sum(axis=0), atol=2e-6)
