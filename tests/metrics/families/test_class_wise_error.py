"""Class-wise calibration error: the mean of binary errors."""

import pytest
from helpers import textbook
from helpers.metric_values import UNITS, known_pixels, values_of
from helpers.worlds import WORLDS

from reliseg.metrics.families.class_wise_error import ClassWiseError

every_world = pytest.mark.parametrize("each", WORLDS.values(), ids=WORLDS)


@every_world
def test_class_wise_error_is_the_mean_of_binary_errors_of_present_classes(each):
    _, _, truth, _ = known_pixels(each)
    p = each.probabilities[:, each.known]
    values = values_of(ClassWiseError(), each)
    by_class = {c: textbook.ece(p[c], truth == c) for c in range(each.classes) if c not in each.absent}
    assert values["classwise_ece", ""].value == pytest.approx(sum(by_class.values()) / len(by_class), abs=UNITS)
    assert [label for _, label in values] == ["", *(f"class-{c}" for c in by_class)]
    for c, error in by_class.items():
        assert values["classwise_ece", f"class-{c}"].value == pytest.approx(error, abs=UNITS)
