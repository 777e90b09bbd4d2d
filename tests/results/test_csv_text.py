"""Tables as CSV: every text stands as it is, and none as a formula."""

import csv
import io
import math

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from reliseg.results import csv_line, csv_numbers, csv_texts

TEXTS = st.text(st.characters(exclude_categories=("Cs",)), max_size=20)
BARE = st.sampled_from(["", "=", "+", "-", "@", "\t", "\r", "\n", "'", "''", "=1+1", "-2", "+a", "@b", "'c", '"', ","])


@given(st.lists(st.builds(str.__add__, BARE, TEXTS), min_size=1, max_size=4))
def test_no_text_stands_in_csv_as_a_formula_and_no_text_ends_its_line(texts):
    lines = list(csv.reader(io.StringIO(csv_line([*texts, "end"]), newline="")))
    assert csv_line([*texts, "end"]) == f"{csv_texts(*texts)},end\n"
    (cells,) = lines
    assert cells[-1] == "end"
    for text, cell in zip(texts, cells, strict=False):
        assert not cell.startswith(("=", "+", "-", "@", "\t", "\r", "\n"))
        assert cell.removeprefix("'") == text or cell == text


def test_negative_numbers_stay_numbers_and_plain_texts_stay_as_they_are():
    assert csv_line([-1.5, -2, "-1.5", "a-b", 'say "a", b', math.nan, None, 1e-300, "it's"]) == (
        '-1.5,-2,\'-1.5,a-b,"say ""a"", b",,,1e-300,it\'s\n'
    )


def test_numbers_and_texts_of_numpy_are_cells_as_others():
    assert csv_line([np.float64(0.1), np.float64("nan"), np.int64(3), np.str_("=1"), True]) == "0.1,,3,'=1,True\n"


@given(arrays(np.float64, st.tuples(st.integers(0, 3), st.integers(0, 4))))
def test_many_numbers_are_those_of_a_line(values):
    assert [f"{cells}\n" for cells in csv_numbers(values)] == [csv_line(row) for row in values.tolist()]


def test_many_numbers_of_all_sizes_are_those_of_a_line():
    g = np.random.default_rng(0)
    values = g.choice([-1, 1], (4000, 5)) * g.random((4000, 5)) * 10.0 ** g.integers(-25, 25, (4000, 5))
    values[:, 0] = g.integers(0, 100, 4000) / g.integers(1, 100, 4000)  # shares
    values[:40, 1:] = np.nextafter(10.0 ** g.integers(-6, 18, (40, 4)), [0, 1, np.inf, 0])
    values[40:44] = [[0, -0.0, 1e-4, 1e16, np.nan], [np.inf, -np.inf, 1, 5e-324, 1e300], *values[:2]]
    assert [f"{cells}\n" for cells in csv_numbers(values)] == [csv_line(row) for row in values.tolist()]
