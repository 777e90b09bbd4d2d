"""Clusters of images by their features: weights that do not depend on scale, and posteriors against Bayes' rule."""

import sys

import numpy as np
import pytest

from reliseg.calibration.fitting.clusters import (
    Centres,
    Mixture,
    scale_to_largest_1,
    scale_to_length_1,
    scale_to_maximum_1,
)
from reliseg.errors import MissingExtraError


def gaussians(seed, *, groups=3, each=30, length=5):
    """Images in clear groups: features whose largest entry is 1."""
    g = np.random.default_rng(seed)
    centres = 3 * np.eye(length)[:groups]
    x = np.concatenate([c + g.normal(0, 0.2, (each, length)) for c in centres])
    return x / np.abs(x).max(axis=1, keepdims=True)


@pytest.mark.parametrize("groups", [2, 3, 5])
def test_the_posterior_is_that_of_scikit_learn(groups):
    from sklearn.mixture import GaussianMixture

    x = gaussians(groups, groups=groups)
    theirs = GaussianMixture(groups, n_init=5, max_iter=10_000, reg_covar=1.25, random_state=7).fit(x)
    ours = Mixture.fit(x * 40, groups, seed=7)  # at any scale: features are divided by their largest entry
    np.testing.assert_allclose(ours.weights(x), theirs.predict_proba(x), rtol=0, atol=1e-12)
    other = np.random.default_rng(9).normal(0, 1, (50, 5))
    other /= np.abs(other).max(axis=1, keepdims=True)
    np.testing.assert_allclose(ours.weights(other), theirs.predict_proba(other), rtol=0, atol=1e-12)


@pytest.mark.parametrize("variance", [0.01, 1.0])
def test_the_posterior_is_bayes_rule(variance):
    """Narrow components too: their densities underflow where their logs do not."""
    from scipy.stats import multivariate_normal

    g = np.random.default_rng(0)
    centres, shares = g.normal(0, 1, (3, 4)), np.array([0.2, 0.3, 0.5])
    covariances = [np.cov(g.normal(0, 1, (9, 4)), rowvar=False) * variance + variance * np.eye(4) for _ in shares]
    factors = np.stack([np.linalg.inv(np.linalg.cholesky(c)).T for c in covariances])
    x = g.uniform(-1, 1, (40, 4))
    x /= np.abs(x).max(axis=1, keepdims=True)
    logs = np.stack([multivariate_normal(m, c).logpdf(x) for m, c in zip(centres, covariances, strict=True)], axis=1)
    expected = np.exp(logs - logs.max(axis=1, keepdims=True)) * shares
    expected /= expected.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(Mixture(shares, centres, factors).weights(x), expected, rtol=1e-9, atol=1e-300)


FEATURES = np.array([[3.0, 4.0], [0.0, 0.0], [-2.0, 1.0]])


def test_features_are_scaled_and_zeros_stay():
    np.testing.assert_allclose(scale_to_length_1(FEATURES)[:2], [[0.6, 0.8], [0, 0]], rtol=1e-15)
    np.testing.assert_allclose(scale_to_largest_1(FEATURES), [[0.75, 1.0], [0, 0], [-1.0, 0.5]], rtol=1e-15)
    np.testing.assert_allclose(scale_to_maximum_1(FEATURES), [[0.75, 1.0], [0, 0], [-2.0, 1.0]], rtol=1e-15)
    np.testing.assert_allclose(scale_to_maximum_1(np.array([[-4.0, -2.0]])), [[2.0, 1.0]], rtol=1e-15)


@pytest.mark.parametrize("scale", [1e-3, 1.0, 250.0])
def test_weights_are_one_over_the_distance_at_any_scale_of_features(scale):
    centres = np.array([[1.0, 0.0], [0.0, 1.0]])
    distances = np.linalg.norm(centres - [0.6, 0.8], axis=1) + 1e-6
    expected = (1 / distances) / (1 / distances).sum()
    np.testing.assert_allclose(Centres(centres).weights(scale * FEATURES[:1]), [expected], rtol=1e-9)


def test_one_cluster_is_around_the_mean_of_scaled_features():
    np.testing.assert_allclose(Centres.fit(FEATURES, 1, 0).centres, [scale_to_length_1(FEATURES).mean(axis=0)])


def test_each_image_may_be_its_own_cluster():
    centres = Centres.at_images(FEATURES)
    assert len(centres) == 3
    assert centres.weights(FEATURES).argmax(axis=1).tolist() == [0, 1, 2]


def test_clear_groups_are_clusters():
    clusters = Centres.fit(gaussians(0), 3, 7)
    of_image = clusters.weights(gaussians(0)).argmax(axis=1).reshape(3, 30)
    assert (of_image == of_image[:, :1]).all()
    assert len(set(of_image[:, 0])) == len(clusters) == 3


@pytest.mark.parametrize("kind", [Centres, Mixture])
def test_a_seed_gives_the_same_bytes(kind):
    first, again = (kind.fit(gaussians(0), 3, 7) for _ in range(2))
    assert first.centres.tobytes() == again.centres.tobytes()


def test_arrays_that_are_no_clusters_are_refused():
    for centres in (np.zeros(3), np.zeros((0, 3))):
        with pytest.raises(ValueError, match="centres are not a table"):
            Centres(centres)
    shares, centres, factors = np.array([0.5, 0.5]), np.zeros((2, 3)), np.stack([np.eye(3)] * 2)
    with pytest.raises(ValueError, match="do not fit together"):
        Mixture(shares, centres, factors[:, :2])
    with pytest.raises(ValueError, match="shares do not add up to 1"):
        Mixture(shares * 2, centres, factors)
    with pytest.raises(ValueError, match="no positive diagonal"):
        Mixture(shares, centres, -factors)


def test_without_scikit_learn_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn.cluster", None)
    with pytest.raises(MissingExtraError, match="cluster_ts needs scikit-learn"):
        Centres.fit(FEATURES, 2, 0)
