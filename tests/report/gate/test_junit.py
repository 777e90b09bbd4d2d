"""The JUnit XML of a gate: valid whatever the names are, with one test a row."""

from xml.etree import ElementTree

import pytest
from helpers.result_rows import HOSTILE, result_row, with_interval

from reliseg.report.gate.expression import parse_condition
from reliseg.report.gate.gate import gate
from reliseg.report.gate.junit import junit_xml
from reliseg.results import Results

ROWS = [
    with_interval(result_row(0.02), 0.01, 0.03),
    with_interval(result_row(0.05, domain="fog"), 0.04, 0.06),
    with_interval(result_row(0.09, domain="night"), 0.08, 0.1),
]


def suites_of(rows, *conditions, **options):
    verdicts = gate(Results(tuple(rows)), map(parse_condition, conditions))
    return ElementTree.fromstring(junit_xml(verdicts, **options))


def counts(element):
    return tuple(int(element.get(name)) for name in ("tests", "failures", "errors", "skipped"))


def test_there_is_a_suite_a_condition_and_a_test_a_row():
    root = suites_of(ROWS, "ece > 0.05", "ece > 0.5")
    assert (root.tag, counts(root)) == ("testsuites", (6, 1, 0, 1))
    assert [(suite.get("name"), counts(suite)) for suite in root] == [
        ("ece > 0.05", (3, 1, 0, 1)),
        ("ece > 0.5", (3, 0, 0, 0)),
    ]
    tests = [test.get("name") for test in root.iter("testcase")]
    assert len(set(tests)) == 6
    assert tests[0] == "ece > 0.05: net street/night identity"


def test_a_failure_says_the_value_the_interval_and_the_limit():
    (failure,) = suites_of(ROWS, "ece > 0.05").iter("failure")
    assert failure.get("message") == "fail: 0.09, 95 % interval 0.08 to 0.1 over 20 images; it fails if > 0.05"
    assert failure.get("type") == "fail"


def test_what_is_undecided_is_skipped_or_a_failure_as_it_is_asked():
    (skipped,) = suites_of(ROWS, "ece > 0.05").iter("skipped")
    assert skipped.get("message").startswith("undecided: 0.05, 95 % interval 0.04 to 0.06")
    root = suites_of(ROWS, "ece > 0.05", undecided="failure")
    assert counts(root) == (3, 2, 0, 0)
    assert [failure.get("type") for failure in root.iter("failure")] == ["fail", "undecided"]


def test_what_passes_says_its_number_too():
    (out,) = suites_of(ROWS[:1], "ece > 0.05").iter("system-out")
    assert out.text == "0.02, 95 % interval 0.01 to 0.03 over 20 images"


@pytest.mark.parametrize("name", HOSTILE)
def test_the_file_is_valid_whatever_the_names_are(name):
    rows = [result_row(0.1, model=name, ci_note=name), result_row(0.01, model=name, domain="b", ci_note=name)]
    (suite,) = suites_of(rows, "ece > 0.05")
    assert counts(suite) == (2, 1, 0, 0)
    assert all("\n" not in test.get("name") for test in suite)


def test_the_same_answers_give_the_same_bytes():
    verdicts = gate(Results(tuple(ROWS)), [parse_condition("ece > 0.05")])
    assert junit_xml(verdicts) == junit_xml(verdicts)
    assert junit_xml(verdicts).startswith(b"<?xml version='1.0' encoding='utf-8'?>\n<testsuites ")
