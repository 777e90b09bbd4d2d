"""What a gate says on a terminal: the answer of all is the last line."""

from helpers.result_rows import result_row

from reliseg.report.gate.expression import parse_condition
from reliseg.report.gate.gate import gate
from reliseg.report.gate.lines import gate_lines
from reliseg.results import Results


def lines_of(rows, *conditions):
    return list(gate_lines(gate(Results(tuple(rows)), map(parse_condition, conditions))))


def test_conditions_and_their_rows_are_listed_and_the_last_line_is_the_answer():
    rows = [result_row(0.01), result_row(0.2, domain="fog")]
    assert lines_of(rows, "ece > 0.5", "ece > 0.1") == [
        "pass      ece > 0.5  (2 rows: 2 pass)",
        "  pass      net street/dusk identity: 0.01; no interval: the run has no interval of it",
        "  pass      net street/fog identity: 0.2; no interval: the run has no interval of it",
        "fail      ece > 0.1  (2 rows: 1 fail, 1 pass)",
        "  fail      net street/fog identity: 0.2; no interval: the run has no interval of it",
        "  pass      net street/dusk identity: 0.01; no interval: the run has no interval of it",
        "gate: fail",
    ]


def test_of_many_rows_the_first_are_listed_and_failures_are_among_them():
    rows = [result_row(0.9 if i == 99 else 0.1, domain=str(i)) for i in range(100)]
    lines = lines_of(rows, "ece > 0.5")
    assert len(lines) == 23
    assert lines[1].startswith("  fail      net street/99 identity")
    assert lines[-2] == "  and 80 more, which --markdown and --junit list"
