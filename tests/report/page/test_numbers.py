import json
import shutil
import subprocess
from importlib.resources import files
from math import inf, nan

import pytest

from reliseg.report.page.numbers import packed, rounded_count, scaled, scaled_finely, steps, whole


def test_values_keep_four_digits_of_the_largest_and_undefined_ones_are_none():
    unit, values = scaled([0.123456, -0.00004, nan, inf])
    assert [None if v is None else round(v * unit, 6) for v in values] == [0.1235, -0.0, None, None]


def test_a_few_values_keep_more_than_is_shown_so_that_they_are_rounded_once():
    unit, (value, small) = scaled_finely([0.71646, 0.00004])
    assert f"{value * unit:.3f}" == "0.716"  # by way of 0.7165 it would be 0.717
    assert small * unit == pytest.approx(0.00004, rel=1e-6)
    many = [0.71646, *[0.0] * 2000]
    assert scaled_finely(many) == scaled(many)
    assert scaled([0.0, nan]) == (1.0, [0, None])
    assert whole([0.5, nan], 0.1) == [5, None]


def test_counts_keep_four_digits_and_steps_add_up_again():
    assert rounded_count(123456) == 123500
    assert steps([3, 5, 4]) == [3, 2, -1]


NUMBERS = [0, 1, 61, 62, 63, 2293, 2294, 2295, 54187, 54188, 54189, 10**9]
READ = """
const text = require('fs').readFileSync(0, 'utf8');
const program = require('fs').readFileSync(process.argv[1], 'utf8').replace(/async function open[^]*/, '');
const found = JSON.parse(text);
console.log(JSON.stringify(new Function(program + 'return withLists')()(found.data, found.lists)));
"""


@pytest.mark.parametrize("sign", [1, -1])
def test_lists_of_whole_numbers_are_read_again_by_the_page(sign):
    if (node := shutil.which("node")) is None:
        pytest.skip("node is not installed")
    signed = [sign * n for n in NUMBERS]
    data = {"a": [signed, [None, *signed]], "b": {"0": {"a": signed}, "~ b": [1.5, *signed]}, "few": [1, 2], "<": '"'}
    program = files("reliseg.report.page").joinpath("web", "data.js")
    ended = subprocess.run(
        [node, "-e", READ, str(program)], input=json.dumps(packed(data)), capture_output=True, text=True
    )
    assert (json.loads(ended.stdout), ended.stderr) == (data, "")


def test_lists_of_one_kind_stand_together():
    found = packed({"x": {"0": {"a": [1] * 8, "b": [2] * 8}, "1": {"a": [3] * 8, "b": [4] * 8}}})
    assert [found["data"]["x"][i][name]["~"] for i in "01" for name in "ab"] == [0, 2, 1, 3]
