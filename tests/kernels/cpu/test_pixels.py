"""Roles and losses of pixels in the fused kernel, also of logits at the ends of their range."""

import numpy as np
import pytest
from helpers.kernel_agreement import assert_agrees, run
from helpers.kernel_images import ALL, image, view_of

from reliseg.stats import Layout
from reliseg.stats.fixed import VALUE_LIMIT, real


@pytest.mark.parametrize("groups", [None, [0, 1, 1, 2, 3, 3, 3]])
@pytest.mark.parametrize("spread", [1e-4, 30.0, 1000.0, 16000.0])
def test_extreme_logits(spread, groups):
    classes = 7 if groups is None else 4
    g = np.random.default_rng(5)
    logits = spread * g.uniform(-1, 1, (7, 16, 33))
    truth = g.integers(0, classes, (64, 132)).astype(np.uint8)
    view = view_of(logits, truth.shape, groups=groups, columns=classes + 1)
    assert_agrees(view, truth, Layout(classes, ALL))


@pytest.mark.parametrize("value", [0, 254, 255])
def test_one_role_only(value):
    logits, truth = image(7, 3, (10, 20), (40, 80))
    assert_agrees(view_of(logits, truth.shape), np.full_like(truth, value), Layout(3, ALL))


def test_unreachable_label_has_the_limit_as_loss_and_probability_0():
    logits, truth = image(8, 3, (10, 20), (40, 80), model=2)
    view = view_of(logits, truth.shape, groups=[0, 2], columns=4)
    got, _ = run(view, np.full_like(truth, 1), Layout(3, ALL))
    assert real(got.losses.nll) == VALUE_LIMIT * truth.size
    assert got.classwise.counts[1].tolist() == [truth.size] + [0] * 14
    assert got.classwise.hits[1].tolist() == [truth.size] + [0] * 14
    assert not got.classwise.probability[1].any()


def test_nan_leaves_no_table():
    """Predictions with NaN are refused before; should one come, counts are lost or misplaced but no memory is."""
    logits, truth = image(13, 4, (10, 30), (40, 120))
    logits[:, 3:5, 3:9] = np.nan
    logits[1, 7] = np.inf
    got, _ = run(view_of(logits, truth.shape), truth, Layout(4, ALL))
    assert got.top.counts.sum() == (truth < 254).sum()
