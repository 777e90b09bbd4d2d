"""Tables as LaTeX with booktabs: a snippet that compiles with any engine, whatever the names hold."""

import re
from collections.abc import Iterator, Sequence
from itertools import groupby

from reliseg.report.tables.table import Cell, Table
from reliseg.runtime.printable import printable

_DASH = "---"
_ESCAPES = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': r"\textquotedbl{}",
    "'": r"\textquotesingle{}",
    "`": r"\textasciigrave{}",
    "[": "{[}",
    "]": "{]}",
    "*": "{*}",
    "\0": "{}",
    **{character: f"\\{character}" for character in "&%$#_{}"},
    "\N{MINUS SIGN}": "$-$",
    "\N{EN DASH}": "--{}",
    "\N{UPWARDS ARROW}": r"$\uparrow$",
    "\N{DOWNWARDS ARROW}": r"$\downarrow$",
}
_NEEDS_T1 = r"\textquotedbl"
_LATIN = 0x17F
"""Up to here, every engine has the letters in its usual fonts."""


def latex_text(table: Table) -> str:
    """Return the table as LaTeX; comments say which packages it needs."""
    body = "\n".join(_lines(table))
    needs = [r"\usepackage{booktabs}", *([r"\usepackage[T1]{fontenc}"] if _NEEDS_T1 in body else [])]
    return "".join(f"% needs {package}\n" for package in needs) + body + "\n"


def escaped(text: str) -> str:
    """Return a name as LaTeX prints it: nothing in it is a command, a ligature or the argument of a line's end."""
    line = re.sub("([-,])(?=\\1)", "\\1\0", " ".join(printable(text).split()))
    return "".join(map(_escape, line))


def _escape(character: str) -> str:
    if character in _ESCAPES:
        return _ESCAPES[character]
    return character if ord(character) <= _LATIN else f"U+{ord(character):04X}"


def _lines(table: Table) -> Iterator[str]:
    sides, columns = len(table.corner), len(table.heads)
    yield rf"\begin{{tabular}}{{@{{}}{'l' * sides}{'r' * columns}@{{}}}}"
    yield r"\toprule"
    yield from _head(table)
    yield r"\midrule"
    before: Sequence[str] = ()
    for side, cells in zip(table.sides, table.lines, strict=True):
        if before and len(side) > 1 and side[0] != before[0]:
            yield r"\addlinespace"
        repeated = [i for i in range(len(side) - 1) if side[: i + 1] == tuple(before[: i + 1])]
        names = ["" if i in repeated else escaped(name) for i, name in enumerate(side)]
        yield _line([*names, *map(_cell, cells)])
        before = side
    yield r"\bottomrule"
    yield r"\end{tabular}"
    shared = "; ".join(f"{axis}: {escaped(value)}" for axis, value in table.shared)
    reasons = "; ".join(rf"\textsuperscript{{{mark}}}~{escaped(why)}" for mark, why in table.reasons)
    said = [*filter(None, (shared[:1].upper() + shared[1:], reasons)), *map(_note, table.notes)]
    if said:
        yield rf"\par\smallskip{{\footnotesize {' '.join(f'{text}.' for text in said)}\par}}"


def _head(table: Table) -> Iterator[str]:
    """Yield a line for each axis of columns; equal names of all but the last one stand over their columns together."""
    sides = len(table.corner)
    depth = len(table.heads[0])
    for level in range(depth):
        is_last = level == depth - 1
        cells = [escaped(name) for name in table.corner] if is_last else [""] * sides
        if is_last:
            yield _line([*cells, *(escaped(head[level]) for head in table.heads)])
            continue
        rules, at = [], sides + 1
        for prefix, group in groupby(table.heads, key=lambda head, n=level + 1: head[:n]):  # type: ignore[misc]
            width = len(list(group))
            cells.append(rf"\multicolumn{{{width}}}{{c}}{{{escaped(prefix[-1])}}}")
            rules.append(rf"\cmidrule(lr){{{at}-{at + width - 1}}}")
            at += width
        yield _line(cells)
        yield "".join(rules)


def _line(cells: Sequence[str]) -> str:
    return " & ".join(cells) + r" \\"


def _cell(cell: Cell) -> str:
    if not cell.number:
        return rf"{_DASH}\textsuperscript{{{cell.mark}}}"
    number = _plain(cell.number)
    text = rf"\textbf{{{number}}}" if cell.is_best else number
    return rf"{text} {{\scriptsize {_plain(cell.interval)}}}" if cell.interval else text


def _plain(number: str) -> str:
    """Return a number, or two in brackets, with LaTeX's minus."""
    return number.replace("\N{MINUS SIGN}", "$-$")


def _note(text: str) -> str:
    return re.sub(r"(?<=\d) (?=\\%)", r"\\,", escaped(text))
