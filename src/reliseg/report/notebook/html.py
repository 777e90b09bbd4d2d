"""Tables as HTML for the output of a notebook: as wide as it is, without style sheets, which notebooks may remove."""

import math
from collections.abc import Iterable, Iterator, Sequence
from html import escape

from reliseg.errors import count_text
from reliseg.report.compare.lines import comparison_lines
from reliseg.report.compare.table import Comparisons
from reliseg.report.table import headline_columns, headline_numbers, headline_text
from reliseg.results import ImageTable, Results, Row
from reliseg.runtime.printable import printable

_LINES = 40
"""Lines of a table, at most."""
_BEGINNING, _END = 40, 16
"""Characters of a long name that are shown."""
_TITLE = 300
_BOX = "overflow-x:auto;max-width:100%"
_NAME = "text-align:left;vertical-align:top;white-space:nowrap"
_NUMBER = "text-align:right;vertical-align:top;white-space:nowrap"
_QUIET = "opacity:.65;font-size:smaller"
_IMAGE_NAMES = ("sample", "model", "domain", "calibration")
_IMAGE_NUMBERS = ("miou", "accuracy", "ece", "nll", "confident_error90", "rejected")


def results_html(results: Results) -> str:
    """Return the headline numbers of a run, with their 95 % intervals; what an undefined one lacks is its tooltip."""
    numbers = headline_numbers(results)
    columns = headline_columns(numbers)
    head = ["model", "domain", "calibration", *(title for title, _, _ in columns)]
    lines = [
        [
            *map(_name_cell, (line.model, f"{line.dataset}/{line.domain}", line.calibration)),
            *(_number_cell(of_line.get(metric)) for _, metric, _ in columns),
        ]
        for line, of_line in list(numbers.items())[:_LINES]
    ]
    return _table(head, lines, len(numbers), repr(results))


def images_html(table: ImageTable) -> str:
    """Return the first images of a table of them."""
    names = [table[name][:_LINES] for name in _IMAGE_NAMES]
    numbers = [table[name][:_LINES] for name in _IMAGE_NUMBERS]
    lines = [
        [
            *map(_name_cell, cells),
            *(_cell(_NUMBER, "-" if math.isnan(column[i]) else f"{column[i]:.4f}") for column in numbers),
        ]
        for i, cells in enumerate(zip(*names, strict=True))
    ]
    return _table([*_IMAGE_NAMES, *_IMAGE_NUMBERS], lines, len(table), repr(table))


def comparisons_html(found: Comparisons) -> str:
    """Return a comparison as it stands on a terminal."""
    return f'<div style="{_BOX}"><pre>{escape(chr(10).join(comparison_lines(found)))}</pre></div>'


def _table(head: Sequence[str], lines: Sequence[Iterable[str]], total: int, summary: str) -> str:
    """Return a table, and below it how many lines it has not, and a summary."""
    return "".join(_parts(head, lines, total, summary))


def _parts(head: Sequence[str], lines: Sequence[Iterable[str]], total: int, summary: str) -> Iterator[str]:
    yield f'<div style="{_BOX}"><table><thead><tr>'
    for title in head:
        yield f'<th scope="col">{escape(title)}</th>'
    yield "</tr></thead><tbody>"
    for line in lines:
        yield f"<tr>{''.join(line)}</tr>"
    yield "</tbody></table>"
    more = (
        f"{count_text(total - len(lines), 'more line')} in to_pandas() or to_polars(); " if total > len(lines) else ""
    )
    yield f'<div style="{_QUIET}">{escape(more + summary)}</div></div>'


def _name_cell(name: str) -> str:
    shown = printable(name)
    if len(shown) <= _BEGINNING + _END:
        return _cell(_NAME, escape(shown))
    return _cell(_NAME, escape(f"{shown[:_BEGINNING]}…{shown[-_END:]}"), shown[:_TITLE])


def _number_cell(row: Row | None) -> str:
    if row is None or row.why:
        return _cell(_NUMBER, "-", row.why if row else "not measured")
    if math.isnan(row.ci_low):
        return _cell(_NUMBER, headline_text(row), f"no interval: {row.ci_note}" if row.ci_note else "")
    ends = f"{_short(row.ci_low)} to {_short(row.ci_high)}"
    title = f"95 % interval over {count_text(row.n_units, row.ci_units.removesuffix('s'))}"
    return _cell(
        _NUMBER,
        f'{headline_text(row)}<br><span style="{_QUIET}">{ends}{" *" if row.ci_note else ""}</span>',
        f"{title}; {row.ci_note}" if row.ci_note else title,
    )


def _short(end: float) -> str:
    """Return an end of an interval with three digits: `0.041`, `56.9`."""
    return f"{end:.3f}" if abs(end) < 10 else f"{end:.1f}"


def _cell(style: str, content: str, title: str = "") -> str:
    """Return a cell with a content that is HTML already, and a tooltip that is not."""
    tooltip = f' title="{escape(printable(title))}"' if title else ""
    return f'<td style="{style}"{tooltip}>{content}</td>'
