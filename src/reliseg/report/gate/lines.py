"""What a gate says on a terminal."""

from collections.abc import Iterator, Sequence

from reliseg.report.gate.gate import Verdict
from reliseg.report.gate.judgement import worst
from reliseg.report.gate.wording import count_answers, explain, name_rows

_SHOWN = 20


def gate_lines(verdicts: Sequence[Verdict]) -> Iterator[str]:
    """Yield a line for each condition and its first rows, failures first, and one for all together."""
    for verdict in verdicts:
        yield f"{verdict.answer:<10}{verdict.condition.text}  ({count_answers(verdict)})"
        for one, name in list(zip(verdict.judged, name_rows(verdict), strict=True))[:_SHOWN]:
            yield f"  {one.answer:<10}{name}: {explain(one, verdict)}"
        if len(verdict.judged) > _SHOWN:
            yield f"  and {len(verdict.judged) - _SHOWN} more, which --markdown and --junit list"
    yield f"gate: {worst(verdict.answer for verdict in verdicts)}"
