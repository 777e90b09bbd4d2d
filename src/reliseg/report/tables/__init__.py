"""Tables for papers: numbers along the axes that a user names, as LaTeX, Markdown or CSV."""

from dataclasses import replace
from typing import Literal

from reliseg.report.joined import JoinedRuns
from reliseg.report.tables.comma_separated import csv_text
from reliseg.report.tables.grid import Wanted
from reliseg.report.tables.latex import latex_text
from reliseg.report.tables.markdown import markdown_text
from reliseg.report.tables.table import table_of
from reliseg.report.tables.wording import Writing

__all__ = ["Wanted", "Writing", "table_text"]


def table_text(
    runs: JoinedRuns, wanted: Wanted, writing: Writing, form: Literal["latex", "markdown", "csv"] = "latex"
) -> str:
    """Return the table that is wanted of these runs; a ConfigError says what they have not, or what is ambiguous."""
    if form == "csv":
        table = table_of(runs, wanted, replace(writing, percent=False, titles=False))
        return csv_text(table, intervals=writing.intervals)
    table = table_of(runs, wanted, writing)
    return latex_text(table) if form == "latex" else markdown_text(table)
