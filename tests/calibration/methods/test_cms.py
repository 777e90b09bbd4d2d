"""`cms`: log p of a pixel is mapped by the matrix and the bias of its predicted class."""

import numpy as np
from helpers.class_maps import random_maps
from scipy.special import log_softmax


def test_scores_are_an_affine_map_of_log_probabilities():
    fitted = random_maps("cms", 0)
    z = np.random.default_rng(1).normal(0, 4, (6, 60))
    z[5] = -np.inf
    scores = fitted.transform(z)
    for pixel in range(60):
        log_p = log_softmax(z[:5, pixel])
        top = int(log_p.argmax())
        expected = log_p / fitted.temperature
        if top in fitted.predicted:
            place = fitted.predicted.index(top)
            expected = np.array(fitted.weights[place]) @ log_p + np.array(fitted.biases[place])
        np.testing.assert_allclose(log_softmax(scores[:5, pixel]), log_softmax(expected), rtol=1e-12, atol=1e-12)
    assert (scores[5] == -np.inf).all()


def test_the_argmax_may_change():
    z = np.random.default_rng(0).normal(0, 3, (6, 300))
    z[5] = -np.inf
    fitted = random_maps("cms", 1)
    assert not fitted.keeps_argmax
    assert (fitted.transform(z).argmax(axis=0) != z.argmax(axis=0)).any()
