"""Which arrays lie in which member, and where."""

import numpy as np

from reliseg.run.store.parts import PIXELS, SAMPLES, Part, parts_of, ranks_of
from reliseg.stats import Layout, PixelStatistics, SampleTable

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
