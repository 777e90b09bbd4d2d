"""Pixels of several pieces, added up."""

import tracemalloc
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from reliseg.kernels.reference import observe
from reliseg.run.store.cover import BASE, CLASSWISE
from reliseg.run.store.piece_files import (
    Observed,
    PieceHead,
    open_piece,
    save_piece,
)
from reliseg.run.store.sums import HistogramSums, PixelSums, ReadHistograms
from reliseg.stats import Layout
from reliseg.stats.built_in_scores import BUILT_IN_SCORES
from reliseg.stats.pixels import ScoreHistogram
from reliseg.stats.view import LogitView

LAYOUT = Layout(classes=1, scores=tuple(BUILT_IN_SCORES))
LARGEST, MANY = (1 << 31) - 1, 1 << 50


def piece(path: Path, most: int) -> dict[str, ScoreHistogram]:
    """What a piece holds whose fine bins are filled with up to so many pixels: more than its one image has."""
    g = np.random.default_rng(most)
    view = LogitView(np.zeros((1, 1, 1), np.float32), (1, 1), False, np.zeros(1, np.int64), np.ones(2))
    pixels, samples = observe(view, np.zeros((1, 1), np.uint8), "image", LAYOUT)
    ranks = {s: ScoreHistogram(g.integers(0, most, r.counts.shape)) for s, r in pixels.ranks.items()}
    save_piece(path, PieceHead({"image": ""}, {}, {}, ""), Observed(replace(pixels, ranks=ranks), samples))
    return ranks


def read(paths: list[Path], pixels: int = MANY) -> ReadHistograms:
    """The sums of pieces of so many pixels each."""
    sums = HistogramSums(LAYOUT.scores)
    for path in paths:
        with open_piece(path) as opened:
            sums.add(opened, LAYOUT.scores, pixels)
    return ReadHistograms(sums.filled())


@pytest.mark.parametrize("pixels", [LARGEST // 2, LARGEST // 4 * 3, LARGEST + 1])
def test_counts_that_might_not_fit_are_added_up_in_64_bits(tmp_path: Path, pixels: int) -> None:
    paths = [tmp_path / "a.zip", tmp_path / "b.zip"]
    wanted = piece(paths[0], pixels)["margin"] + piece(paths[1], pixels)["margin"]
    found = read(paths, pixels)["margin"].counts
    np.testing.assert_array_equal(found, wanted.counts, strict=True)
    assert (found > LARGEST).any() == (2 * pixels > LARGEST)


@pytest.mark.parametrize("most", [1, 2, 200, 1 << 40])
def test_a_score_is_the_sum_over_pieces_however_often_it_is_asked_for(tmp_path: Path, most: int) -> None:
    paths = [tmp_path / "a.zip", tmp_path / "b.zip"]
    parts = [piece(path, n) for path, n in zip(paths, (most, 3), strict=True)]
    stored = read(paths)
    assert list(stored) == list(BUILT_IN_SCORES)
    for _ in range(2):
        for score in BUILT_IN_SCORES:
            expected = parts[0][score] + parts[1][score]
            np.testing.assert_array_equal(stored[score].counts, expected.counts, strict=True)
            stored[score].counts[:] = -1  # what is given out is the reader's
    with pytest.raises(KeyError):
        stored["energy"]


def test_only_scores_that_are_asked_for_are_added(tmp_path: Path) -> None:
    piece(tmp_path / "a.zip", 3)
    sums = HistogramSums(["msp", "margin"])
    with open_piece(tmp_path / "a.zip") as opened:
        sums.add(opened, ["margin", "entropy"], 3)
    assert not len(sums.filled()["msp"].places)
    assert sums.filled()["margin"].counts.any()


def test_a_histogram_with_fewer_than_no_pixels_is_refused(tmp_path: Path) -> None:
    view = LogitView(np.zeros((1, 1, 1), np.float32), (1, 1), False, np.zeros(1, np.int64), np.ones(2))
    pixels, samples = observe(view, np.zeros((1, 1), np.uint8), "image", LAYOUT)
    counts = pixels.ranks["margin"].counts.copy()
    counts[2, 7] = -1
    pixels = replace(pixels, ranks={**pixels.ranks, "margin": ScoreHistogram(counts)})
    save_piece(tmp_path / "a.zip", PieceHead({"image": ""}, {}, {}, ""), Observed(pixels, samples))
    with open_piece(tmp_path / "a.zip") as opened:
        HistogramSums(["msp"]).add(opened, LAYOUT.scores, 1)
        with pytest.raises(ValueError, match="another histogram"):
            HistogramSums(["msp", "margin"]).add(opened, LAYOUT.scores, 1)


def test_lower_limbs_are_carried_once_at_the_end(tmp_path: Path) -> None:
    view = LogitView(np.zeros((1, 1, 1), np.float32), (1, 1), False, np.zeros(1, np.int64), np.ones(2))
    pixels, samples = observe(view, np.zeros((1, 1), np.uint8), "image", LAYOUT)
    full = replace(pixels.confidence, sums=np.full_like(pixels.confidence.sums, (1 << 32) - 1))
    pixels = replace(pixels, confidence=full)
    save_piece(tmp_path / "a.zip", PieceHead({"image": ""}, {}, {}, ""), Observed(pixels, samples))
    sums, whole = PixelSums(LAYOUT), pixels
    for number in range(3):
        with open_piece(tmp_path / "a.zip") as opened:
            sums.add(opened, [BASE, CLASSWISE])
        whole = whole + pixels if number else whole
    assert sums.statistics().confidence == whole.confidence
    assert sums.statistics().classwise == whole.classwise


def test_what_was_read_takes_less_than_its_counts_would_in_64_bits(tmp_path: Path) -> None:
    piece(tmp_path / "a.zip", 100)
    stored = read([tmp_path / "a.zip"])
    bins = sum(stored[score].counts.size for score in BUILT_IN_SCORES)
    tracemalloc.start()
    again = read([tmp_path / "a.zip"])
    kept = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert len(again) == len(stored)
    assert kept < 5.1 * bins  # all bins are filled: four bytes each, and as many for the place of four
