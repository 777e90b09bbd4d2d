"""Tables as Markdown, as GitHub and others show it."""

from collections.abc import Iterator, Sequence

from reliseg.report.markdown_text import code_text, sentence_text
from reliseg.report.tables.table import Cell, Table

_DASH = "\N{EM DASH}"


def markdown_text(table: Table) -> str:
    """Return the table as Markdown, with its notes below."""
    return "\n".join(_lines(table)) + "\n"


def _lines(table: Table) -> Iterator[str]:
    yield _line([*table.corner, *(", ".join(map(sentence_text, head)) for head in table.heads)])
    yield _line([*(":---" for _ in table.corner), *("---:" for _ in table.heads)])
    for side, cells in zip(table.sides, table.lines, strict=True):
        yield _line([*map(_name, side), *map(_cell, cells)])
    shared = "; ".join(f"{axis}: {_name(value)}" for axis, value in table.shared)
    reasons = (f"<sup>{mark}</sup> {sentence_text(why)}." for mark, why in table.reasons)
    for note in filter(None, (shared, *reasons, *(f"{sentence_text(note)}." for note in table.notes))):
        yield ""
        yield note


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _name(text: str) -> str:
    return code_text(text) or _DASH


def _cell(cell: Cell) -> str:
    if not cell.number:
        return f"{_DASH} <sup>{cell.mark}</sup>"
    text = f"**{cell.number}**" if cell.is_best else cell.number
    return f"{text} {cell.interval}" if cell.interval else text
