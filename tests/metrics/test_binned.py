"""Calibration errors over bins, and what a pixel at an edge may do to them."""

from itertools import product

import numpy as np
import pytest
from helpers import textbook

from reliseg.metrics.binned import BinnedErrors, expected_errors
from reliseg.stats.rounding import ROUNDING

EDGE = 1 / 15


def errors(confidence, right, bins, near):
    counts, hits, sums = (np.zeros(15, kind) for kind in (np.int64, np.int64, float))
    np.add.at(counts, bins, 1)
    np.add.at(hits, bins, right)
    np.add.at(sums, bins, confidence)
    return BinnedErrors.of(counts, hits, sums, near)


def nothing_near():
    return np.zeros((2, 14), np.int64)


def test_without_a_pixel_at_an_edge_only_means_are_rounded():
    c, a = np.array([0.5, 0.7, 0.7, 0.95]), np.array([True, False, True, True])
    each = errors(c, a, [textbook.bin_of(p) for p in c], nothing_near())
    for found, exact in (
        (each.expected(), textbook.ece(c, a)),
        (each.largest(), textbook.mce(c, a)),
        (each.largest(0.3), textbook.mce(c, a, 0.3)),
    ):
        assert found == pytest.approx((exact, exact - ROUNDING, exact + ROUNDING), abs=1e-12)


@pytest.mark.parametrize("seed", range(30))
def test_brackets_hold_every_choice_of_bins_of_the_pixels_at_edges(seed):
    g = np.random.default_rng(seed)
    edges, inner = g.integers(1, 15, 6), g.uniform(0.01, 1, 4)
    c, a = np.concatenate([edges * EDGE, inner]), g.random(10) < 0.6
    near = np.stack([np.bincount(edges[a[:6] == hit], minlength=15)[1:] for hit in (False, True)])
    here = [*(edges - g.integers(0, 2, 6)), *(textbook.bin_of(p) for p in inner)]
    each = errors(c, a, here, near)
    for sides in product((0, 1), repeat=6):
        bins = np.array([*(edges - np.array(sides)), *here[6:]])
        groups = [
            (n := (bins == b).sum(), abs(a[bins == b].sum() - c[bins == b].sum()) / n) for b in set(bins.tolist())
        ]
        expected = sum(n * gap for n, gap in groups) / 10
        assert each.expected()[1] <= expected <= each.expected()[2]
        for floor in (0, 0.2):
            _, lo, hi = each.largest(floor)
            assert lo <= max((gap for n, gap in groups if n >= 10 * floor), default=0) <= hi


def test_no_more_pixels_are_near_an_edge_than_the_bins_beside_it_hold():
    """Two pixels, three bins from the edge that a hundred others are near."""
    near = nothing_near()
    near[:, 6] = 100
    each = errors(np.array([0.9, 0.9]), np.array([True, False]), [13, 13], near)
    assert each.expected() == pytest.approx((0.4, 0.4 - ROUNDING, 0.4 + ROUNDING), abs=1e-12)


def test_errors_of_many_rows_are_those_of_each():
    g = np.random.default_rng(3)
    counts = g.integers(0, 50, (6, 15)) * (g.random((6, 15)) < 0.7)
    right = g.binomial(counts, 0.7)
    confidence, near = counts * g.random((6, 15)), g.integers(0, 30, (2, 14))
    expected = [BinnedErrors.of(n, r, c, near).expected() for n, r, c in zip(counts, right, confidence, strict=True)]
    assert expected_errors(counts, right, confidence, near) == expected
    assert len({hi - lo for _, lo, hi in expected}) == 6
    assert expected_errors(counts[:0], right[:0], confidence[:0], near) == []
