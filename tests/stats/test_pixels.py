"""Statistics of pixels: however pixels are split, merging gives equal bytes."""

import random
from dataclasses import replace

import numpy as np
import pytest
from helpers.kernel_agreement import without_classes
from helpers.kernel_images import assert_same_bytes
from helpers.worlds import SCORES, World, view_of, world
from hypothesis import given, settings
from hypothesis import strategies as st

from reliseg.kernels import reference
from reliseg.stats import Layout, PixelStatistics
from reliseg.stats.pixels import EXTRAS

LIGHT = ("msp", "max_logit")
"""Fine histograms are large; these two have sums of either sign."""


def merged(parts, shuffle):
    """In a random grouping and order."""
    parts = list(parts)
    while len(parts) > 1:
        a, b = (parts.pop(shuffle.randrange(len(parts))) for _ in range(2))
        parts.append(a + b)
    return parts[0]


def split(each: World, cuts, g):
    """The pixels in a random order, cut into images; some may be empty."""
    order = g.permutation(len(each.truth))
    return [chosen for chosen in np.split(order, sorted(cuts)) if len(chosen)]


LAYOUT = Layout(3, ("msp",))


@given(
    seed=st.integers(0, 999),
    cuts=st.lists(st.integers(0, 60), max_size=4),
    shuffle=st.randoms(use_true_random=False),
    groups=st.sampled_from([(0, 1, 2), (0, 1, 2, 3, 2), (2, 0)]),
)
@settings(max_examples=12, deadline=None)
def test_any_split_in_any_order_gives_the_bytes_of_the_whole(seed, cuts, shuffle: random.Random, groups):
    each = world(seed, classes=3, pixels=60, groups=groups, scores=LIGHT, images=1)
    parts = [each.observe(chosen)[0] for chosen in split(each, cuts, np.random.default_rng(seed))]
    assert_same_bytes(merged(parts, shuffle), each.observe()[0])


def test_any_split_holds_for_all_scores_together():
    each = world(5, pixels=200, scores=SCORES)
    parts = [each.observe(chosen)[0] for chosen in split(each, [50, 51, 120], np.random.default_rng(5))]
    assert_same_bytes(merged(parts, random.Random(0)), each.observe()[0])


def test_pixel_statistics_of_nothing_are_the_zero_and_arrays_are_all_of_them():
    each = world(6, pixels=50, scores=LIGHT)
    found, zero = each.observe()[0], PixelStatistics.zero(each.layout)
    assert_same_bytes(zero + found, found)
    assert_same_bytes(found + zero, found)
    again = PixelStatistics.from_arrays(found.arrays())
    assert again == found
    assert again != zero
    assert_same_bytes(again, found)


def test_statistics_without_class_wise_ones_are_those_with_them_but_for_these():
    each = world(6, pixels=50, scores=LIGHT)
    found, row = each.observe()
    layout = replace(each.layout, classwise=False)
    view = view_of(each.logits, each.groups, each.classes + 1)
    some, their_row = reference.observe(view, each.truth[None], "a", layout)
    assert their_row == without_classes(row)
    assert some.classwise is None
    assert_same_bytes(some, replace(found, classwise=None))
    assert not any(name.startswith("classwise") for name in some.arrays())
    assert_same_bytes(PixelStatistics.from_arrays(some.arrays()), some)
    zero = PixelStatistics.zero(layout)
    assert zero.classwise is None
    assert_same_bytes(zero + some, some)
    assert_same_bytes(some + some, replace(found + found, classwise=None))


def test_statistics_of_which_one_has_class_wise_ones_cannot_be_added():
    every = PixelStatistics.zero(LAYOUT)
    some = PixelStatistics.zero(replace(LAYOUT, classwise=False))
    for left, right in ((every, some), (some, every)):
        with pytest.raises(ValueError, match="count both or neither"):
            left + right


def test_nothing_else_may_be_missing_among_arrays():
    arrays = PixelStatistics.zero(LAYOUT).arrays()
    with pytest.raises(KeyError, match="losses"):
        PixelStatistics.from_arrays({name: a for name, a in arrays.items() if not name.startswith("losses")})


def test_extras_of_a_layout_are_what_is_counted_where_it_is_asked_for():
    assert LAYOUT.extras == ("classwise",)
    every = LAYOUT.with_extras(EXTRAS)
    assert every.extras == EXTRAS
    assert every.with_extras(()).extras == ()
    assert every.with_extras(LAYOUT.extras) == LAYOUT
