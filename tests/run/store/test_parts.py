"""Which arrays lie in which member, and where."""

import numpy as np

from reliseg.run.store.parts import COARSE, PIXELS, SAMPLES, Part, around_coarse, parts_of, ranks_of
from reliseg.stats import Layout, PixelStatistics, SampleTable
from reliseg.stats.samples import LIMB_COLUMNS

LAYOUT = Layout(3, ("msp", "margin"))


def test_every_array_of_a_piece_lies_in_one_part_in_its_order() -> None:
    parts = parts_of(LAYOUT, 5)
    assert list(parts) == [PIXELS, "classwise", "ranks.msp", "ranks.margin", SAMPLES]
    of_pixels = {name: shape for part in list(parts)[:-1] for name, shape in parts[part].shapes.items()}
    assert of_pixels == {name: array.shape for name, array in PixelStatistics.zero(LAYOUT).arrays().items()}
    assert list(parts[ranks_of("margin")].shapes) == ["ranks.margin.counts"]
    rows = SampleTable.empty(LAYOUT).arrays()
    assert list(parts[SAMPLES].shapes) == list(rows)
    assert all(shape == (5, *rows[name].shape[1:]) for name, shape in parts[SAMPLES].shapes.items())


def test_what_lies_around_the_coarse_bins_is_all_else_in_its_order() -> None:
    before, after = around_coarse(LAYOUT, 5)
    shapes = dict(parts_of(LAYOUT, 5)[SAMPLES].shapes)
    assert [*before.shapes, COARSE, *after.shapes] == list(shapes)
    assert {**before.shapes, COARSE: shapes[COARSE], **after.shapes} == shapes


def test_what_is_not_counted_has_no_part() -> None:
    assert list(parts_of(Layout(3, ("msp",), classwise=False), 1)) == [PIXELS, "ranks.msp", SAMPLES]


def test_arrays_are_views_one_after_the_other() -> None:
    part = Part({"a": (2, 3), "none": (0, 4), "b": (2,)})
    flat = part.zeros()
    assert (len(flat), part.cells.tolist()) == (8, [6, 0, 2])
    flat[:] = np.arange(8)
    arrays = part.arrays(flat)
    assert arrays["a"].tolist() == [[0, 1, 2], [3, 4, 5]]
    assert arrays["none"].shape == (0, 4)
    arrays["b"][1] = 9
    assert flat[7] == 9


def test_the_limbs_of_sums_lie_apart() -> None:
    part = Part({"flips": (2,), "losses": (3, 2, 2)})
    flat = part.zeros()
    assert part.cells.tolist() == [2, 6, 6]
    flat[:] = np.arange(14)
    arrays = part.arrays(flat)
    assert arrays["losses"].shape == (3, 2, 2)
    assert arrays["losses"][..., 0].tolist() == [[2, 3], [4, 5], [6, 7]]
    assert arrays["losses"][..., 1].tolist() == [[8, 9], [10, 11], [12, 13]]
    assert np.concatenate([array.ravel() for array in part.stored(arrays)]).tolist() == flat.tolist()


def test_all_sums_and_nothing_else_are_taken_apart() -> None:
    parts = parts_of(LAYOUT, 5)
    pixels, rows = PixelStatistics.zero(LAYOUT), SampleTable.empty(LAYOUT)
    sums = {f"{name}.{field}" for name, part in pixels.parts() for field in part.LIMBS} | LIMB_COLUMNS
    assert len(sums) > 10
    for part in parts.values():
        for name, shape in part.shapes.items():
            assert len(Part({name: shape}).cells) == (2 if name in sums else 1), name
    assert set(rows.arrays()) > LIMB_COLUMNS
