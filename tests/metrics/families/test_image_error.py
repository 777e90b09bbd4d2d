"""The ECE of single images."""

import math

import numpy as np
import pytest
from helpers import textbook
from helpers.metric_values import values_of
from helpers.worlds import WORLDS

from reliseg.metrics.families.image_error import ImageError

every_world = pytest.mark.parametrize("each", WORLDS.values(), ids=WORLDS)


@every_world
def test_image_ece_is_the_mean_over_images(each):
    msp, values = each.confidence("msp"), []
    for i in np.unique(each.image):
        chosen = each.known & (each.image == i)
        if chosen.any():
            values.append(textbook.ece(msp[chosen], each.right[chosen]))
    value = values_of(ImageError(), each)["image_ece", ""]
    # each pixel's confidence is rounded to units of 2**-24
    assert value.value == pytest.approx(math.fsum(values) / len(values), abs=6e-8)
