"""Means of probabilities by rows, and what their members disagree on."""

import numpy as np
import pytest
from helpers.rows import StoredRows
from hypothesis import given, settings
from hypothesis import strategies as st

from reliseg.kernels.reference_rows import expected_entropy, mean_probability, mutual_information, softmax
from reliseg.kernels.rows.probabilities import Logarithm, ProbabilityMean, Softmaxed
from reliseg.stats import rows as rows_module
from reliseg.stats.probabilities import LEAST_LOG, LOG_ZERO


def members_of(seed, count, scale=3.0, shape=(5, 13, 17)):
    rng = np.random.default_rng(seed)
    return [rng.normal(0, scale, shape).astype(np.float32) for _ in range(count)]


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 99), st.integers(1, 6), st.sampled_from([0.0, 1e-3, 1.0, 8.0]))
def test_mean_and_scores_are_those_of_their_definition(seed, count, scale):
    logits = members_of(seed, count, scale)
    wide = [z.astype(np.float64) for z in logits]
    maps = ProbabilityMean(tuple(StoredRows(z) for z in logits))
    log_p = np.asarray(maps)
    np.testing.assert_allclose(log_p, np.log(mean_probability(wide)), atol=1e-5)
    p = mean_probability(wide)
    chosen = np.take_along_axis(p, log_p.argmax(axis=0)[None], axis=0)[0]
    np.testing.assert_allclose(chosen, p.max(axis=0), rtol=1e-6)  # another class only where two are equal
    scores = {name: score(slice(None)) for name, score in maps.score_maps.items()}
    np.testing.assert_allclose(scores["neg_expected_entropy"], -expected_entropy(wide), atol=2e-6)
    np.testing.assert_allclose(scores["neg_mutual_information"], -mutual_information(wide), atol=2e-6)
    assert scores["neg_mutual_information"].max() <= 0


def test_members_that_agree_have_no_mutual_information_and_their_own_probabilities():
    (z,) = members_of(0, 1)
    maps = ProbabilityMean((StoredRows(z), StoredRows(z + 3)))  # a constant changes no probability
    np.testing.assert_allclose(np.exp(np.asarray(maps)), softmax(z.astype(np.float64)), atol=1e-6)
    assert maps.score_maps["neg_mutual_information"](slice(None)).min() > -1e-6


def test_members_that_are_sure_of_other_classes_share_the_log_of_their_number():
    logits = [np.full((2, 1, 1), -40, np.float32) for _ in range(2)]
    logits[0][0] = logits[1][1] = 40
    maps = ProbabilityMean(tuple(map(StoredRows, logits)))
    assert maps.score_maps["neg_mutual_information"](slice(None)).item() == pytest.approx(-np.log(2))
    assert maps.score_maps["neg_expected_entropy"](slice(None)).item() == pytest.approx(0)
    np.testing.assert_allclose(np.asarray(maps).ravel(), np.log(0.5))


def test_small_probabilities_of_a_mean_are_not_rounded_to_0():
    sure = np.array([300, 0, 0], np.float32).reshape(3, 1, 1)
    log_p = np.asarray(ProbabilityMean((StoredRows(sure), StoredRows(sure)))).ravel()
    np.testing.assert_allclose(log_p, [0, LEAST_LOG, LEAST_LOG], atol=1e-6)
    assert log_p.min() > LOG_ZERO  # logits never mean a probability of 0
    sure[0] = 80
    np.testing.assert_allclose(np.asarray(ProbabilityMean((StoredRows(sure),))).ravel(), [0, -80, -80], rtol=1e-6)


def test_blocks_do_not_change_anything(monkeypatch):
    maps = ProbabilityMean(tuple(map(StoredRows, members_of(4, 3))))
    whole = np.asarray(maps), *(score(slice(None)) for score in maps.score_maps.values())
    monkeypatch.setattr(rows_module, "_BLOCK", 5 * 17 * 3 * 2)
    pieces = [
        np.concatenate([f(slice(y, min(y + 3, 13))) for y in range(0, 13, 3)], axis=-2)
        for f in (maps.rows, *maps.score_maps.values())
    ]
    for one, other in zip(whole, pieces, strict=True):
        np.testing.assert_array_equal(one, other)


def test_probabilities_of_logits_and_their_logarithms():
    (z,) = members_of(5, 1)
    p = Softmaxed(StoredRows(z))
    np.testing.assert_allclose(np.asarray(p), softmax(z.astype(np.float64)), atol=1e-7)
    logs = Logarithm(p)
    assert logs.of_probabilities
    assert logs.linear() is p
    np.testing.assert_allclose(np.asarray(logs), np.log(softmax(z.astype(np.float64))), atol=1e-5)
    far = Softmaxed(StoredRows(np.array([200, 0], np.float32).reshape(2, 1, 1)))
    assert np.asarray(far).min() == np.float32(2.0**-126)  # logits never mean a probability of 0
    zero = Logarithm(StoredRows(np.array([1, 0, 0.25], np.float32).reshape(3, 1, 1)))
    np.testing.assert_array_equal(np.asarray(zero).ravel()[1], np.float32(LOG_ZERO))


def test_what_is_not_finite_is_seen_before_anything_is_computed():
    bad = StoredRows(np.full((2, 3, 4), np.inf, np.float32))
    good = StoredRows(np.zeros((2, 3, 4), np.float32))
    for maps in (Softmaxed(bad), Logarithm(bad), ProbabilityMean((good, bad))):
        assert not np.isfinite(maps.magnitude())
        assert len(maps.arrays()) >= 1
    assert ProbabilityMean((good, good)).magnitude() == -LOG_ZERO
