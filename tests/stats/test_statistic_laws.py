"""Every statistic is a commutative monoid to the bit: however pixels are split, merging gives equal bytes."""

import random
from dataclasses import replace

import numpy as np
import pytest
from helpers.worlds import SCORES, World, view_of, world
from hypothesis import given, settings
from hypothesis import strategies as st

from reliseg.kernels import reference
from reliseg.stats import Layout, PixelStatistics, SampleTable
from reliseg.stats.pixels import ClassWise, ConfidentErrors, FineConfidence, Losses, ScoreHistogram, TopLabel

LIGHT = ("msp", "max_logit")
"""Fine histograms are large; these two have sums of either sign."""


def same(a, b):
    left, right = a.arrays(), b.arrays()
    assert list(left) == list(right)
    for name, array in left.items():
        assert array.dtype == right[name].dtype == np.int64, name
        np.testing.assert_array_equal(array, right[name], err_msg=name)


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
    same(merged(parts, shuffle), each.observe()[0])


def test_any_split_holds_for_all_scores_together():
    each = world(5, pixels=200, scores=SCORES)
    parts = [each.observe(chosen)[0] for chosen in split(each, [50, 51, 120], np.random.default_rng(5))]
    same(merged(parts, random.Random(0)), each.observe()[0])


def test_pixel_statistics_of_nothing_are_the_zero_and_arrays_are_all_of_them():
    each = world(6, pixels=50, scores=LIGHT)
    found, zero = each.observe()[0], PixelStatistics.zero(each.layout)
    same(zero + found, found)
    same(found + zero, found)
    again = PixelStatistics.from_arrays(found.arrays())
    assert again == found
    assert again != zero
    same(again, found)


def test_statistics_without_class_wise_ones_are_those_with_them_but_for_these():
    each = world(6, pixels=50, scores=LIGHT)
    found, row = each.observe()
    layout = replace(each.layout, classwise=False)
    view = view_of(each.logits, each.groups, each.classes + 1)
    some, their_row = reference.observe(view, each.truth[None], "a", layout)
    assert their_row == row
    assert some.classwise is None
    same(some, replace(found, classwise=None))
    assert not any(name.startswith("classwise") for name in some.arrays())
    same(PixelStatistics.from_arrays(some.arrays()), some)
    zero = PixelStatistics.zero(layout)
    assert zero.classwise is None
    same(zero + some, some)
    same(some + some, replace(found + found, classwise=None))


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


@given(
    seed=st.integers(0, 999), cuts=st.lists(st.integers(1, 39), max_size=3), shuffle=st.randoms(use_true_random=False)
)
@settings(max_examples=15, deadline=None)
def test_unions_of_tables_in_any_grouping_are_the_table_of_all_images(seed, cuts, shuffle: random.Random):
    each = world(seed, classes=3, pixels=40, images=6, scores=LIGHT)
    rows = [each.observe(np.flatnonzero(each.image == i), f"{(7 * i) % 6}")[1] for i in range(6)]
    whole = SampleTable.union(rows)
    assert list(whole.ids) == sorted(whole.ids)
    parts = list(rows)
    while len(parts) > 1:
        taken = [parts.pop(shuffle.randrange(len(parts))) for _ in range(min(len(parts), shuffle.randint(2, 3)))]
        parts.append(SampleTable.union(taken))
    assert parts[0].ids == whole.ids
    same(parts[0], whole)
    assert parts[0] == whole


def test_tables_of_one_sample_twice_are_refused():
    _, row = world(1, pixels=20, scores=LIGHT).observe()
    with pytest.raises(ValueError, match="two tables"):
        SampleTable.union([row, row])


def test_the_empty_table_changes_no_union():
    each = world(2, pixels=20, scores=LIGHT)
    _, row = each.observe()
    empty = SampleTable.empty(each.layout)
    same(SampleTable.union([empty, row, empty]), row)
    same(SampleTable.union([empty, empty]), empty)
    again = SampleTable.from_arrays(row.ids, row.arrays())
    assert again == row
    assert again != empty


def test_tables_that_differ_in_an_id_or_a_number_are_not_equal():
    each = world(3, pixels=20, scores=LIGHT)
    _, row = each.observe()
    other = SampleTable.from_arrays(row.ids, {**row.arrays(), "losses": row.losses + 1})
    assert row != other
    assert row != SampleTable.from_arrays(("b",), row.arrays())
    assert row != "a table"


LAYOUT = Layout(3, ("msp",))
STATISTICS = [
    lambda: TopLabel.zero(LAYOUT),
    lambda: ConfidentErrors.zero(LAYOUT),
    lambda: ClassWise.zero(LAYOUT),
    lambda: Losses.zero(LAYOUT),
    lambda: FineConfidence.zero(LAYOUT),
    lambda: ScoreHistogram.zero_of("msp"),
]


def filled(zero, g):
    """Random counts, and sums far beyond 63 bits, of either sign."""
    found = {}
    for name, array in zero.arrays().items():
        found[name] = g.integers(0, 10**9, array.shape)
        if name in zero.LIMBS:
            high = g.integers(-(2**50), 2**50, array.shape[:-1])
            found[name] = np.stack([high, g.integers(0, 2**32, array.shape[:-1])], axis=-1)
    return type(zero).from_arrays(found)


def value(sums):
    return sums[..., 0].astype(object) * 2**32 + sums[..., 1].astype(object)


@pytest.mark.parametrize("make", STATISTICS)
def test_statistics_add_field_by_field_exactly_and_in_canonical_form(make):
    zero, g = make(), np.random.default_rng(0)
    parts = [filled(zero, g) for _ in range(3)]
    a, b, c = parts
    whole = (a + b) + c
    same(whole, a + (b + c))
    same(whole, (c + a) + b)
    same(whole + zero, whole)
    for name, array in whole.arrays().items():
        assert array.dtype == np.int64
        few = (slice(None),) * (array.ndim - 2) + (slice(0, 50),) if name in zero.LIMBS and array.ndim > 1 else ...
        pieces = [p.arrays()[name][few] for p in parts]
        if name in zero.LIMBS:
            assert (array[..., 1] >= 0).all()
            assert (array[..., 1] < 2**32).all()
            expected = sum((value(p) for p in pieces[1:]), value(pieces[0]))
            assert np.all(value(array[few]) == expected)
        else:
            np.testing.assert_array_equal(array[few], sum(pieces))


@pytest.mark.parametrize("make", STATISTICS)
def test_statistics_equal_only_their_like(make):
    zero = make()
    other = filled(zero, np.random.default_rng(1))
    assert zero == make()
    assert zero != other
    assert zero != "a statistic"
    assert (zero == (Losses.zero(LAYOUT))) == isinstance(zero, Losses)


def test_limb_fields_are_those_that_end_in_two_limbs():
    """A sum that is not carried, or a count that is, would break the laws."""
    named = {
        kind.__name__: kind.LIMBS
        for kind in (TopLabel, ConfidentErrors, ClassWise, Losses, FineConfidence, ScoreHistogram)
    }
    assert named == {
        "TopLabel": {"confidence"},
        "ConfidentErrors": set(),
        "ClassWise": {"probability"},
        "Losses": {"nll", "brier"},
        "FineConfidence": {"sums"},
        "ScoreHistogram": set(),
    }
