"""The fused kernel against the float64 reference, and its laws."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
from helpers.kernel_agreement import assert_agrees, run
from helpers.kernel_images import ALL, GROUPS, assert_same_bytes, image, view_of
from hypothesis import given, settings
from hypothesis import strategies as st

from reliseg.kernels import reference
from reliseg.kernels.cpu import kernel
from reliseg.kernels.cpu.kernel import Kernel, compile_kernels
from reliseg.stats import Layout, PixelStatistics, SampleTable
from reliseg.stats.fixed import VALUE_LIMIT, real

SHAPES = [
    pytest.param((16, 40), (64, 160), id="x4"),
    pytest.param((16, 70), (64, 280), id="x4, wider than a stretch"),
    pytest.param((9, 17), (72, 136), id="x8"),
    pytest.param((4, 66), (64, 1056), id="x16"),
    pytest.param((40, 150), (40, 150), id="x1"),
    pytest.param((6, 600), (6, 600), id="x1, runs"),
    pytest.param((30, 65), (60, 130), id="x2"),
    pytest.param((6, 300), (12, 600), id="x2, runs"),
    pytest.param((20, 64), (50, 160), id="x2.5"),
    pytest.param((33, 65), (129, 257), id="odd"),
    pytest.param((16, 64), (63, 253), id="cropped"),
    pytest.param((60, 140), (41, 67), id="down"),
    pytest.param((7, 2), (50, 90), id="two columns"),
    pytest.param((1, 1), (20, 300), id="native 1 x 1"),
    pytest.param((5, 1), (33, 40), id="one native column"),
    pytest.param((1, 5), (1, 333), id="one row"),
    pytest.param((5, 5), (300, 1), id="one column"),
    pytest.param((8, 8), (1, 1), id="one pixel"),
]


@pytest.mark.slow
@pytest.mark.parametrize("align", [False, True])
@pytest.mark.parametrize(("native", "size"), SHAPES)
def test_any_ratio_of_sizes(native, size, align):
    for smooth in (False, True):
        logits, truth = image(1, 5, native, size, smooth=smooth)
        assert_agrees(view_of(logits, size, align=align), truth, Layout(5, ALL))


@pytest.mark.slow
@pytest.mark.parametrize("smooth", [False, True])
@pytest.mark.parametrize("classes", [1, 2, 11, 19, 33, 64, 65, 150, 253])
def test_any_number_of_classes(classes, smooth):
    logits, truth = image(classes, classes, (12, 64), (30, 250), smooth=smooth)
    assert_agrees(view_of(logits, truth.shape), truth, Layout(classes, ALL))


@pytest.mark.slow
@pytest.mark.parametrize("temperature", [None, 0.7, "by class"])
@pytest.mark.parametrize("case", GROUPS)
def test_projection_and_temperature(case, temperature):
    classes, groups = GROUPS[case]
    factors = {None: 1.0, 0.7: 1 / 0.7, "by class": np.linspace(0.4, 1.9, classes + 1)}[temperature]
    factors = np.full(classes + 1, factors)
    logits, truth = image(3, classes, (13, 33), (50, 130), model=len(groups))
    view = view_of(logits, truth.shape, groups=groups, columns=classes + 1, factors=factors)
    assert_agrees(view, truth, Layout(classes, ALL))


def factors_of(seed, size):
    """Positive factors between those of the bounds of temperatures, one for each pixel."""
    return np.exp(np.random.default_rng(seed).uniform(-3, 3, size)).astype(np.float32)


@pytest.mark.slow
@pytest.mark.parametrize("align", [False, True])
@pytest.mark.parametrize(("native", "size"), SHAPES)
def test_each_pixel_has_its_own_factor(native, size, align):
    logits, truth = image(6, 5, native, size)
    view = replace(view_of(logits, size, align=align), pixel_factors=factors_of(6, size))
    got, _ = assert_agrees(view, truth, Layout(5, ALL))
    plain, _ = run(view_of(logits, size, align=align), truth, Layout(5, ALL))
    np.testing.assert_array_equal(got.top.confusion, plain.top.confusion)


@pytest.mark.parametrize("factors", [1.0, "by class"])
@pytest.mark.parametrize("case", GROUPS)
def test_projection_and_factors_of_pixels(case, factors):
    classes, groups = GROUPS[case]
    factors = np.full(classes + 1, 1.0) if factors == 1.0 else np.linspace(0.4, 1.9, classes + 1)
    logits, truth = image(3, classes, (13, 33), (50, 130), model=len(groups))
    view = view_of(logits, truth.shape, groups=groups, columns=classes + 1, factors=factors)
    assert_agrees(replace(view, pixel_factors=factors_of(3, truth.shape)), truth, Layout(classes, ALL))


@pytest.mark.parametrize("factor", [0.25, 1.0, 3.0])
def test_equal_factors_of_all_pixels_are_one_inverse_temperature_to_the_bit(factor):
    logits, truth = image(4, 7, (13, 33), (50, 130))
    pixels = np.full(truth.shape, factor, np.float32)
    for by_class in (np.ones(8), np.linspace(0.5, 2, 8)):
        one, one_row = run(view_of(logits, truth.shape, factors=by_class * factor), truth, Layout(7, ALL))
        view = replace(view_of(logits, truth.shape, factors=by_class), pixel_factors=pixels)
        if factor != 3.0 or (by_class == 1).all():  # times a power of two nothing is rounded
            found, row = run(view, truth, Layout(7, ALL))
            assert_same_bytes(found, one)
            assert row == one_row


def test_factors_need_not_lie_in_one_piece_and_are_not_changed():
    logits, truth = image(4, 3, (5, 9), (20, 31))
    wide = factors_of(1, (40, 62))
    kept = wide.copy()
    view = replace(view_of(logits, truth.shape), pixel_factors=wide[::2, ::2])
    assert_agrees(view, truth, Layout(3, ALL))
    np.testing.assert_array_equal(wide, kept)


@given(
    native=st.tuples(st.integers(1, 6), st.integers(1, 9)),
    size=st.tuples(st.integers(1, 20), st.integers(1, 300)),
    seed=st.integers(0, 999),
)
@settings(max_examples=30, deadline=None)
def test_positive_factors_leave_the_prediction_of_every_pixel(native, size, seed):
    logits, truth = image(seed, 4, native, size)
    plain = view_of(logits, size)
    view = replace(plain, pixel_factors=factors_of(seed, size))
    z, scaled = reference.full_logits(plain, 5), reference.full_logits(view, 5)
    np.testing.assert_array_equal(scaled.argmax(axis=0), z.argmax(axis=0))
    got, row = run(view, truth, Layout(4, ALL))
    want, want_row = run(plain, truth, Layout(4, ALL))
    np.testing.assert_array_equal(got.top.confusion, want.top.confusion)
    np.testing.assert_array_equal(row.pixels, want_row.pixels)


def test_temperature_bounds():
    logits, truth = image(4, 7, (13, 33), (50, 130))
    for factor in (1 / 20, 20.0):
        view = view_of(logits, truth.shape, factors=np.full(8, factor))
        assert_agrees(view, truth, Layout(7, ALL))


@pytest.mark.parametrize("groups", [None, [0, 1, 1, 2, 3, 3, 3]])
@pytest.mark.parametrize("spread", [1e-4, 30.0, 1000.0, 16000.0])
def test_extreme_logits(spread, groups):
    classes = 7 if groups is None else 4
    g = np.random.default_rng(5)
    logits = spread * g.uniform(-1, 1, (7, 16, 33))
    truth = g.integers(0, classes, (64, 132)).astype(np.uint8)
    view = view_of(logits, truth.shape, groups=groups, columns=classes + 1)
    assert_agrees(view, truth, Layout(classes, ALL))


def test_sure_to_the_last_bit_and_still_ordered():
    margins = np.linspace(17.5, 40, 200)
    logits = np.stack([margins, np.zeros(200)])[:, None].astype(np.float32)
    truth = np.zeros((1, 200), np.uint8)
    got, row = assert_agrees(view_of(logits, (1, 200)), truth, Layout(2, ALL), exact=True)
    assert row.bin_counts[0, -1] == 200
    assert real(row.bin_confidence[0, -1]) == 200
    assert (got.ranks["msp"].counts > 0).sum() > 190  # a float32 softmax says 1 for all of them


@pytest.mark.parametrize("size", [(36, 320), (36, 60)], ids=["dense", "gathered"])
@pytest.mark.parametrize("values", [[2, 2], [0, 0, 0], [1.25, 1.25, -3], [-7, 2, 2], [0] * 15, [4.5] * 16])
def test_constants_and_exact_ties(values, size):
    """Nothing is interpolated away: constants are exact to the arithmetic, ties go to the lowest column."""
    c, width = len(values), size[1] // 4
    logits = np.broadcast_to(np.float32(values)[:, None, None], (c, 9, width)).copy()
    truth = np.random.default_rng(6).integers(0, c, size).astype(np.uint8)
    assert_same_counts(view_of(logits, size), truth, Layout(c, ALL))


def test_joined_ties():
    """Groups of equal sums: the lowest column wins."""
    logits = np.broadcast_to(np.float32([3, 1, 1, 1, 1, 0])[:, None, None], (6, 9, 64)).copy()
    truth = np.random.default_rng(6).integers(0, 4, (36, 256)).astype(np.uint8)
    view = view_of(logits, truth.shape, groups=[3, 1, 1, 0, 0, 3], columns=5)
    assert_same_counts(view, truth, Layout(4, ALL))
    assert_same_counts(replace(view, groups=np.array([4, 1, 1, 2, 2, 3])), truth, Layout(4, ALL))
    level = replace(view, logits=np.zeros_like(logits))
    assert_same_counts(replace(level, groups=np.array([2, 2, 0, 0, 1, 1])), truth, Layout(4, ALL))


def assert_same_counts(view, truth, layout):
    got, _ = assert_agrees(view, truth, layout, exact=True)
    want, _ = reference.observe(view, truth, "a", layout)
    np.testing.assert_array_equal(got.top.counts, want.top.counts)
    np.testing.assert_array_equal(got.classwise.counts, want.classwise.counts)
    np.testing.assert_array_equal(got.classwise.hits, want.classwise.hits)


@pytest.mark.parametrize("bins", range(1, 15))
def test_probabilities_beside_each_edge(bins):
    """Two classes with p = bins/15 (1 -+ 1e-5): both sides of every edge, for the argmax and for the other."""
    p = bins / 15 * (1 + np.array([-1e-5, 1e-5]))
    logits = np.stack([np.log(p), np.log1p(-p)])[:, None].repeat(3, axis=1).astype(np.float32)
    truth = np.arange(6).reshape(3, 2).astype(np.uint8) % 2
    view = view_of(logits, (3, 2))
    assert_same_counts(view, truth, Layout(2, ALL))


@pytest.mark.parametrize("value", [0, 254, 255])
def test_one_role_only(value):
    logits, truth = image(7, 3, (10, 20), (40, 80))
    assert_agrees(view_of(logits, truth.shape), np.full_like(truth, value), Layout(3, ALL))


def test_unreachable_label_has_the_limit_as_loss_and_probability_0():
    logits, truth = image(8, 3, (10, 20), (40, 80), model=2)
    view = view_of(logits, truth.shape, groups=[0, 2], columns=4)
    got, _ = run(view, np.full_like(truth, 1), Layout(3, ALL))
    assert real(got.losses.nll) == VALUE_LIMIT * truth.size
    assert got.classwise.counts[1].tolist() == [truth.size] + [0] * 14
    assert got.classwise.hits[1].tolist() == [truth.size] + [0] * 14
    assert not got.classwise.probability[1].any()


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


IMAGES = [((6, 20), (24, 80)), ((5, 33), (20, 130)), ((3, 3), (17, 31)), ((12, 9), (12, 9)), ((1, 1), (1, 1))]


@settings(max_examples=30, deadline=None)
@given(parts=st.lists(st.integers(0, 2), min_size=5, max_size=5), order=st.permutations(range(5)))
def test_any_split_in_any_order_gives_the_bytes_of_the_whole(parts, order):
    layout = Layout(4, ("msp", "margin"))
    whole = Kernel(layout)
    rows = [observe_number(n, whole) for n in range(5)]
    merged, tables = PixelStatistics.zero(layout), []
    for part in (2, 0, 1):
        one = Kernel(layout)
        tables += [observe_number(n, one) for n in order if parts[n] == part]
        merged = one.statistics() + merged
    assert_same_bytes(merged, whole.statistics())
    assert SampleTable.union(tables) == SampleTable.union(rows)


def observe_number(n, one):
    logits, truth = image(n, 4, *IMAGES[n])
    groups, factors = ([0, 1, 4, 2], np.full(5, 0.8)) if n % 2 else (None, None)
    return one.observe(view_of(logits, truth.shape, groups=groups, factors=factors), truth, str(n))


def test_without_class_wise_statistics_all_others_are_the_same():
    layout = Layout(4, ("msp", "margin"))
    every, some, band = Kernel(layout), *(Kernel(replace(layout, classwise=False)) for _ in range(2))
    rows = [observe_number(n, every) for n in range(5)]
    assert [observe_number(n, band if n == 2 else some) for n in range(5)] == rows
    some.absorb(band)
    want = every.statistics()
    assert want.classwise.counts.any()
    assert_same_bytes(some.statistics(), replace(want, classwise=None))


def test_small_counters_are_emptied_in_time(monkeypatch):
    layout = Layout(4, ALL)
    whole = Kernel(layout)
    rows = [observe_number(n, whole) for n in range(5)]
    monkeypatch.setattr(kernel, "_COUNTER_LIMIT", 2700)  # the first two images have 1920 and 2600 pixels
    emptied = Kernel(layout)
    assert [observe_number(n, emptied) for n in range(5)] == rows
    assert emptied._earlier is not None
    assert_same_bytes(emptied.statistics(), whole.statistics())


def test_sums_beyond_64_bits():
    """2**25 pixels with the largest loss, 2**39 units each."""
    truth = np.ones((4096, 8192), np.uint8)
    view = view_of(np.ones((1, 2, 64)), truth.shape, groups=[0], columns=3)
    got, row = run(view, truth, Layout(2, ("msp",)))
    assert got.losses.nll.tolist() == [1 << 32, 0]
    assert row.losses[0, 0].tolist() == [1 << 32, 0]
    assert real(got.losses.brier) == 2 * truth.size


def test_kernels_in_threads():
    layout = Layout(4, ALL)

    def rows(_):
        one = Kernel(layout)
        return [observe_number(n, one) for n in range(5)], one.statistics()

    with ThreadPoolExecutor(2) as pool:
        (first, statistics), *others = pool.map(rows, range(4))
    for other, their_statistics in others:
        assert other == first
        assert_same_bytes(their_statistics, statistics)


def test_reset_forgets():
    layout = Layout(4, ("msp",))
    one = Kernel(layout)
    row = observe_number(1, one)
    first = one.statistics()
    observe_number(2, one)
    one.reset()
    assert_same_bytes(one.statistics(), PixelStatistics.zero(layout))
    assert observe_number(1, one) == row
    assert_same_bytes(one.statistics(), first)


def test_results_are_copies():
    one = Kernel(Layout(4, ALL))
    row = observe_number(0, one)
    before = {n: a.copy() for n, a in (one.statistics().arrays() | row.arrays()).items()}
    kept = one.statistics().arrays() | row.arrays()
    observe_number(1, one)
    for name, array in kept.items():
        np.testing.assert_array_equal(array, before[name], err_msg=name)


def test_read_only_and_strided_inputs():
    logits, truth = image(11, 4, (10, 30), (40, 120))
    layout = Layout(4, ALL)
    want, row = run(view_of(logits, truth.shape), truth, layout)
    logits_last = np.ascontiguousarray(logits.transpose(1, 2, 0)).transpose(2, 0, 1)
    truth_f = np.asfortranarray(truth)
    truth_f.flags.writeable = False
    got, got_row = run(replace(view_of(logits, truth.shape), logits=logits_last), truth_f, layout)
    assert_same_bytes(got, want)
    assert got_row == row
    assert truth.flags.writeable


@pytest.mark.parametrize("stray", [4, 100, 253])
def test_an_id_that_is_no_label_is_refused_and_nothing_counted(stray):
    logits, truth = image(12, 4, (10, 30), (40, 120))
    truth[7, 11] = stray
    one = Kernel(Layout(4, ALL))
    with pytest.raises(ValueError, match=r"img: 1 pixels of the truth .*0 to 3"):
        one.observe(view_of(logits, truth.shape), truth, "img")
    assert_same_bytes(one.statistics(), PixelStatistics.zero(Layout(4, ALL)))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"logits": np.zeros((4, 2, 2))}, "float32"),
        ({"logits": np.zeros((4, 0, 2), np.float32)}, "float32"),
        ({"size": (3, 3)}, "truth"),
        ({"groups": np.array([0, 1, 2])}, "column"),
        ({"groups": np.array([0, 1, 2, 5])}, "column"),
        ({"groups": np.array([0, 1, 2, -1])}, "column"),
        ({"inverse_temperatures": np.ones(4)}, "5 positive"),
        ({"inverse_temperatures": np.zeros(5)}, "5 positive"),
        ({"pixel_factors": np.ones((8, 9), np.float32)}, "of size"),
        ({"pixel_factors": np.ones((8, 8))}, "float32"),
        ({"pixel_factors": np.zeros((8, 8), np.float32)}, "positive and finite"),
        ({"pixel_factors": np.full((8, 8), np.nan, np.float32)}, "positive and finite"),
    ],
)
def test_what_does_not_fit_is_refused(change, message):
    view = replace(view_of(np.zeros((4, 2, 2)), (8, 8)), **change)
    with pytest.raises(ValueError, match=message):
        Kernel(Layout(4, ALL)).observe(view, np.zeros((8, 8), np.uint8), "a")


def test_layouts_that_cannot_be_counted_are_refused():
    with pytest.raises(ValueError, match="no score 'rba'"):
        Kernel(Layout(4, ("msp", "rba")))
    with pytest.raises(ValueError, match="253 classes"):
        Kernel(Layout(254, ("msp",)))


def test_nan_leaves_no_table():
    """Predictions with NaN are refused before; should one come, counts are lost or misplaced but no memory is."""
    logits, truth = image(13, 4, (10, 30), (40, 120))
    logits[:, 3:5, 3:9] = np.nan
    logits[1, 7] = np.inf
    got, _ = run(view_of(logits, truth.shape), truth, Layout(4, ALL))
    assert got.top.counts.sum() == (truth < 254).sum()


def test_numba_is_imported_by_the_kernel_only():
    code = "import sys, reliseg.stats; assert 'numba' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_compile_kernels_leaves_nothing_to_compile():
    compile_kernels()
    from reliseg.kernels.cpu.walk import count_roles, observe_image

    logits, truth = image(14, 4, (10, 30), (40, 120))
    run(view_of(logits, truth.shape), truth, Layout(4, ALL))
    assert len(observe_image.signatures) == 1
    assert len(count_roles.signatures) == 1


def test_taking_gives_the_statistics_and_forgets_them():
    layout = Layout(4, ALL)
    one, other = Kernel(layout), Kernel(layout)
    for each in (one, other):
        observe_number(3, each)
    taken = one.take()
    observe_number(4, one)  # what was taken does not change with what comes after
    assert_same_bytes(taken, other.statistics())
    other.reset()
    observe_number(4, other)
    assert_same_bytes(one.take(), other.statistics())
    assert_same_bytes(one.statistics(), PixelStatistics.zero(layout))
