"""What charts show is what the rows of a run say, and of a size that a page can hold."""

import json

import numpy as np
import pytest
from helpers.worlds import UNKNOWN, WORLDS, of_pixels

from reliseg.metrics import METRICS
from reliseg.run.measure.curves import BINS, curves_of, risk_coverage, score_bins
from reliseg.stats.bins import RIGHT, UNKNOWN_ROLE, WRONG
from reliseg.stats.filled.bins import FilledPair
from reliseg.testing import worlds

NAMES = ("data", "day")
every_world = pytest.mark.parametrize("name", WORLDS)


def curves(state):
    return curves_of("net", NAMES, "identity", state)


@every_world
def test_the_matrix_and_the_diagram_are_those_of_the_pixels(name):
    world = WORLDS[name]
    found = curves(world.domain())
    matrix = np.zeros((world.classes, world.classes + 1), int)
    np.add.at(matrix, (world.truth[world.known], world.guess[world.known]), 1)
    assert found.confusion == matrix.tolist()
    assert found.labels == list(world.labels.classes)
    assert sum(found.reliability.pixels) == world.known.sum()
    assert sum(found.reliability.right) == (world.right & world.known).sum()
    assert sum(found.reliability.confidence) == pytest.approx(world.confidence("msp")[world.known].sum(), rel=1e-4)


@every_world
def test_histograms_count_every_pixel_once_between_edges_in_the_unit_of_the_score(name):
    world = WORLDS[name]
    found = curves(world.domain())
    roles = {"wrong": world.known & ~world.right, "right": world.known & world.right, "unknown": world.truth == UNKNOWN}
    for score, of_score in found.scores.items():
        bins, values = of_score.histogram, world.confidence(score)
        edges = np.array(bins.edges)
        assert len(edges) - 1 <= BINS
        assert (np.diff(edges) > 0).all()
        for role, members in roles.items():
            counts = np.array(getattr(bins, role))
            assert counts.sum() == members.sum()
            near = 0.01 * np.diff(edges).min()
            least, most = (np.histogram(values[members] + d, [-np.inf, *edges[1:-1], np.inf])[0] for d in (-near, near))
            assert (np.cumsum(counts) <= np.cumsum(least) + 1e-9).all()
            assert (np.cumsum(counts) >= np.cumsum(most) - 1e-9).all()


def test_bins_of_bounded_scores_are_those_of_all_domains():
    """So that histograms of two domains can be laid over each other."""
    one, other = (curves(WORLDS[name].domain()).scores for name in ("plain", "unsure"))
    for score in ("msp", "margin"):
        assert one[score].histogram.edges == other[score].histogram.edges
        assert np.array(one[score].histogram.edges) == pytest.approx(np.linspace(0, 1, BINS + 1), abs=2e-4)


def test_pixels_of_one_confidence_are_in_one_bin():
    domain = of_pixels(np.zeros((3, 6)), [0, 1, 2, 0, 1, UNKNOWN]).domain()
    bins = score_bins("max_logit", domain.filled("max_logit"))
    assert (sum(bins.wrong), sum(bins.right), sum(bins.unknown)) == (3, 2, 1)
    assert len(bins.wrong) == 1


def test_scores_beyond_all_bins_are_counted_between_finite_edges():
    z = np.array([[1e9, 1e6, -3.0], [0, 0, -1e9]])
    domain = of_pixels(z, [0, 1, 0]).domain()
    bins = score_bins("max_logit", domain.filled("max_logit"))
    assert np.isfinite(bins.edges).all()
    assert (sum(bins.wrong), sum(bins.right)) == (1, 2)


@every_world
def test_risks_at_coverages_are_those_of_the_rows(name):
    domain = WORLDS[name].domain()
    rows = {(v.metric, v.score): v for v in METRICS.get("misclassification")().compute(domain, None)}
    for score, of_score in curves(domain).scores.items():
        known = int(domain.pixels.ranks[score].known.sum())
        curve = dict(zip(of_score.risk_coverage.coverage, of_score.risk_coverage.risk, strict=True))
        for percent in (80, 90, 95):
            coverage = float(f"{-(-known * percent // 100) / known:.5g}")
            assert curve[coverage] == pytest.approx(rows[f"risk{percent}", score].value, rel=1e-4)
        assert curve[1.0] == of_score.error_rate
        assert of_score.oracle == pytest.approx(rows["aurc", score].value - rows["e_aurc", score].value, rel=1e-4)
        assert len(curve) <= 60


def test_coverages_are_whole_pixels_from_the_surest_one_to_all():
    right, wrong = np.array([1, 2, 0]), np.array([0, 1, 1])
    curve = risk_coverage(FilledPair.of(right, wrong))
    assert curve.coverage == [0.2, 0.4, 0.6, 0.8, 1.0]
    assert curve.risk == pytest.approx([0, 1 / 6, 2 / 9, 1 / 4, 2 / 5], rel=1e-4)
    many = risk_coverage(FilledPair.of(np.array([700, 0]), np.array([0, 300])))
    assert 0.58 in many.coverage
    assert 0.581 not in many.coverage  # 0.58 * 1000 is 580.0000000000001


@pytest.mark.parametrize("name", worlds.domains())
def test_every_domain_has_curves_that_are_plain_numbers(name):
    domain = worlds.domains()[name]()
    found = json.loads(curves(domain).to_json())
    for score, of_score in found["scores"].items():
        counts = domain.pixels.ranks[score].counts
        assert sum(of_score["histogram"]["unknown"]) == counts[UNKNOWN_ROLE].sum()
        if counts[[WRONG, RIGHT]].any():
            assert of_score["risk_coverage"]["coverage"][-1] == 1
        else:
            assert (of_score["oracle"], of_score["error_rate"], of_score["risk_coverage"]["risk"]) == (None, None, [])


def test_a_score_that_the_model_does_not_have_has_no_curves():
    domain = WORLDS["plain"].domain()
    object.__setattr__(domain, "undefined_scores", {"margin": "it needs logits"})
    assert "margin" not in curves(domain).scores
    assert "msp" in curves(domain).scores
