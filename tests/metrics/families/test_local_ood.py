"""Unknown against known pixels, against plain definitions."""

import numpy as np
import pytest
from helpers import textbook
from helpers.worlds import SCORES, UNKNOWN, WORLDS, of_pixels

from reliseg.metrics.families.local_ood import LocalOod

EXACT = 1e-12


def local(each, score):
    return {v.metric: v for v in LocalOod().compute(each.domain(), None) if v.score == score}


@pytest.mark.parametrize("key", WORLDS)
@pytest.mark.parametrize("score", SCORES)
def test_local_ood_ranks_unknown_against_known_pixels(key, score):
    each = WORLDS[key]
    chosen = each.truth != 255
    is_in = each.known[chosen]
    values = local(each, score)
    exact = textbook.detection(textbook.ranking(each.surety(score)[chosen], is_in))
    tied = textbook.detection(textbook.ranking(each.tied(score)[chosen], is_in))
    assert list(values) == [f"local_ood_{name}" for name in textbook.DETECTION]
    for name in textbook.DETECTION:
        value = values[f"local_ood_{name}"]
        assert value.value == pytest.approx(float(tied[name]), abs=EXACT), name
        assert value.lo - EXACT <= float(exact[name]) <= value.hi + EXACT, name
        assert value.lo <= value.value <= value.hi, name


def test_local_ood_of_sure_known_and_unsure_unknown_pixels_is_perfect():
    gaps = np.array([8.0, 7.0, 6.0, 2.0, 1.0])
    values = local(of_pixels([gaps, np.zeros(5)], [0, 1, 0, UNKNOWN, UNKNOWN]), "msp")
    assert [values[f"local_ood_{name}"].value for name in textbook.DETECTION] == [1, 1, 1, 0, 0]


@pytest.mark.parametrize(("truth", "side"), [([0, 1, 255], "unknown"), ([UNKNOWN, UNKNOWN, 255], "known")])
def test_local_ood_is_undefined_with_one_side_only(truth, side):
    values = local(of_pixels(np.eye(3), truth), "msp")
    assert len(values) == 5
    for value in values.values():
        assert np.isnan(value.value)
        assert value.why == f"no {side} pixel"
