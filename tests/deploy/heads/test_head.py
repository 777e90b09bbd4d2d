"""A head: sizes, projections, probabilities, acceptance, and what it refuses."""

from dataclasses import dataclass

import numpy as np
import pytest
import torch
from helpers.heads import assert_agrees, head_of, output_of, prediction_with
from helpers.worlds import space

from reliseg.calibration import Calibration, Unchanged
from reliseg.calibration.methods.ts import Scaled
from reliseg.errors import ConfigError, ModelError
from reliseg.kernels.maps import OTHER_ID
from reliseg.prediction import Prediction


@pytest.mark.parametrize("align_corners", [False, True])
@pytest.mark.parametrize("size", [(18, 26), (1, 30), (5, 7), (3, 3)])
def test_logits_are_brought_to_the_size_of_the_image(size, align_corners):
    assert_agrees(Scaled(2.0), prediction_with(1, size=size, align_corners=align_corners))


@pytest.mark.parametrize("groups", [(0, 1, 1, 2, -1, 0), (2, 1, 0), (0, 0, 2), (-1, 0, 0)])
def test_classes_that_meet_are_joined_and_those_of_nothing_are_255(groups):
    prediction = prediction_with(2, classes=len(groups), groups=groups, target=space(3))
    output = assert_agrees(Scaled(1.5), prediction)
    assert (OTHER_ID in output.classes) == (-1 in groups)


def test_probabilities_are_interpolated_and_become_logits_then():
    p = np.random.default_rng(3).dirichlet([0.4] * 4, (5, 7)).transpose(2, 0, 1).astype(np.float32)
    p[0, :2] = 0
    assert_agrees(Scaled(2.0), Prediction.of_probabilities(p, (18, 26)))


def test_a_head_without_threshold_accepts_and_rejects_nothing():
    prediction = prediction_with()
    assert output_of(head_of(Unchanged(), prediction), prediction).accepted is None


def test_logits_of_other_classes_are_refused_with_the_shape_that_is_taken():
    head = head_of(Unchanged(), prediction_with())
    with pytest.raises(ModelError, match="logits of 1 x 3 x 2 x 2; the head of this model takes N x 4 x h x w"):
        head(torch.zeros(1, 3, 2, 2))


def test_a_calibration_of_another_package_is_named():
    @dataclass(frozen=True)
    class Own(Calibration):
        keeps_argmax = True

        def __call__(self, prediction):
            return prediction

    with pytest.raises(ConfigError, match="Own has no form in torch; call the predictor itself"):
        head_of(Own(), prediction_with())


def test_a_head_moves_with_its_numbers_and_needs_no_gradient():
    head = head_of(Scaled(2.0), prediction_with())
    assert not list(head.parameters())
    assert {buffer.device.type for buffer in head.to("meta").buffers()} == {"meta"}
