"""Scores of the fused kernel."""

from dataclasses import replace

import numpy as np
import pytest
from helpers.kernel_agreement import assert_agrees, run
from helpers.kernel_images import ALL, assert_same_bytes, image, view_of

from reliseg.kernels.cpu.scores import scores_at
from reliseg.stats import Layout
from reliseg.stats.fixed import real


def test_sure_to_the_last_bit_and_still_ordered():
    margins = np.linspace(17.5, 40, 200)
    logits = np.stack([margins, np.zeros(200)])[:, None].astype(np.float32)
    truth = np.zeros((1, 200), np.uint8)
    got, row = assert_agrees(view_of(logits, (1, 200)), truth, Layout(2, ALL), exact=True)
    assert row.bin_counts[0, -1] == 200
    assert real(row.bin_confidence[0, -1]) == 200
    assert (got.ranks["msp"].counts > 0).sum() > 190  # a float32 softmax says 1 for all of them


@pytest.mark.parametrize("scores", [("msp",), ("margin", "msp"), ("msp", "neg_entropy"), tuple(reversed(ALL))])
def test_scores_do_not_depend_on_each_other(scores):
    logits, truth = image(9, 5, (10, 40), (40, 160))
    view = view_of(logits, truth.shape)
    some, row = assert_agrees(view, truth, Layout(5, scores))
    every, full_row = run(view, truth, Layout(5, ALL))
    assert tuple(some.ranks) == scores
    for i, score in enumerate(scores):
        np.testing.assert_array_equal(some.ranks[score].counts, every.ranks[score].counts)
        np.testing.assert_array_equal(row.coarse[:, i], full_row.coarse[:, ALL.index(score)])
        np.testing.assert_array_equal(row.score_sums[:, i], full_row.score_sums[:, ALL.index(score)])
    assert_same_bytes(replace(some, ranks={}), replace(every, ranks={}))


@pytest.mark.parametrize(
    ("names", "shapes"),
    [(("msp",), False), (("msp", "max_logit"), False), (("neg_entropy",), True), (("margin",), True)],
)
def test_the_shape_of_the_tail_is_computed_for_those_that_read_it(names, shapes):
    nothing = np.zeros(len(names), np.int32)
    assert scores_at(names, nothing, nothing).shapes == shapes
