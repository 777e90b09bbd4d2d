"""What is promised, how it is called, and on how many images."""

import numpy as np
import pytest

from reliseg.conformal import Promise, PromisedThreshold, accepted_in_expectation, accepted_with_confidence
from reliseg.conformal import least_images_with_confidence as needed

WEAK, STRONG = Promise(0.05), Promise(0.05, 0.95)


def test_it_is_called_by_what_is_promised():
    assert str(WEAK) == "a risk of 0.05"
    assert str(Promise(0.01, 0.9, "person")) == "a risk of 0.01 for person with confidence 0.9"
    assert [p.key for p in (WEAK, STRONG)] == ["risk=0.05", "risk=0.05,confidence=0.95"]


def test_the_strong_promise_needs_more_images_than_the_weak_one():
    assert (WEAK.least, WEAK.comfortable) == (19, 38)
    assert (STRONG.least, STRONG.comfortable) == (needed(0.05, 0.95), 2 * needed(0.05, 0.95))
    assert STRONG.least > WEAK.least


def test_each_is_kept_by_its_own_bound():
    losses = np.cumsum(np.random.default_rng(0).uniform(0, 0.02, (200, 8)), axis=1)
    assert WEAK.accepted(losses) == accepted_in_expectation(losses, 0.05)
    assert STRONG.accepted(losses) == accepted_with_confidence(losses, 0.05, 0.95)
    assert STRONG.accepted(losses) < WEAK.accepted(losses)


@pytest.mark.parametrize(
    ("promise", "words"),
    [
        (WEAK, ("0.05 of the pixels of an image is accepted and wrong", "in expectation")),
        (STRONG, ("0.05 of the pixels", "with confidence 0.95")),
        (Promise(0.01, label="person"), ("0.01 of the true person pixels of an image is accepted as something else",)),
    ],
)
def test_the_text_says_of_whom_it_holds_and_how_surely(promise, words):
    text = PromisedThreshold(promise, "camvid/cal", "scenes", 40, 200).text
    assert all(word in text for word in (*words, "over new scenes drawn as the 40 of camvid/cal were"))
