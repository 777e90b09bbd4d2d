"""Comparisons as a table on a terminal."""

import math
from collections.abc import Iterator, Sequence

from rich.cells import cell_len

from reliseg.errors import count_text
from reliseg.report.compare.table import Compared, Comparisons
from reliseg.report.selection import unsaid_split
from reliseg.runtime.printable import printable

_NAMES = ("run", "model", "domain", "calibration", "fitted_on", "score", "class", "definition")
_NUMBERS = ("value", "baseline", "difference", "95 % interval", "p", "p (Holm)")


def comparison_lines(found: Comparisons) -> Iterator[str]:
    """Yield a title, and a line for each comparison; names that are the same in all lines stand in the title alone."""
    names = {name: [_name(line, name) for line in found] for name in _NAMES}
    shown = [name for name in _NAMES if name == found.by or len(set(names[name])) > 1]
    shared = [f"{name} {names[name][0]}" for name in _NAMES[1:] if name not in shown and names[name][0]]
    yield printable(f"{found.metric}: {found.by} against {found.baseline} ({', '.join(shared)})")
    notes = [line.difference.note for line in found]
    note_of_all = notes[0] if len(set(notes)) == 1 else ""
    table = [[*shown, *_NUMBERS, "verdict", "units", "note"]]
    for i, line in enumerate(found):
        note = "" if note_of_all else notes[i]
        table.append([*(printable(names[name][i]) for name in shown), *_cells(line), printable(note)])
    yield from _aligned(table, len(shown))
    if note_of_all:
        yield printable(f"of all: {note_of_all}")
    yield f"p (Holm) is adjusted for {count_text(len(found), 'comparison')}; verdicts are at 0.05"


def _name(line: Compared, name: str) -> str:
    row = line.row
    values = {"run": line.run, "domain": f"{row.dataset}/{row.domain}", "class": row.class_}
    values["fitted_on"] = unsaid_split(row)
    return values[name] if name in values else str(getattr(row, name))


def _cells(line: Compared) -> list[str]:
    found = line.difference
    ends = "-" if math.isnan(found.low) else f"{found.low:+.4g} to {found.high:+.4g}"
    units = found.units if found.paired or not found.units else f"{found.units}, not paired"
    numbers = [_number(line.row.value), _number(line.baseline.value), _number(found.value, "+.4g"), ends]
    return [*numbers, _number(found.p, ".2g"), _number(line.p_holm, ".2g"), line.verdict, units]


def _number(value: float, form: str = ".4g") -> str:
    return "-" if math.isnan(value) else format(value, form)


def _aligned(table: Sequence[Sequence[str]], texts: int) -> Iterator[str]:
    """Yield the lines of a table: names to the left, numbers to the right; columns without any text are left out."""
    kept = [c for c in range(len(table[0])) if any(row[c] for row in table[1:])]
    widths = {c: max(cell_len(row[c]) for row in table) for c in kept}
    numbers = range(texts, texts + len(_NUMBERS))
    for row in table:
        cells = [_padded(row[c], widths[c], right=c in numbers) for c in kept]
        yield "  ".join(cells).rstrip()


def _padded(text: str, width: int, *, right: bool) -> str:
    space = " " * (width - cell_len(text))
    return space + text if right else text + space
