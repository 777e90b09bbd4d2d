"""The reference against definitions written out pixel by pixel: it is what kernels are held to."""

import math

import numpy as np
import pytest
import torch
from helpers import textbook, worlds
from helpers.worlds import UNKNOWN, VOID, WORLDS, of_pixels, view_of, world
from hypothesis import given, settings
from hypothesis import strategies as st

from reliseg.kernels import reference
from reliseg.stats import Layout, LogitView, reliability
from reliseg.stats.bins import COARSE_SHIFT, RIGHT, UNKNOWN_ROLE, VOID_ROLE, WRONG
from reliseg.stats.built_in_scores import BUILT_IN_SCORES, confidences
from reliseg.stats.fixed import VALUE_LIMIT, real, total

every_world = pytest.mark.parametrize("each", WORLDS.values(), ids=WORLDS)


HALF_UNIT = 2.0**-25
"""How far rounding to units of 2**-24 moves one pixel's value."""


@pytest.mark.parametrize("align", [False, True])
@pytest.mark.parametrize(
    ("native", "size"), [((4, 6), (16, 24)), ((3, 5), (7, 11)), ((5, 4), (5, 4)), ((6, 8), (4, 3))]
)
def test_upsampling_is_torchs(native, size, align):
    logits = np.random.default_rng(0).normal(0, 5, (3, *native)).astype(np.float32)
    ours = reference.full_logits(LogitView(logits, size, align, np.arange(3), np.ones(4)), 4)
    theirs = torch.nn.functional.interpolate(
        torch.from_numpy(logits).double()[None], size=size, mode="bilinear", align_corners=align
    )
    # 1e-12: float64 on both sides, weights computed in another order
    np.testing.assert_allclose(ours[:3], theirs[0].numpy().reshape(3, -1), rtol=0, atol=1e-12)
    assert (ours[3] == -np.inf).all()


def test_a_single_native_pixel_fills_the_image():
    view = LogitView(np.float32([[[1]], [[2]]]), (2, 3), True, np.arange(2), np.ones(3))
    assert reference.full_logits(view, 3)[:2].tolist() == [[1.0] * 6, [2.0] * 6]


def test_some_rows_are_those_of_the_whole():
    g = np.random.default_rng(1)
    view = LogitView(g.normal(size=(3, 4, 5)).astype(np.float32), (9, 10), False, np.array([0, 1, 1]), np.ones(3))
    whole = reference.full_logits(view, 3)
    np.testing.assert_array_equal(reference.full_logits(view, 3, slice(2, 5)), whole[:, 20:50])


def test_probabilities_that_meet_are_added_before_temperature():
    each = WORLDS["projected"]
    view = view_of(each.logits, each.groups, each.classes + 1, slope=0.5)
    model = np.exp(each.logits.astype(np.float64))
    model /= model.sum(axis=0)
    joined = np.stack([model[np.array(each.groups) == column].sum(axis=0) for column in range(each.classes + 1)])
    found = np.exp(reference.full_logits(view, each.classes + 1) / 0.5)
    np.testing.assert_allclose(found / found.sum(axis=0), joined, rtol=1e-12)


def test_slopes_are_those_of_the_predicted_column():
    each = WORLDS["projected"]
    slopes = np.array([0.5, 1.0, 2.0, 4.0, 8.0])
    view = LogitView(each.logits[:, None], (1, len(each.truth)), False, np.array(each.groups), slopes)
    np.testing.assert_allclose(reference.full_logits(view, 5), each.z * slopes[each.guess], rtol=1e-12)


@pytest.mark.parametrize("logit", [3e3, 2.0**14])
def test_largest_logits_neither_overflow_nor_warn(logit):
    z = np.array([[logit, -logit, 0.0, -np.inf], [-logit, -logit, logit, logit], [0.0, -logit, logit, -logit]])
    found = confidences(z)
    assert found["msp"] == pytest.approx([1, 1 / 3, 1 / 2, 1])
    assert found["margin"] == pytest.approx([1, 0, 0, 1])
    assert found["neg_entropy"] == pytest.approx([0, -math.log(3), -math.log(2), 0])
    assert found["max_logit"].tolist() == [logit, -logit, logit, logit]
    assert found["neg_energy"] == pytest.approx([logit, math.log(3) - logit, logit + math.log(2), logit])
    nll, brier = reference.losses(z, np.array([1, 0, 2, 0]))
    assert nll == pytest.approx([min(2 * logit, VALUE_LIMIT), math.log(3), math.log(2), VALUE_LIMIT])
    assert brier == pytest.approx([2, 2 / 3, 1 / 2, 2])


@every_world
def test_losses_are_their_definitions(each):
    p, known = each.probabilities[:, each.known], each.truth[each.known].astype(int)
    nll, brier = reference.losses(each.z[:, each.known], known)
    label = np.eye(each.classes + 1)[known].T
    hit = p[known, np.arange(len(known))]
    with np.errstate(divide="ignore"):
        expected = np.minimum(-np.log(hit), VALUE_LIMIT)
    np.testing.assert_allclose(nll, expected, rtol=1e-12, atol=1e-13)
    np.testing.assert_allclose(brier, ((p - label) ** 2).sum(axis=0), rtol=1e-12, atol=1e-13)


def test_roles():
    found = reference.roles(np.array([0, 1, UNKNOWN, VOID, 0]), np.array([0, 0, 0, 0, 2]))
    assert found.tolist() == [RIGHT, WRONG, UNKNOWN_ROLE, VOID_ROLE, WRONG]


def test_a_tie_of_logits_goes_to_the_lowest_class():
    pixels, _ = of_pixels(np.zeros((3, 2)), [0, 1]).observe()
    assert pixels.top.confusion[:2].tolist() == [[1, 0, 0, 0], [1, 0, 0, 0]]


@every_world
def test_every_pixel_is_counted_where_it_belongs(each):
    """One loop over pixels, one dictionary per statistic."""
    pixels, table = each.observe()
    p = each.probabilities
    top = np.zeros_like(pixels.top.counts)
    confident = np.zeros_like(pixels.confident.counts)
    counts, hits = np.zeros_like(pixels.classwise.counts), np.zeros_like(pixels.classwise.hits)
    roles = [0, 0, 0, 0]
    for i, truth in enumerate(each.truth.tolist()):
        guess = int(each.guess[i])
        roles[3 if truth == VOID else 2 if truth == UNKNOWN else int(truth == guess)] += 1
        if truth >= UNKNOWN:
            continue
        msp = float(p[guess, i])
        top[truth, guess, textbook.bin_of(msp)] += 1
        for level, above in enumerate((0.9, 0.99)):
            confident[truth, level] += truth != guess and msp > above
        for c in range(each.classes):
            counts[c, textbook.bin_of(p[c, i])] += 1
            hits[c, textbook.bin_of(p[c, i])] += truth == c
    np.testing.assert_array_equal(pixels.top.counts, top)
    np.testing.assert_array_equal(pixels.confident.counts, confident)
    np.testing.assert_array_equal(pixels.classwise.counts, counts)
    np.testing.assert_array_equal(pixels.classwise.hits, hits)
    assert table.pixels.tolist() == [roles]
    for ranks in pixels.ranks.values():
        assert ranks.counts.sum(axis=1).tolist() == roles


@every_world
def test_sums_are_of_the_pixels_counted(each):
    """To half a unit per pixel."""
    pixels, table = each.observe()
    known = each.known
    n, msp = int(known.sum()), each.confidence("msp")[known]
    slack = n * HALF_UNIT + 1e-9
    assert real(pixels.top.confidence).sum() == pytest.approx(msp.sum(), abs=slack)
    assert real(pixels.confidence.sums).sum() == pytest.approx(msp.sum(), abs=slack)
    per_class = real(pixels.classwise.probability).sum(axis=1)
    assert per_class == pytest.approx(each.probabilities[:-1, known].sum(axis=1), abs=slack)
    for s, score in enumerate(each.scores):
        value = each.confidence(score)
        for role, chosen in enumerate((known & ~each.right, known & each.right, each.truth == 254, each.truth == 255)):
            found = float(real(table.score_sums[0, s, role]))
            assert found == pytest.approx(value[chosen].sum(), abs=len(value) * HALF_UNIT + 1e-9)


@every_world
def test_the_row_of_an_image_is_the_summary_of_its_pixels(each):
    pixels, table = each.observe(sample="x")
    assert table.ids == ("x",)
    np.testing.assert_array_equal(table.confusion[0], pixels.top.counts.sum(axis=2))
    for found, expected in zip(
        (table.bin_counts, table.bin_right, table.bin_confidence), reliability(pixels.top), strict=True
    ):
        np.testing.assert_array_equal(found[0], expected)
    np.testing.assert_array_equal(table.label_counts[0], pixels.top.counts.sum(axis=1))
    np.testing.assert_array_equal(table.guess_counts[0], pixels.top.counts.sum(axis=0))
    np.testing.assert_array_equal(table.guess_confidence[0], total(pixels.top.confidence, axis=0))
    np.testing.assert_array_equal(table.confident[0], pixels.confident.counts)
    np.testing.assert_array_equal(table.class_hits[0], pixels.classwise.hits)
    np.testing.assert_array_equal(table.class_probability[0], pixels.classwise.probability)
    assert table.flips == pixels.flips.counts
    np.testing.assert_array_equal(table.losses[0], [pixels.losses.nll, pixels.losses.brier])
    for s, score in enumerate(each.scores):
        fine = pixels.ranks[score].counts
        starts = np.arange(0, fine.shape[1], 1 << COARSE_SHIFT)
        coarse = np.add.reduceat(fine, starts, axis=1)
        np.testing.assert_array_equal(table.coarse[0, s, :, : len(starts)], coarse)
        assert not table.coarse[0, s, :, len(starts) :].any()


@given(seed=st.integers(0, 999), constant=st.floats(-100, 100))
@settings(max_examples=20, deadline=None)
def test_a_constant_added_to_all_logits_changes_only_logit_scores(seed, constant):
    z = np.random.default_rng(seed).normal(0, 4, (5, 40))
    before, after = confidences(z), confidences(z + constant)
    for score in ("msp", "neg_entropy", "margin"):
        # 1e-13: adding 100 rounds the logits themselves by 1e-14
        np.testing.assert_allclose(after[score], before[score], rtol=0, atol=1e-12)
    for score in ("max_logit", "neg_energy"):
        np.testing.assert_allclose(after[score], before[score] + constant, rtol=0, atol=1e-12)


@given(seed=st.integers(0, 999))
@settings(max_examples=20, deadline=None)
def test_scores_do_not_depend_on_the_order_of_classes(seed):
    g = np.random.default_rng(seed)
    z = g.normal(0, 4, (6, 30))
    before, after = confidences(z), confidences(z[g.permutation(6)])
    for score in BUILT_IN_SCORES:
        np.testing.assert_allclose(after[score], before[score], rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("truth", [[VOID] * 3, [UNKNOWN] * 3])
def test_images_without_known_pixels_count_roles_only(truth):
    each = of_pixels(np.random.default_rng(0).normal(size=(4, 3)), truth)
    pixels, table = each.observe()
    assert not pixels.top.counts.any()
    of_classes = pixels.classwise
    assert not any(a.any() for name, a in of_classes.arrays().items() if name != "uncounted")
    p = each.probabilities
    np.testing.assert_allclose(real(of_classes.uncounted), p[:-1].sum(axis=1), atol=3 * HALF_UNIT)
    np.testing.assert_array_equal(pixels.uncounted.counts, np.bincount(each.guess, minlength=5))
    sums = np.bincount(each.guess, p.max(axis=0), 5)
    np.testing.assert_allclose(real(pixels.uncounted.confidence), sums, atol=3 * HALF_UNIT)
    assert not pixels.losses.nll.any()
    assert table.pixels.sum() == 3
    assert table.pixels[0, UNKNOWN_ROLE if truth[0] == UNKNOWN else VOID_ROLE] == 3


@pytest.mark.parametrize(("classes", "bin_"), [(3, 4), (5, 2), (15, 0)])
def test_a_confidence_at_an_edge_is_in_the_bin_below(classes, bin_):
    """Equal logits of 3 classes: every probability is 5/15 exactly."""
    pixels, _ = of_pixels(np.zeros((classes, 1)), [0]).observe()
    assert np.flatnonzero(pixels.top.counts.sum(axis=(0, 1))).tolist() == [bin_]
    assert np.flatnonzero(pixels.classwise.counts.sum(axis=0)).tolist() == [bin_]
    assert np.flatnonzero(pixels.classwise.hits.sum(axis=0)).tolist() == [bin_]


def test_one_pixel():
    pixels, _ = of_pixels([[2.0], [0.0]], [0]).observe()
    msp = 1 / (1 + math.exp(-2))
    assert pixels.top.counts[0, 0, textbook.bin_of(msp)] == 1
    assert float(real(pixels.losses.nll)) == pytest.approx(-math.log(msp), abs=HALF_UNIT)


def test_layouts_need_msp():
    with pytest.raises(ValueError, match="msp"):
        Layout(3, ("margin",))
    assert Layout(3, ("msp",)).columns == 4


def test_worlds_hold_every_role_and_both_outcomes():
    """The fixtures themselves: none of them may silently lose what it is there for."""
    for name, each in WORLDS.items():
        assert (each.known & each.right).any(), name
        assert (each.known & ~each.right).any(), name
        assert (each.truth == UNKNOWN).any(), name
    assert (WORLDS["projected"].guess[WORLDS["projected"].known] == 4).any()
    assert 2 in WORLDS["unreachable"].truth
    assert {1, 3} & set(WORLDS["absent"].guess)
    assert worlds.world(1).truth.tolist() == world(1).truth.tolist()
