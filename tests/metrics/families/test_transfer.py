"""Risk and coverage at a threshold of another split, against sorted pixels and over tied bins."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from helpers import textbook
from helpers.worlds import SCORES, VOID, WORLDS, of_pixels, world

from reliseg.metrics.families.transfer import Transfer
from reliseg.stats.bins import RIGHT, WRONG
from reliseg.stats.threshold import Threshold

EXACT = 1e-12
FITTED = {
    "sure": world(60, noise=0.8, spread=4.0),
    "plain": WORLDS["plain"],
    "ties": world(61, noise=0.8, step=1.0),
    "two classes": world(62, classes=2, pixels=300, noise=1.0),
    "few": world(63, pixels=30, noise=0.5),
    "poor": world(66, noise=30.0),
}

every_split = pytest.mark.parametrize("split", FITTED.values(), ids=FITTED)
every_world = pytest.mark.parametrize("each", WORLDS.values(), ids=WORLDS)
every_score = pytest.mark.parametrize("score", SCORES)


@cache
def thresholds(split):
    ranks = split.domain().pixels.ranks
    return {s: Threshold.at_accuracy(r.counts[RIGHT], r.counts[WRONG]) for s, r in ranks.items()}


def measured(each, numbers, score):
    values = Transfer().compute(replace(each.domain(), thresholds=numbers), None)
    return {v.metric: v for v in values if v.score == score}


@cache
def values_at(split, each):
    return Transfer().compute(replace(each.domain(), thresholds=thresholds(split)), None)


def measured_at(split, each, score):
    return {v.metric: v for v in values_at(split, each) if v.score == score}


def known(each, key):
    return key[each.known].tolist(), each.right[each.known].tolist()


@every_split
@every_world
@every_score
def test_values_are_the_definition_with_fine_bins_as_ties(split, each, score):
    values = measured_at(split, each, score)
    assert list(values) == list(Transfer().quantities())
    threshold = textbook.lowest_threshold(*known(split, split.tied(score)), 95)
    if threshold is None:
        assert {v.why for v in values.values()} == {"no confidence gives 95 % accuracy on the calibration split"}
        return
    coverage, risk = textbook.accepted(*known(each, each.tied(score)), threshold)
    assert values["transfer_coverage95"].value == pytest.approx(float(coverage), abs=EXACT)
    if risk is None:
        assert values["transfer_coverage95"].value == 0
        assert values["transfer_risk95"].why == "no pixel is as sure as the threshold"
    else:
        assert values["transfer_risk95"].value == pytest.approx(float(risk), abs=EXACT)


@every_split
@every_world
@every_score
def test_brackets_hold_the_exact_value_of_sorted_pixels(split, each, score):
    values = measured_at(split, each, score)
    risk, coverage = values["transfer_risk95"], values["transfer_coverage95"]
    if coverage.why:
        return  # no threshold, which the test above compares
    threshold = textbook.lowest_threshold(*known(split, split.surety(score)), 95)
    exact_coverage, exact_risk = textbook.accepted(*known(each, each.surety(score)), threshold)
    assert coverage.lo <= float(exact_coverage) <= coverage.hi
    if exact_risk is None:
        assert coverage.lo == 0
    elif not risk.why:
        assert risk.lo <= float(exact_risk) <= risk.hi


def test_the_cases_above_are_of_all_kinds():
    """Most have a threshold, some have none; some accept nothing."""
    whys = [
        measured_at(split, each, score)["transfer_risk95"].why
        for split in FITTED.values()
        for each in WORLDS.values()
        for score in SCORES
    ]
    assert whys.count("") > len(whys) / 2
    assert len(set(whys)) == 3


@every_score
def test_on_the_split_itself_the_risk_is_at_most_five_percent(score):
    split = FITTED["sure"]
    values = measured(split, thresholds(split), score)
    assert 0 < values["transfer_risk95"].value <= 0.05
    assert values["transfer_coverage95"].value > 0.1
    assert values["transfer_risk95"].hi - values["transfer_risk95"].lo < 0.02


def test_a_known_value():
    """20 sure pixels of which one is wrong, then wrong ones: the threshold is a margin of 3."""
    gaps = [5.0] * 19 + [3.0] + [1.0] * 5
    split = of_pixels([gaps, np.zeros(25)], [0] * 19 + [1] * 6)
    tested = of_pixels([[6, 4, 4, 3, 2, 1, 4], np.zeros(7)], [0, 0, 1, 0, 0, 0, VOID])
    for score in ("msp", "margin", "max_logit"):
        values = measured(tested, thresholds(split), score)
        assert values["transfer_risk95"].value == 1 / 4
        assert values["transfer_coverage95"].value == 4 / 6


def test_undefined_values_say_why():
    each = WORLDS["plain"]
    surest = of_pixels([[60.0] * 3, [0.0] * 3], [0, 0, 0])
    cases = {
        "no calibration split with these classes": (each, {}),
        "samples were lost": (each, dict.fromkeys(SCORES, Threshold(why="samples were lost"))),
        "no counted pixel": (each.only(each.truth == VOID), thresholds(FITTED["sure"])),
    }
    for why, (tested, values) in cases.items():
        assert {v.why for v in measured(tested, values, "msp").values()} == {why}
    values = measured(each, thresholds(surest), "msp")
    assert values["transfer_risk95"].why == "no pixel is as sure as the threshold"
    assert (values["transfer_coverage95"].value, values["transfer_coverage95"].hi) == (0, 0)
