"""A threshold: what it accepts, how it is named, and why there may be none."""

import json

import numpy as np
import pytest

from reliseg.conformal import Promise, PromisedThreshold
from reliseg.deploy.acceptance import Acceptance
from reliseg.errors import ConfigError
from reliseg.stats.built_in_scores import BUILT_IN_SCORES, confidence_edges
from reliseg.stats.threshold import Threshold


def test_it_accepts_to_the_end_of_a_fine_bin():
    acceptance = Acceptance("msp", 200_000, "camvid/cal")
    assert acceptance.confidence == confidence_edges("msp")[200_001]
    assert acceptance.confidence == pytest.approx(1 / (1 + acceptance.coordinate))
    inside = np.float32([acceptance.coordinate, acceptance.coordinate])
    inside[0] = np.nextafter(inside[0], np.float32(0))
    assert BUILT_IN_SCORES["msp"].bins.index(inside).tolist() == [200_000, 200_001]


def test_one_that_accepts_all_has_no_end():
    last = BUILT_IN_SCORES["msp"].bins.size - 1
    acceptance = Acceptance("msp", last, "camvid/cal")
    assert (acceptance.coordinate, acceptance.confidence) == (float("inf"), 0)


def test_it_says_which_split_and_what_it_means():
    acceptance = Acceptance.at_95({"msp": Threshold(100_000, np.array([100_000]))}, "camvid/cal")
    facts = json.loads(json.dumps(acceptance.facts()))
    assert facts["split"] == "camvid/cal"
    assert facts["threshold"] == acceptance.confidence
    assert "at least 95 % of the accepted pixels of camvid/cal right" in facts["definition"]
    assert acceptance.require() == 100_000


def test_where_there_is_none_the_reason_is_said():
    for thresholds, why in (
        ({"msp": Threshold(why="no confidence gives 95 % accuracy on the calibration split")}, "no confidence gives"),
        ({}, "no threshold of msp was measured on camvid/cal"),
    ):
        acceptance = Acceptance.at_95(thresholds, "camvid/cal")
        assert (acceptance.last, acceptance.confidence, acceptance.coordinate) == (None, None, None)
        assert acceptance.facts()["why"].startswith(why)
        with pytest.raises(ConfigError, match=f"no pixel can be accepted or rejected: {why}"):
            acceptance.require()


def test_a_promise_accepts_whole_coarse_bins_and_says_on_what_it_rests():
    acceptance = Acceptance.promising(PromisedThreshold(Promise(0.05), "camvid/cal", "images", 51, 240))
    assert acceptance.require() == 240 * 1024 - 1
    facts = json.loads(json.dumps(acceptance.facts()))
    assert facts["split"] == "camvid/cal"
    assert facts["promise"] == {
        "risk": 0.05,
        "confidence": None,
        "class": None,
        "chosen_on": "camvid/cal",
        "units": "images",
        "n": 51,
        "text": "at most a share of 0.05 of the pixels of an image is accepted and wrong, averaged over new images "
        "drawn as the 51 of camvid/cal were, in expectation",
    }
    assert facts["definition"].endswith(facts["promise"]["text"])


def test_a_promise_that_accepts_all_has_no_end():
    bins = BUILT_IN_SCORES["msp"].bins
    acceptance = Acceptance.promising(PromisedThreshold(Promise(0.5), "camvid/cal", n=51, bins=bins.coarse_size))
    assert (acceptance.last, acceptance.confidence) == (bins.size - 1, 0)


@pytest.mark.parametrize(
    ("bins", "given", "why"),
    [(0, "", "a risk of 0.05 is kept only where no pixel is accepted"), (None, "too few images", "too few images")],
)
def test_a_promise_without_a_threshold_accepts_nothing_and_says_why(bins, given, why):
    acceptance = Acceptance.promising(PromisedThreshold(Promise(0.05), "camvid/cal", bins=bins, why=given))
    assert (acceptance.last, acceptance.why, acceptance.facts()["promise"]["risk"]) == (None, why, 0.05)
