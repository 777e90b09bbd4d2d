"""Histograms of several pieces, added up."""

import tracemalloc
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from reliseg.kernels.reference import observe
from reliseg.run.store.histograms import StoredScoreHistograms
from reliseg.run.store.piece_files import (
    Observed,
    PieceHead,
    save_piece,
)
from reliseg.stats import Layout
from reliseg.stats.built_in_scores import BUILT_IN_SCORES
from reliseg.stats.pixels import ScoreHistogram
from reliseg.stats.view import LogitView

LAYOUT = Layout(classes=1, scores=tuple(BUILT_IN_SCORES))


def piece(path: Path, most: int) -> dict[str, ScoreHistogram]:
    """What a piece holds whose fine bins are filled with up to so many pixels: more than its one image has."""
    g = np.random.default_rng(most)
    view = LogitView(np.zeros((1, 1, 1), np.float32), (1, 1), False, np.zeros(1, np.int64), np.ones(2))
    pixels, samples = observe(view, np.zeros((1, 1), np.uint8), "image", LAYOUT)
    ranks = {s: ScoreHistogram(g.integers(0, most, r.counts.shape)) for s, r in pixels.ranks.items()}
    save_piece(path, PieceHead({"image": ""}, {}, {}, ""), Observed(replace(pixels, ranks=ranks), samples))
    return ranks


@pytest.mark.parametrize("most", [1, 2, 200, 1 << 40])
def test_a_score_is_the_sum_over_pieces_however_often_it_is_asked_for(tmp_path: Path, most: int) -> None:
    paths = [tmp_path / "a.zip", tmp_path / "b.zip"]
    parts = [piece(path, n) for path, n in zip(paths, (most, 3), strict=True)]
    stored = StoredScoreHistograms(dict.fromkeys(LAYOUT.scores, paths))
    assert list(stored) == list(BUILT_IN_SCORES)
    for _ in range(2):
        for score in BUILT_IN_SCORES:
            expected = parts[0][score] + parts[1][score]
            np.testing.assert_array_equal(stored[score].counts, expected.counts, strict=True)
            stored[score].counts[:] = -1  # what is given out is the reader's
        for path in paths:
            path.unlink(missing_ok=True)
    with pytest.raises(KeyError):
        stored["energy"]


def test_what_was_read_takes_less_than_its_counts_would_in_64_bits(tmp_path: Path) -> None:
    piece(tmp_path / "a.zip", 100)
    stored = StoredScoreHistograms({s: [tmp_path / "a.zip"] for s in LAYOUT.scores})
    bins = sum(stored[score].counts.size for score in BUILT_IN_SCORES)
    again = StoredScoreHistograms({s: [tmp_path / "a.zip"] for s in LAYOUT.scores})
    tracemalloc.start()
    for score in BUILT_IN_SCORES:
        again[score]
    kept = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert kept < 5.1 * bins  # all bins are filled: four bytes each, and as many for the place of four


def test_a_piece_that_is_gone_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"a\.zip is gone or broken"):
        StoredScoreHistograms({"msp": [tmp_path / "a.zip"]})["msp"]
