"""Reliability by true and by predicted class against its definition."""

import numpy as np
import pytest
from helpers import textbook
from helpers.metric_values import UNITS, known_pixels, values_of
from helpers.worlds import WORLDS

from reliseg.metrics.families.class_reliability import ClassReliability

every_world = pytest.mark.parametrize("each", WORLDS.values(), ids=WORLDS)


@every_world
def test_reliability_by_class_is_its_definition(each):
    msp, right, truth, guess = known_pixels(each)
    values = values_of(ClassReliability(), each)
    for c in range(each.classes):
        names = [("class_ece", truth == c), ("predicted_class_ece", guess == c)]
        if c in each.absent:
            assert not any((name, f"class-{c}") in values for name, _ in names)
            continue
        for name, chosen in names:
            value = values[name, f"class-{c}"]
            if chosen.any():
                assert value.value == pytest.approx(textbook.ece(msp[chosen], right[chosen]), abs=UNITS)
            else:
                assert np.isnan(value.value)
                assert value.why
        for name, level in (("confident_error90", 0.90), ("confident_error99", 0.99)):
            value = values[name, f"class-{c}"]
            if (truth == c).any():
                missed = ((truth == c) & ~right & (msp > level)).sum()
                assert value.value == missed / (truth == c).sum()
            else:
                assert value.why == "the class does not occur"
