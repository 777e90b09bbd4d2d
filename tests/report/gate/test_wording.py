"""What is said of a number is what it was judged by."""

import math

import pytest
from helpers.result_rows import result_row, with_interval

from reliseg.report.compare.difference import Difference
from reliseg.report.gate.expression import parse_condition
from reliseg.report.gate.gate import Baseline, gate
from reliseg.report.gate.wording import count_answers, explain, name_rows, number_text, range_text
from reliseg.results import Results


def verdict_of(*rows, condition="ece > 0.05", baseline=None):
    (verdict,) = gate(Results(rows), [parse_condition(condition)], baseline=baseline)
    return verdict


def said(row, condition="ece > 0.05", baseline=None):
    verdict = verdict_of(row, condition=condition, baseline=baseline)
    return explain(verdict.judged[0], verdict)


@pytest.mark.parametrize(
    ("row", "text"),
    [
        (with_interval(result_row(0.0612), 0.0481, 0.0763), "0.0612, 95 % interval 0.0481 to 0.0763 over 20 images"),
        (
            with_interval(result_row(0.0612), 0.0481, 0.0763, "2 % of the units decide this number"),
            "0.0612, 95 % interval 0.0481 to 0.0763 over 20 images; "
            "the interval is in doubt: 2 % of the units decide this number",
        ),
        (result_row(0.0612, ci_note="one image alone"), "0.0612; no interval: one image alone"),
        (
            result_row(0.0612, lo=0.06, hi=0.07),
            "0.0612, bracket 0.06 to 0.07; no interval: the run has no interval of it",
        ),
        (result_row(math.nan), "no value: no pixel"),
        (
            with_interval(result_row(0.5, skipped=3), 0.4, 0.6),
            "0.5, 95 % interval 0.4 to 0.6 over 20 images; 3 images of the domain could not be read",
        ),
    ],
)
def test_a_number_is_explained(row, text):
    assert said(row) == text


def test_a_difference_is_explained_with_both_numbers():
    def differ(row, minus):
        return Difference(-0.05, -0.05, -0.05, -0.08, -0.02, 0.01, True, "20 images")

    old = Baseline("old", Results((result_row(0.55, metric="miou"),)), differ)
    assert said(result_row(0.5, metric="miou"), "worse(miou) > 0.01", old) == (
        "worse by 0.05, 95 % interval 0.02 to 0.08 over 20 images; 0.5 after 0.55"
    )


def test_rows_are_named_by_what_tells_them_apart():
    rows = [result_row(score="msp"), result_row(score="margin", calibration="ts@street/cal")]
    assert name_rows(verdict_of(*rows)) == [
        "net street/dusk identity score=msp",
        "net street/dusk ts@street/cal score=margin",
    ]
    split = "street/cal"
    rows = [
        result_row(fitted_on=split, calibration=f"ts@{split}"),
        result_row(fitted_on=split),
        result_row(fitted_on="street/b"),
    ]
    assert name_rows(verdict_of(*rows)) == [
        "net street/dusk ts@street/cal",
        "net street/dusk identity fitted_on=street/cal",
        "net street/dusk identity fitted_on=street/b",
    ]


def test_answers_are_counted():
    rows = [with_interval(result_row(v, domain=str(v)), v - 0.01, v + 0.01) for v in (0.01, 0.045, 0.055, 0.5)]
    assert count_answers(verdict_of(*rows)) == "4 rows: 1 fail, 2 undecided, 1 pass"
    assert count_answers(verdict_of(rows[0])) == "1 row: 1 pass"


def test_numbers_have_five_digits():
    assert [number_text(v) for v in (0.123456789, 12.0, 1e-7, math.nan)] == ["0.12346", "12", "1e-07", "-"]


def test_a_range_of_an_exact_number_is_none():
    assert range_text(verdict_of(result_row(0.5)).judged[0].evidence) == "none"
    assert range_text(verdict_of(result_row(math.nan)).judged[0].evidence) == "-"
