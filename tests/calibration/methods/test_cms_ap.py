"""`cms_ap`: the margins of the predicted class over the others are mapped, and it stays the predicted one."""

import numpy as np
from helpers.class_maps import random_maps
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import log_softmax


def test_scores_are_an_affine_map_of_margins():
    fitted = random_maps("cms_ap", 0)
    z = np.random.default_rng(1).normal(0, 4, (6, 60))
    z[5] = -np.inf
    scores = fitted.transform(z)
    for pixel in range(60):
        log_p = log_softmax(z[:5, pixel])
        top = int(log_p.argmax())
        expected = log_p / fitted.temperature
        if top in fitted.predicted:
            place, others = fitted.predicted.index(top), [c for c in range(5) if c != top]
            expected = np.zeros(5)
            for c, row, bias in zip(others, fitted.weights[place], fitted.biases[place], strict=True):
                expected[c] = -sum(w * (log_p[top] - log_p[o]) for w, o in zip(row, others, strict=True)) - bias
        np.testing.assert_allclose(log_softmax(scores[:5, pixel]), log_softmax(expected), rtol=1e-12, atol=1e-12)
    assert (scores[5] == -np.inf).all()


@given(seed=st.integers(0, 9999), step=st.sampled_from([0.0, 1.0]), spread=st.sampled_from([1e-3, 3.0, 1000.0]))
@settings(max_examples=30, deadline=None)
def test_every_pixel_keeps_its_argmax_ties_too(seed, step, spread):
    fitted = random_maps("cms_ap", seed)
    z = np.random.default_rng(seed).normal(0, spread, (6, 50))
    z = np.round(z / step) * step if step else z
    z[5] = -np.inf
    scores = fitted.transform(z)
    np.testing.assert_array_equal(scores.argmax(axis=0), z.argmax(axis=0))
    np.testing.assert_array_equal(scores.astype(np.float32).argmax(axis=0), z.argmax(axis=0))


def test_the_order_behind_the_predicted_class_may_change():
    z = np.random.default_rng(0).normal(0, 3, (6, 300))
    z[5] = -np.inf
    scores = random_maps("cms_ap", 1).transform(z)
    assert (scores[:5].argmin(axis=0) != z[:5].argmin(axis=0)).any()
