"""Logits that were changed pixel by pixel: the kernel on blocks of rows counts what the reference does."""

from dataclasses import replace

import numpy as np
import pytest
from helpers.kernel_agreement import (
    EPS,
    Precision,
    assert_by_label,
    assert_counts,
    assert_fine,
    assert_row,
    assert_sets,
    assert_sums,
    assert_uncounted,
    coordinates,
    undecided,
)
from helpers.kernel_images import SIZES, image, mixed, view_of
from hypothesis import given, settings
from hypothesis import strategies as st

from reliseg.kernels import reference
from reliseg.kernels.cpu import transformed
from reliseg.kernels.cpu.kernel import Kernel
from reliseg.stats import Layout, SampleTable
from reliseg.stats.built_in_scores import BUILT_IN_SCORES
from reliseg.stats.view import CompiledTransform

ALL = tuple(BUILT_IN_SCORES)


def unchanged(z):
    return z.copy()


def halved(z):
    return z * 0.5


def run(view, truth, layout):
    kernel = Kernel(layout)
    row = transformed.observe(kernel, view, truth, "a", layout.columns)
    return kernel.statistics(), row


def precision_of(z):
    """Of two logits that are rounded once, and pass interpolation at weight 1: 1 + 3 EPS each. Sums: 1e-6 a pixel."""
    logit = 8 * np.abs(z[np.isfinite(z)]).max() * EPS
    return Precision(logit, np.expm1(logit) + (len(z) + 8) * EPS, scale=1.0)


def assert_agrees(view, truth, layout, *, like=None):
    """Blocks against the reference of the same view (or of one that means the same); no pixel may be in doubt."""
    layout = replace(layout, by_label=True, sets=True)
    got, row = run(view, truth, layout)
    want, want_row = reference.observe(like or view, truth, "a", layout)
    z, ids = reference.full_logits(view, layout.columns), truth.ravel().astype(np.int64)
    precision = precision_of(z)
    ties, near = undecided(z, precision, ids)
    assert ties == 0, "choose another seed: float32 cannot tell an argmax"
    assert near <= 1 + 1e-3 * z.size, "the bounds are too wide to say anything"
    assert_counts(got, want, 0, near)
    assert_sums(got, want, precision, 0, near)
    assert_row(got, row, want_row, precision, 0, layout)
    assert_uncounted(got, want, z, ids, precision)
    assert_by_label(row, z, ids, precision, 0)
    assert_sets(row, z, ids, precision, 0, layout.classes)
    role = reference.roles(ids, z.argmax(axis=0))
    np.testing.assert_array_equal(row.pixels[0], np.bincount(role, minlength=4))
    for score in layout.scores:
        surer, unsurer = coordinates(score, z, precision)
        for r in range(4):
            at = role == r
            assert_fine(got.ranks[score].counts[r], surer[at], unsurer[at], np.ones(at.sum()), 0, (score, r))
    return got, row


@pytest.mark.slow
@pytest.mark.parametrize("transform", [unchanged, mixed])
@pytest.mark.parametrize("align", [False, True])
@pytest.mark.parametrize(("native", "size"), SIZES)
@pytest.mark.parametrize("pixels", [1, 64], ids=["rows", "some rows"])
def test_blocks_count_what_the_reference_counts(native, size, align, transform, pixels, monkeypatch):
    monkeypatch.setattr(transformed, "_PIXELS", pixels)
    logits, truth = image(3, 5, native, size)
    view = replace(view_of(logits, size, align=align), transform=transform)
    assert_agrees(view, truth, Layout(5, ALL))


@pytest.mark.parametrize("transform", [unchanged, mixed])
@pytest.mark.parametrize("pixels", [1, 200, 1 << 17])
@pytest.mark.parametrize(
    "groups",
    [
        pytest.param([0, 1, 3, 3, 5, 5, 0], id="columns without members, and other"),
        pytest.param([4, 4, 2, 2, 1, 4, 0], id="no other"),
        pytest.param([2, 2, 2, 2, 2, 2, 5], id="one class and other"),
    ],
)
def test_columns_that_no_class_goes_to_have_no_probability(groups, transform, pixels, monkeypatch):
    monkeypatch.setattr(transformed, "_PIXELS", pixels)
    logits, truth = image(8, 5, (6, 9), (21, 33), model=7)
    view = replace(view_of(logits, (21, 33), groups=groups, columns=6), transform=transform)
    dead = sorted(set(range(6)) - set(groups))
    assert np.isneginf(reference.full_logits(view, 6)[dead]).all()
    truth = np.where(np.isin(truth, dead), np.uint8(255), truth)  # their loss has no bound
    got, _ = assert_agrees(view, truth, Layout(5, ALL))
    assert not got.top.confusion[:, dead].any()


@pytest.mark.parametrize("pixels", [1, 100, 1 << 17])
def test_labels_that_no_class_goes_to_are_counted_as_wrong(pixels, monkeypatch):
    monkeypatch.setattr(transformed, "_PIXELS", pixels)
    logits, truth = image(8, 3, (6, 9), (21, 33), model=2)
    view = replace(view_of(logits, (21, 33), groups=[0, 2], columns=4), transform=unchanged)
    got, row = run(view, truth, Layout(3, ALL))
    want, _ = reference.observe(view, truth, "a", Layout(3, ALL))
    np.testing.assert_array_equal(got.top.confusion, want.top.confusion)
    assert got.top.confusion[1, 1] == 0 < got.top.confusion[1].sum()
    np.testing.assert_array_equal(row.losses[0], [got.losses.nll, got.losses.brier])


@pytest.mark.parametrize("ids", [[255], [254], [254, 255], [255, 2], [0]])
def test_roles_are_told_in_every_block(ids, monkeypatch):
    monkeypatch.setattr(transformed, "_PIXELS", 40)
    logits, _ = image(5, 4, (4, 5), (15, 18))
    truth = np.random.default_rng(0).choice(ids, (15, 18)).astype(np.uint8)
    truth[:4] = ids[0]
    view = replace(view_of(logits, (15, 18)), transform=unchanged)
    _, row = assert_agrees(view, truth, Layout(4, ALL))
    assert row.pixels[0, 2] == (truth == 254).sum()
    assert row.pixels[0, 3] == (truth == 255).sum()


@pytest.mark.parametrize("pixels", [50, 1 << 17])
def test_halving_logits_is_an_inverse_temperature_of_a_half(pixels, monkeypatch):
    monkeypatch.setattr(transformed, "_PIXELS", pixels)
    logits, truth = image(3, 5, (5, 7), (23, 31))
    plain = view_of(logits, (23, 31))
    scaled = replace(plain, inverse_temperatures=np.full(6, 0.5))
    _, row = assert_agrees(replace(plain, transform=halved), truth, Layout(5, ALL), like=scaled)
    kernel = Kernel(Layout(5, ALL))
    direct = kernel.observe(scaled, truth, "a")
    np.testing.assert_array_equal(row.confusion, direct.confusion)
    np.testing.assert_array_equal(row.pixels, direct.pixels)


def test_a_transform_comes_before_the_temperature_of_the_argmax_that_it_leaves():
    logits, truth = image(3, 5, (5, 7), (23, 31))
    factors = np.array([0.3, 0.6, 1.0, 1.5, 2.0, 1.0])
    view = replace(view_of(logits, (23, 31), factors=factors), transform=mixed)
    plain = reference.full_logits(view_of(logits, (23, 31)), 6)
    moved = mixed(plain)
    assert (moved.argmax(axis=0) != plain.argmax(axis=0)).mean() > 0.1
    np.testing.assert_array_equal(reference.full_logits(view, 6), moved * factors[moved.argmax(axis=0)])
    assert_agrees(view, truth, Layout(5, ALL))


@pytest.mark.parametrize("pixels", [1, 100, 1 << 17])
def test_factors_of_pixels_are_those_of_the_block(pixels, monkeypatch):
    monkeypatch.setattr(transformed, "_PIXELS", pixels)
    logits, truth = image(3, 5, (5, 7), (23, 31))
    factors = np.random.default_rng(0).uniform(0.1, 3, (23, 31)).astype(np.float32)
    view = replace(view_of(logits, (23, 31)), transform=mixed, pixel_factors=factors)
    moved = mixed(reference.full_logits(view_of(logits, (23, 31)), 6))
    np.testing.assert_array_equal(reference.full_logits(view, 6), moved * factors.ravel())
    np.testing.assert_array_equal(reference.full_logits(view, 6, slice(3, 9)), (moved * factors.ravel())[:, 93:279])
    assert_agrees(view, truth, Layout(5, ALL))


@given(height=st.integers(1, 12), width=st.integers(1, 12), pixels=st.integers(1, 150), seed=st.integers(0, 99))
@settings(max_examples=25, deadline=None)
def test_blocks_hold_each_row_once_in_order(height, width, pixels, seed):
    logits, truth = image(seed, 3, (2, 3), (height, width))
    view = replace(view_of(logits, (height, width)), transform=mixed)
    places, parts = [], []

    def recorded(kernel, view, truth, sample, band, found):
        for rows, z in found:
            places.append(rows)
            parts.append(z)
        return SampleTable.empty(Layout(3, ALL))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(transformed, "_PIXELS", pixels)
        patch.setattr(Kernel, "observe_blocks", recorded)
        transformed.observe(Kernel(Layout(3, ALL)), view, truth, "a", 4)
    assert [y for rows in places for y in range(rows.start, rows.stop)] == list(range(height))
    assert all(part.shape[1] <= max(pixels, width) for part in parts)
    wanted = reference.full_logits(view, 4)[:3]
    np.testing.assert_array_almost_equal_nulp(np.concatenate(parts, axis=1), wanted.astype(np.float32))


@pytest.mark.parametrize("width", [1, 2, 37])
def test_what_a_transform_leaves_is_counted_unrounded(width):
    """Ties of all magnitudes, in every row and column: no interpolation may turn one round."""
    g = np.random.default_rng(0)
    z = (10.0 ** g.integers(-6, 5, (1, 9 * width)) * g.choice([-1, 1], (1, 9 * width))).repeat(4, axis=0)
    lower = np.nextafter(z.astype(np.float32), np.float32(-np.inf))[0]
    places = g.integers(0, 4, 9 * width)
    final = np.where(np.arange(4)[:, None] < places, lower, z).astype(np.float32)
    blocks_of = [(slice(y, y + 3), final[:, y * width : (y + 3) * width]) for y in (0, 3, 6)]
    view = view_of(np.zeros((4, 9, width), np.float32), (9, width), columns=5)
    kernel = Kernel(Layout(4, ALL))
    kernel.observe_blocks(view, places.astype(np.uint8).reshape(9, width), "a", slice(None), blocks_of)
    confusion = kernel.statistics().top.confusion
    np.testing.assert_array_equal(np.diag(confusion), np.bincount(places, minlength=4))


@pytest.mark.parametrize("wrong", [lambda z: z[:-1], lambda z: z[:, 1:], lambda z: z.T])
def test_a_transform_of_another_shape_is_refused(wrong):
    logits, truth = image(0, 3, (2, 3), (5, 7))
    with pytest.raises(ValueError, match="a transform made logits of"):
        run(replace(view_of(logits, (5, 7)), transform=wrong), truth, Layout(3, ALL))


@pytest.mark.parametrize("wrong", [np.nan, np.inf, 1e39, -1e9])
def test_a_transform_that_makes_no_logits_is_refused(wrong):
    logits, truth = image(0, 3, (2, 3), (5, 7))
    view = replace(view_of(logits, (5, 7)), transform=lambda z: np.where(z == z[:, :1], wrong, z))
    with pytest.raises(ValueError, match="no numbers, or beyond"):
        run(view, truth, Layout(3, ALL))


@pytest.mark.parametrize("keeps", [True, False])
@pytest.mark.parametrize("groups", [[0, 1, 2, 3, 4], [0, 3, 1, 5, 2], [4, 4, 2, 0, 5]], ids=["all", "moved", "joined"])
def test_a_compiled_transform_is_counted_in_its_definitions_place(groups, keeps):
    logits, truth = image(3, 5, (5, 7), (23, 31))
    seen = []

    def in_place(z):
        seen.append(z.shape)
        assert z.dtype == np.float32
        z *= np.float32(0.5) if keeps else np.linspace(0.25, 2, len(z), dtype=np.float32)[:, None]

    live = np.unique(groups)
    scale = np.full(6, 0.5)
    scale[live] = 0.5 if keeps else np.linspace(0.25, 2, len(live), dtype=np.float32)
    plain = view_of(logits, (23, 31), groups=groups, columns=6)
    truth = np.where(np.isin(truth, live) | (truth > 253), truth, np.uint8(255))
    transform = CompiledTransform(lambda z: z * scale[:, None], in_place, keeps)
    view = replace(plain, transform=transform)
    assert_agrees(view, truth, Layout(5, ALL))
    assert {c for c, _ in seen} == {len(live)}
    assert sum(p for _, p in seen) == 23 * 31
    ((flips,),) = transformed.observe(Kernel(Layout(5, ALL)), view, truth, "a", 6).flips
    before, after = (reference.full_logits(v, 6).argmax(axis=0) for v in (plain, view))
    assert flips == ((before != after) & (truth.ravel() < 254)).sum()
    assert (flips == 0) == keeps


def test_the_transform_sees_every_pixel_once_and_no_image_of_full_size(monkeypatch):
    monkeypatch.setattr(transformed, "_PIXELS", 100)
    seen = []

    def transform(z):
        seen.append(z.shape)
        return z

    logits, truth = image(0, 3, (5, 5), (40, 30))
    run(replace(view_of(logits, (40, 30)), transform=transform), truth, Layout(3, ALL))
    assert {c for c, _ in seen} == {4}
    assert sum(p for _, p in seen) == 1200
    assert max(p for _, p in seen) <= 100


def test_images_add_up_and_each_has_its_row(monkeypatch):
    monkeypatch.setattr(transformed, "_PIXELS", 60)
    layout, kernel = Layout(4, ALL), Kernel(Layout(4, ALL))
    total = None
    for i in range(3):
        logits, truth = image(i, 4, (4, 5), (11, 13))
        view = replace(view_of(logits, (11, 13)), transform=mixed)
        row = transformed.observe(kernel, view, truth, f"a/{i}", layout.columns)
        alone, alone_row = run(view, truth, layout)
        assert row.ids == (f"a/{i}",)
        assert replace(row, ids=("a",)) == alone_row
        total = alone if total is None else total + alone
    whole = kernel.statistics().arrays()
    for name, array in total.arrays().items():
        np.testing.assert_array_equal(whole[name], array, err_msg=name)


def rows_of(*names):
    tables = []
    for i, name in enumerate(names):
        logits, truth = image(i, 3, (3, 3), (5, 6))
        tables.append(Kernel(Layout(3, ALL)).observe(view_of(logits, (5, 6)), truth, name))
    return tables


def test_parts_of_one_image_are_joined_in_any_order():
    parts = rows_of("a", "a", "a")
    joined = SampleTable.merge_parts(iter(parts))
    assert joined == SampleTable.merge_parts(parts[::-1])
    assert joined == SampleTable.merge_parts([SampleTable.merge_parts(parts[:2]), parts[2]])
    np.testing.assert_array_equal(joined.pixels, sum(p.pixels for p in parts))
    assert joined.pixels.sum() == 90
    assert SampleTable.merge_parts(parts[:1]) == parts[0]


@pytest.mark.parametrize("names", ["", "ab", "baa"])
def test_rows_of_different_images_are_not_joined(names):
    with pytest.raises(ValueError, match="parts of one image"):
        SampleTable.merge_parts(rows_of(*names))


def test_an_empty_table_is_not_joined():
    with pytest.raises(ValueError, match="parts of one image"):
        SampleTable.merge_parts([SampleTable.empty(Layout(3, ALL))])


def test_a_table_of_two_rows_is_not_joined():
    with pytest.raises(ValueError, match="parts of one image"):
        SampleTable.merge_parts([SampleTable.union(rows_of("a", "b"))])
