"""`cms_op`: the gaps between neighbours in rank are mapped, and all classes keep their order."""

from itertools import pairwise

import numpy as np
from helpers.class_maps import random_maps
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import log_softmax


def test_scores_are_an_affine_map_of_gaps():
    fitted = random_maps("cms_op", 0)
    z = np.random.default_rng(1).normal(0, 4, (6, 60))
    z[5] = -np.inf
    scores = fitted.transform(z)
    for pixel in range(60):
        log_p = log_softmax(z[:5, pixel])
        ranked = sorted(range(5), key=lambda c: (-log_p[c], c))  # used at once
        expected = log_p / fitted.temperature
        if ranked[0] in fitted.predicted:
            place = fitted.predicted.index(ranked[0])
            gaps = [log_p[a] - log_p[b] for a, b in pairwise(ranked)]
            expected = np.zeros(5)
            rows = zip(pairwise(ranked), fitted.weights[place], fitted.biases[place], strict=True)
            for (before, c), row, bias in rows:
                expected[c] = expected[before] - sum(w * gap for w, gap in zip(row, gaps, strict=True)) - bias
        np.testing.assert_allclose(log_softmax(scores[:5, pixel]), log_softmax(expected), rtol=1e-12, atol=1e-12)
    assert (scores[5] == -np.inf).all()


@given(seed=st.integers(0, 9999), step=st.sampled_from([0.0, 1.0]), spread=st.sampled_from([1e-3, 3.0, 1000.0]))
@settings(max_examples=30, deadline=None)
def test_every_pixel_keeps_its_argmax_ties_too(seed, step, spread):
    fitted = random_maps("cms_op", seed)
    z = np.random.default_rng(seed).normal(0, spread, (6, 50))
    z = np.round(z / step) * step if step else z
    z[5] = -np.inf
    scores = fitted.transform(z)
    np.testing.assert_array_equal(scores.argmax(axis=0), z.argmax(axis=0))
    np.testing.assert_array_equal(scores.astype(np.float32).argmax(axis=0), z.argmax(axis=0))


@given(seed=st.integers(0, 9999), step=st.sampled_from([0.0, 1.0]), spread=st.sampled_from([1e-3, 3.0, 1000.0]))
@settings(max_examples=30, deadline=None)
def test_all_classes_keep_their_order(seed, step, spread):
    fitted = random_maps("cms_op", seed)
    z = np.random.default_rng(seed).normal(0, spread, (6, 50))
    z = np.round(z / step) * step if step else z
    scores, z = fitted.transform(z)[:5], z[:5]
    assert ((z[:, None] <= z[None]) | (scores[:, None] >= scores[None])).all()
    if not step and spread == 3.0:
        np.testing.assert_array_equal(np.argsort(scores, axis=0), np.argsort(z, axis=0))
