"""The compiled map of the predicted class: pixels of one class are taken together, each as if it were alone."""

import numpy as np
import pytest
from helpers.compiled_twins import COLUMNS, random_calibration, twins
from helpers.worlds import space
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import log_softmax

from reliseg.calibration.compiled.tiles import CLASS, RANK, TOP
from reliseg.calibration.compiled.transforms_by_class import map_by_class
from reliseg.calibration.fitting.affine import pack_affine
from reliseg.errors import CalibrationError
from reliseg.labels import Projection
from reliseg.prediction import Prediction


@pytest.mark.parametrize("ordering", [CLASS, TOP, RANK])
def test_pixels_of_classes_without_a_map_are_divided_by_the_temperature(ordering):
    g = np.random.default_rng(ordering)
    z = g.normal(0, 3, (4, 700)).astype(np.float32)
    k = 4 if ordering == CLASS else 3
    maps, shifts = pack_affine(np.full((4, k, k), 9.0), np.full((4, k), 9.0))
    scores = z.copy()
    map_by_class(scores, ordering, 0.5, np.zeros(4, bool), maps, shifts)
    expected = 0.5 * log_softmax(z.astype(np.float64), axis=0)
    np.testing.assert_allclose(scores, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("ordering", [CLASS, TOP, RANK])
def test_maps_of_one_factor_scale_the_pixels_of_their_class_alone(ordering):
    z = np.random.default_rng(ordering).normal(0, 3, (4, 700)).astype(np.float32)
    k, factors = (4 if ordering == CLASS else 3), np.array([0.5, 2.0, 0.25, 1.0])
    maps, shifts = pack_affine(factors[:, None, None] * np.eye(k), np.zeros((4, k)))
    scores = z.copy()
    map_by_class(scores, ordering, 1.0, np.ones(4, bool), maps, shifts)
    expected = log_softmax(factors[z.argmax(axis=0)] * z.astype(np.float64), axis=0)
    np.testing.assert_allclose(log_softmax(scores, axis=0), expected, rtol=1e-4, atol=1e-4)


@given(seed=st.integers(0, 9999), columns=st.sampled_from(COLUMNS[1:]), step=st.sampled_from([0.0, 1.0]))
@settings(max_examples=30, deadline=None)
def test_cms_op_keeps_the_order_of_all_classes(seed, columns, step):
    z = np.random.default_rng(seed).normal(0, 3, (columns, 300))
    z = (np.round(z / step) * step if step else z).astype(np.float32)
    single, _ = twins(random_calibration("cms_op", seed, columns), z)
    assert ((z[:, None] <= z[None]) | (single[:, None] >= single[None])).all()


def test_maps_of_other_columns_are_refused():
    projection = Projection.of(space(4), space(5), (4, 1, 1, 2))
    prediction = Prediction(np.zeros((4, 6, 7), np.float32), (6, 7), projection=projection)
    with pytest.raises(CalibrationError, match="cms: the model's classes go to other columns"):
        random_calibration("cms", 0, 5)(prediction)
