"""A gate's answers as Markdown, for the summary of a CI job or a comment."""

from collections.abc import Iterator, Sequence

from reliseg.errors import count_text
from reliseg.report.gate.gate import Verdict
from reliseg.report.gate.judgement import worst
from reliseg.report.gate.wording import count_answers, name_rows, number_text, range_text, reason_text
from reliseg.report.markdown_text import code_text, sentence_text

_SHOWN = 100
"""Rows of a condition: a job's summary holds a megabyte at most."""


def markdown_text(verdicts: Sequence[Verdict], run: str) -> str:
    """Return a heading with the answer of all conditions, and a table for each of them, failures first."""
    return "\n".join(_lines(verdicts, run)) + "\n"


def _lines(verdicts: Sequence[Verdict], run: str) -> Iterator[str]:
    answer = worst(verdict.answer for verdict in verdicts)
    yield f"## Gate: {answer}"
    yield ""
    yield f"{count_text(len(verdicts), 'condition')} on {code_text(run)}"
    for verdict in verdicts:
        yield ""
        yield f"### {verdict.answer}: {code_text(verdict.condition.text)}"
        yield ""
        yield f"{count_answers(verdict)}"
        yield ""
        yield f"| answer | row | {'worse by' if verdict.condition.worse else 'value'} | 95 % interval | note |"
        yield "| --- | --- | ---: | --- | --- |"
        for one, name in list(zip(verdict.judged, name_rows(verdict), strict=True))[:_SHOWN]:
            cells = (one.answer, code_text(name), number_text(one.evidence.value), range_text(one.evidence))
            yield f"| {' | '.join(cells)} | {sentence_text(reason_text(one))} |"
        if len(verdict.judged) > _SHOWN:
            yield ""
            yield f"and {len(verdict.judged) - _SHOWN} more"
