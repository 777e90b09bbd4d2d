"""Tables as CSV: every text stands as it is, and none as a formula."""

import csv
import io
import math

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from reliseg.results import csv_line, csv_numbers

TEXTS = st.text(st.characters(exclude_categories=("Cs",)), max_size=20)
BARE = st.sampled_from(["", "=", "+", "-", "@", "\t", "\r", "\n", "'", "''", "=1+1", "-2", "+a", "@b", "'c", '"', ","])


@given(st.lists(st.builds(str.__add__, BARE, TEXTS), min_size=1, max_size=4))
def test_no_text_stands_in_csv_as_a_formula_and_no_text_ends_its_line(texts):
    lines = list(csv.reader(io.StringIO(csv_line([*texts, "end"]), newline="")))
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


@given(st.lists(st.floats(), min_size=1))
def test_many_numbers_are_those_of_a_line(values):
    assert csv_numbers(values) + "\n" == csv_line(values)
