"""Which columns of a sample count, and how the argmax is kept where scores are rounded."""

import numpy as np
import pytest
import scipy.special
from helpers.calibration_samples import random_part, sample_of
from helpers.worlds import space
from hypothesis import given, settings
from hypothesis import strategies as st

from reliseg.calibration.fitting import columns
from reliseg.calibration.fitting.columns import (
    check_column_count,
    check_live_columns,
    inspect_columns,
    keep_on_top,
    live_blocks,
    live_columns,
)
from reliseg.errors import CalibrationError, ColumnsError
from reliseg.labels import Projection
from reliseg.prediction import Prediction


def test_live_columns_and_those_that_occur_as_labels_are_told_apart():
    z, labels = random_part(0, classes=4, pixels=200, empty_column=True)
    use = inspect_columns(sample_of((z[labels != 2], labels[labels != 2])), "ts")
    assert use.live.tolist() == [True, True, True, True, False]
    assert use.present.tolist() == [True, True, False, True]


def test_blocks_hold_the_live_logits_and_where_labels_stand_among_them(monkeypatch):
    monkeypatch.setattr(columns, "_PIXELS", 7)
    z = np.full((20, 5), -np.inf, np.float32)
    z[:, [1, 3]] = np.random.default_rng(0).normal(0, 1, (20, 2))
    labels = np.random.default_rng(1).choice([1, 3], 20).astype(np.uint8)
    blocks = list(live_blocks(sample_of((z, labels)), np.isfinite(z[0])))
    assert [b.shape for b, _ in blocks] == [(2, 7), (2, 7), (2, 6)]
    np.testing.assert_array_equal(np.concatenate([b for b, _ in blocks], axis=1), z[:, [1, 3]].T)
    np.testing.assert_array_equal(np.concatenate([places for _, places in blocks]), labels == 3)


@given(seed=st.integers(0, 9999), spread=st.sampled_from([1e-9, 1.0, 1e4]))
@settings(max_examples=40, deadline=None)
def test_the_top_stays_on_top_in_float32_too_and_nothing_else_moves_far(seed, spread):
    g = np.random.default_rng(seed)
    scores, top = np.round(g.normal(0, 2, (5, 40))) * spread, g.integers(0, 5, 40)
    kept = keep_on_top(scores, top)
    np.testing.assert_array_equal(kept.argmax(axis=0), top)
    np.testing.assert_array_equal(kept.astype(np.float32).argmax(axis=0), top)
    highest = scores[top, np.arange(40)]
    np.testing.assert_array_equal(kept[top, np.arange(40)], highest)
    below = np.nextafter(highest.astype(np.float32), np.float32(-np.inf)).astype(np.float64)
    low = scores < np.minimum(below, highest)
    np.testing.assert_array_equal(kept[low], scores[low])


def test_log_probabilities_are_scipys_and_empty_columns_stay_so():
    z = np.random.default_rng(0).normal(0, 300, (4, 50))
    z[3] = -np.inf
    np.testing.assert_allclose(columns.log_softmax(z)[:3], scipy.special.log_softmax(z[:3], axis=0), rtol=1e-12)
    assert (columns.log_softmax(z)[3] == -np.inf).all()


def test_predictions_of_other_columns_are_refused():
    projection = Projection.of(space(4), space(5), (4, 1, 1, 2))
    prediction = Prediction(np.zeros((4, 6, 7), np.float32), (6, 7), projection=projection)
    assert live_columns(prediction).tolist() == [1, 2, 4]
    check_live_columns("cms", prediction, [1, 2, 4])
    with pytest.raises(CalibrationError, match="cms: the model's classes go to other columns"):
        check_live_columns("cms", prediction, [0, 1, 2])
    check_column_count("cms", 6, prediction.columns)
    with pytest.raises(ColumnsError, match=r"cms: fitted on 5 columns .*, the prediction has 6"):
        check_column_count("cms", 5, prediction.columns)
