"""Predictions, and the pixels that calibrations are fitted on."""

from dataclasses import replace

import numpy as np
import pytest
from helpers.rows import StoredRows
from helpers.worlds import space
from hypothesis import given, settings
from hypothesis import strategies as st

from reliseg.kernels import reference
from reliseg.kernels.reference import full_logits
from reliseg.labels import UNKNOWN, VOID, Projection
from reliseg.prediction import LOGIT_LIMIT, Prediction, sample_pixels
from reliseg.stats.fixed import CALIBRATED_LIMIT
from reliseg.stats.probabilities import LOG_ZERO

GROUPS = {"none": None, "identity": (0, 1, 2, 3), "joined": (0, 1, 1, -1), "unreachable": (2, 0, -1, -1)}


def prediction_of(seed, groups, *, native=(4, 5), size=(9, 13), align=False):
    logits = np.random.default_rng(seed).normal(0, 4, (4, *native)).astype(np.float32)
    target = space(4 if groups in (None, (0, 1, 2, 3)) else 3)
    projection = None if groups is None else Projection.of(space(4), target, groups)
    return Prediction(logits, size, align, projection=projection)


def truth_of(seed, prediction):
    g = np.random.default_rng(seed)
    truth = g.integers(0, prediction.columns - 1, prediction.size)
    kind = g.random(prediction.size)
    return np.where(kind < 0.2, VOID, np.where(kind < 0.3, UNKNOWN, truth)).astype(np.uint8)


def draw(prediction, truth, count, seed=0):
    return sample_pixels(prediction, truth, count, np.random.default_rng(seed))


def counted(prediction, truth):
    """The pixels that may be drawn, and their logits: known, and of a class that the model has."""
    z = reference.full_logits(prediction.view(), prediction.columns).T
    label = truth.ravel()
    reachable = np.isfinite(z).all(axis=0)
    known = np.array([v < UNKNOWN and bool(reachable[v]) for v in label.tolist()])
    return z[known], label[known]


@pytest.mark.parametrize("groups", GROUPS.values(), ids=GROUPS)
@pytest.mark.parametrize("align", [False, True])
def test_all_counted_pixels_are_drawn_where_count_allows(groups, align):
    prediction = prediction_of(1, groups, align=align)
    truth = truth_of(1, prediction)
    z, labels = counted(prediction, truth)
    logits, drawn = draw(prediction, truth, 10_000)
    order, expected = np.lexsort(logits.T), np.lexsort(z.T)
    np.testing.assert_array_equal(drawn[order], labels[expected])
    # float32 is 6e-8 of logits up to about 16
    np.testing.assert_allclose(logits[order], z[expected], rtol=0, atol=1e-6)
    assert logits.dtype == np.float32
    assert drawn.dtype == np.uint8
    assert logits.flags.c_contiguous


@given(seed=st.integers(0, 999), count=st.integers(0, 80), groups=st.sampled_from(list(GROUPS.values())))
@settings(max_examples=40, deadline=None)
def test_drawn_pixels_are_counted_ones_without_repeats(seed, count, groups):
    prediction = prediction_of(seed, groups)
    truth = truth_of(seed, prediction)
    z, labels = counted(prediction, truth)
    logits, drawn = draw(prediction, truth, count, seed)
    assert len(drawn) == len(logits) == min(count, len(labels))
    left = np.ones(len(labels), bool)
    finite = np.isfinite(z).all(axis=0)
    for row, label in zip(logits, drawn, strict=True):
        near = (np.abs(z[:, finite] - row[finite]) <= 1e-6).all(axis=1) & (labels == label) & left
        assert near.any()
        left[near.argmax()] = False


@given(seed=st.integers(0, 999), few=st.integers(0, 100), more=st.integers(0, 100))
@settings(max_examples=40, deadline=None)
def test_a_smaller_draw_is_the_beginning_of_a_larger_one_to_the_bit(seed, few, more):
    prediction = prediction_of(seed, GROUPS["joined"])
    truth = truth_of(seed, prediction)
    one, other = (draw(prediction, truth, few + n, seed) for n in (0, more))
    n = len(one[1])
    assert n == min(few, len(other[1])) if more else n <= few
    for small, large in zip(one, other, strict=True):
        assert small.tobytes() == large[:n].tobytes()


def test_the_draw_depends_on_the_generator_alone():
    prediction = prediction_of(3, None)
    truth = truth_of(3, prediction)
    first, again, other = (draw(prediction, truth, 20, seed) for seed in (7, 7, 8))
    np.testing.assert_array_equal(first[0], again[0])
    np.testing.assert_array_equal(first[1], again[1])
    assert not np.array_equal(first[0], other[0])


@pytest.mark.parametrize(("drawn", "first"), [(15, 15), (60, 15), (59, 15)])
def test_every_counted_pixel_is_drawn_about_equally_often(drawn, first):
    """60 pixels, the first 15 of those drawn, 400 times: 100 each, with a deviation of 8.7."""
    prediction = prediction_of(4, None, size=(6, 10))
    truth = np.zeros((6, 10), np.uint8)
    z = reference.full_logits(prediction.view(), 5).T.astype(np.float32)
    hits = np.zeros(60, int)
    for seed in range(400):
        logits, _ = draw(prediction, truth, drawn, seed)
        nearest = np.abs(z[None, :, 0] - logits[:first, None, 0]).argmin(axis=1)
        hits[nearest] += 1
    assert hits.sum() == 6000
    assert abs(hits - 100).max() < 5 * 8.7


@pytest.mark.parametrize("value", [VOID, UNKNOWN, 1])
def test_images_without_counted_pixels_give_none(value):
    """Class 1 of the target is one that no model class goes to."""
    prediction = prediction_of(5, (2, 0, -1, -1))
    logits, labels = draw(prediction, np.full(prediction.size, value, np.uint8), 10)
    assert logits.shape == (0, 4)
    assert labels.shape == (0,)


def test_columns_are_the_classes_and_other():
    assert prediction_of(0, None).columns == 5
    joined = prediction_of(0, GROUPS["joined"])
    assert joined.columns == 4
    view = joined.view()
    assert view.groups.tolist() == [0, 1, 1, 3]
    assert view.inverse_temperatures.tolist() == [1.0] * 4


def test_projected_is_the_same_prediction_in_other_classes():
    plain = prediction_of(0, None)
    projection = Projection.of(space(4), space(3), GROUPS["joined"])
    projected = plain.project(projection)
    assert projected.logits is plain.logits
    assert projected.projection is projection
    assert plain.projection is None


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        (np.nan, "NaN or infinite"),
        (np.inf, "NaN or infinite"),
        (-np.inf, "logits of -inf, as the logarithm of 0 is; give the probabilities, with values: prob"),
        (LOGIT_LIMIT * 1.001, "limit is 16384"),
        (-LOGIT_LIMIT * 1.001, "limit is 16384"),
        (LOGIT_LIMIT, None),
        (-LOGIT_LIMIT, None),
        (0.0, None),
    ],
)
def test_logits_that_cannot_be_counted_are_named(value, problem):
    logits = np.zeros((3, 2, 2), np.float32)
    logits[1, 1, 0] = value
    found = Prediction(logits, (2, 2)).problem()
    assert found is None if problem is None else problem in found


@pytest.mark.parametrize("worse", [np.nan, np.inf])
def test_of_several_kinds_the_worst_is_named(worse):
    logits = np.zeros((3, 2, 2), np.float32)
    logits[0, 0], logits[2, 1, 1] = -np.inf, worse
    assert Prediction(logits, (2, 2)).problem() == "the model gave NaN or infinite logits"


@pytest.mark.parametrize("shape", [(3, 0, 4), (0, 2, 2)])
def test_an_empty_tensor_is_named(shape):
    assert "empty" in Prediction(np.zeros(shape, np.float32), (2, 2)).problem()


def test_probabilities_become_logits_of_the_images_size_that_can_be_counted() -> None:
    p = np.float32([[0.25, 1], [0.75, 0]]).reshape(2, 1, 2)
    prediction = Prediction.of_probabilities(p, (1, 4))
    assert prediction.problem() is None
    assert prediction.view().of_probabilities
    assert prediction.probabilities is p
    np.testing.assert_allclose(prediction.logits[:, 0, 0], np.log([0.25, 0.75]), rtol=1e-7)
    np.testing.assert_allclose(np.exp(prediction.logits[0, 0]), [0.25, 0.4375, 0.8125, 1], rtol=1e-6)
    assert prediction.logits[1, 0, 3] == np.float32(LOG_ZERO)
    cold = replace(prediction, inverse_temperatures=np.full(3, 20.0))  # the least temperature of any method
    assert np.abs(full_logits(cold.view(), 3)[:2]).max() < CALIBRATED_LIMIT


def test_temperatures_act_on_log_probabilities() -> None:
    p = np.float32([[0.1], [0.9], [0]]).reshape(3, 1, 1)
    warm = replace(Prediction.of_probabilities(p, (1, 1)), inverse_temperatures=np.full(4, 0.25))
    raised = np.append(p.ravel()[:2].astype(np.float64), 2.0**-149) ** 0.25
    z = full_logits(warm.view(), 4)[:3, 0]
    np.testing.assert_allclose(np.exp(z) / np.exp(z).sum(), raised / raised.sum(), rtol=1e-5)


def rows_and_array(shape=(5, 40, 64)):
    array = np.random.default_rng(1).normal(0, 3, shape).astype(np.float32)
    return Prediction(StoredRows(array), shape[1:]), Prediction(array, shape[1:])


def test_pixels_are_drawn_from_rows_as_from_an_array_of_the_size_of_the_image():
    truth = np.random.default_rng(2).integers(0, 5, (40, 64)).astype(np.uint8)
    by_rows, whole = rows_and_array()
    for count in (7, 40 * 64):
        drawn = [sample_pixels(p, truth, count, np.random.default_rng(3)) for p in (by_rows, whole)]
        for one, other in zip(*drawn, strict=True):
            np.testing.assert_array_equal(one, other)


def test_rows_that_are_not_finite_or_too_large_are_named():
    by_rows, _ = rows_and_array()
    assert by_rows.problem() is None
    by_rows.logits.array[0, 0, 0] = -np.inf
    assert "logits of -inf" in by_rows.problem()
    by_rows.logits.array[0, 0, 0] = 20000
    assert "magnitude 2e+04" in by_rows.problem()
