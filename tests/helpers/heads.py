"""Heads on predictions in memory, beside the maps that a run counts."""

from dataclasses import replace

import numpy as np
import torch

from reliseg.calibration import Calibration
from reliseg.deploy.acceptance import Acceptance
from reliseg.deploy.heads.head import Head, HeadOutput, HeadSteps
from reliseg.kernels.maps import OTHER_ID, pixel_maps
from reliseg.labels import Projection
from reliseg.prediction import Prediction


def prediction_with(
    seed=0, *, classes=4, native=(5, 7), size=(18, 26), groups=None, target=None, **fields
) -> Prediction:
    """A projected prediction with an image and a feature."""
    g = np.random.default_rng(seed)
    given = Prediction(g.normal(0, 4, (classes, *native)).astype(np.float32), size, **fields)
    image = g.integers(0, 256, (*size, 3), np.uint8)
    feature = g.uniform(0, 2, 5).astype(np.float32)
    given = replace(given, image=image, feature=feature)
    return given if groups is None else given.project(Projection("own", target, tuple(groups)))


def head_of(calibration: Calibration, prediction: Prediction, last: int | None = None) -> Head:
    projection = prediction.projection
    groups = projection.groups if projection else tuple(range(len(prediction.logits)))
    steps = HeadSteps(
        groups,
        prediction.columns - 1,
        prediction.align_corners,
        prediction.probabilities is not None,
        calibration,
        Acceptance(last=last, split="street/cal"),
    )
    return Head(steps)


def output_of(head: Head, prediction: Prediction) -> HeadOutput:
    """What a head makes of one prediction."""
    given = prediction.logits if prediction.probabilities is None else prediction.probabilities
    return head(
        torch.tensor(np.asarray(given))[None],
        size=prediction.size,
        feature=None if prediction.feature is None else torch.tensor(prediction.feature)[None],
        image=None if prediction.image is None else torch.tensor(prediction.image).permute(2, 0, 1)[None],
    )


def assert_agrees(calibration: Calibration, prediction: Prediction | None = None, atol=2e-5) -> HeadOutput:
    """The head of a calibration gives the classes, the confidences and the accepted pixels that are counted."""
    given = prediction_with() if prediction is None else prediction
    maps = pixel_maps(calibration(given).view())
    last = int(np.median(maps.bins["msp"]))
    output = output_of(head_of(calibration, given, last), given)
    np.testing.assert_array_equal(output.classes[0].numpy(), maps.classes)
    np.testing.assert_allclose(output.confidence[0].numpy(), maps.scores["msp"], atol=atol, rtol=0)
    least = Acceptance(last=last).confidence
    apart = abs(maps.scores["msp"] - least) > atol
    np.testing.assert_array_equal(output.accepted[0].numpy()[apart], maps.accepted("msp", last)[apart])
    assert OTHER_ID not in maps.classes or given.projection is not None
    return output
