"""The built-in scores against their definitions, and their fine bins against the leading bits of the coordinate."""

import numpy as np
import pytest
from helpers.worlds import WORLDS

from reliseg.kernels.cpu.scores import KINDS
from reliseg.scores import SCORES
from reliseg.stats.built_in_scores import (
    BUILT_IN_SCORES,
    OPEN_SCORE,
    Softmax,
    confidence_edges,
    confidences,
    fine_bins,
    msp_edges,
)

every_score = pytest.mark.parametrize("score", BUILT_IN_SCORES)
every_world = pytest.mark.parametrize("each", WORLDS.values(), ids=WORLDS)


def fine_bin(score, z):
    return BUILT_IN_SCORES[score].fine_bin(Softmax.of(z))


def test_the_table_the_kernel_and_the_registry_hold_the_same_scores():
    assert list(KINDS) == list(BUILT_IN_SCORES)
    assert {name for name in SCORES.names() if SCORES.get(name).built_in} == set(BUILT_IN_SCORES)


def test_unknown_scores_have_the_open_bins():
    assert fine_bins("entropy-of-mine") is OPEN_SCORE
    assert all(fine_bins(name) is score.bins for name, score in BUILT_IN_SCORES.items())


@every_world
@every_score
def test_scores_are_their_definitions(each, score):
    # 1e-13: float64 on both sides, entropy summed in another order
    found = confidences(each.z)[score]
    np.testing.assert_allclose(found, each.confidence(score), rtol=1e-12, atol=1e-13)


@every_world
@every_score
def test_fine_bins_are_the_leading_bits_of_the_coordinate(each, score):
    """Equal bins where the leading bits are equal, and in the same order."""
    index = fine_bin(score, each.z)
    _, expected = np.unique(-each.tied(score), return_inverse=True)
    _, ranked = np.unique(index, return_inverse=True)
    np.testing.assert_array_equal(ranked, expected)


@every_score
@pytest.mark.parametrize("margin", [17.0, 30.0, 36.0, 38.0, 40.0, 44.0])
def test_saturated_pixels_are_still_ranked(score, margin):
    """A margin of 0.01 more is a surer pixel, also where the softmax is exactly 1."""
    z = np.array([[margin, margin + 0.01], [0.0, 0.0], [-1.0, -1.0]])
    confidence = confidences(z)
    less, more = fine_bin(score, z)
    assert more < less
    if margin >= 38:
        assert (confidence["msp"] == 1).all()


def test_margins_of_the_least_sure_are_still_ranked():
    z = np.array([[1e-5, 1.01e-5, 0.0], [0.0, 0.0, 0.0]])
    less, more, tie = fine_bin("margin", z)
    assert more < less < tie == BUILT_IN_SCORES["margin"].bins.size - 1


def test_edges_of_msp_hold_the_pixels_of_their_bins():
    kind, edges = BUILT_IN_SCORES["msp"].bins, msp_edges()
    assert len(edges) == kind.size + 1
    assert (edges[0], edges[-1]) == (1.0, 0.0)
    assert (np.diff(edges) <= 0).all()
    g = np.random.default_rng(0)
    odds = np.concatenate([np.exp2(g.uniform(-70, 10, 20000)), [0.0, 2.0**-64, 1.0, 255.0, 256.0]])
    odds = odds.astype(np.float32).astype(np.float64)  # bins are of float32 odds: no pixel is rounded across an edge
    confidence, index = 1 / (1 + odds), kind.index(odds)
    assert (confidence <= edges[index]).all()
    assert (confidence >= edges[index + 1]).all()
    within = (index > 0) & (index < kind.size - 1)
    widths = (edges[:-1] - edges[1:])[index[within]]
    assert widths.max() < 2.0**-12


def test_confidence_of_exactly_one_keeps_its_rank():
    """From a margin of 38 on float64 softmax is 1, float32 from 17 on; odds tell 1,000 margins up to 44 apart."""
    margins = np.linspace(17, 44, 1000)
    assert (1 / (1 + np.exp(-margins)).astype(np.float32) == 1).all()
    found = BUILT_IN_SCORES["msp"].bins.index(np.exp(-margins))
    assert (np.diff(found) < 0).all()


@pytest.mark.parametrize("score", [*BUILT_IN_SCORES, "of another package"])
def test_confidences_at_edges_go_from_the_surest_bin_to_the_least_sure(score):
    edges = confidence_edges(score)
    assert len(edges) == fine_bins(score).size + 1
    assert (edges[:-1] >= edges[1:]).all()


@pytest.mark.parametrize("score", BUILT_IN_SCORES)
def test_edges_of_confidence_hold_the_pixels_of_their_bins(score):
    z = np.random.default_rng(1).normal(0, 6, (5, 4000)).astype(np.float32).astype(np.float64)
    softmax, edges = Softmax.of(z), confidence_edges(score)
    index, confidence = BUILT_IN_SCORES[score].fine_bin(softmax), BUILT_IN_SCORES[score].confidence(softmax)
    slack = 1e-6 * np.maximum(np.abs(confidence), 1)  # bins are of coordinates in float32
    assert (confidence <= edges[index] + slack).all()
    assert (confidence >= edges[index + 1] - slack).all()
