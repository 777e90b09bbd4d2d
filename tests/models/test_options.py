"""The options that say how images are predicted."""

import pytest

from reliseg.models import Augmented, FitWithin, Slide


@pytest.mark.parametrize(
    ("make", "line"),
    [
        (lambda: FitWithin(long=3, short=4), "short is 4, and long 3; the longer side comes under long"),
        (lambda: Slide((6, 8), (7, 8)), "stride [7, 8] leaves gaps between windows of [6, 8]"),
        (lambda: Slide((6, 8), (6, 9)), "stride [6, 9] leaves gaps between windows of [6, 8]"),
        (lambda: Augmented(scales=(1.0, 2.0, 1.0)), "scales [1.0, 2.0, 1.0] names one scale twice; name each once"),
        (Augmented, "nothing is averaged; set flip: true, or several scales, or leave out tta"),
    ],
)
def test_options_that_cannot_be_meant_are_refused(make, line):
    with pytest.raises(ValueError, match="^" + line.replace("[", r"\[")):
        make()


def test_what_touches_or_covers_once_is_accepted():
    assert Slide((6, 8), (6, 8)).average == "logits"
    assert FitWithin(4, 4) == FitWithin(4, 4)
    assert Augmented(flip=True).scales == (1.0,)
    assert Augmented(scales=(0.5,)).flip is False
