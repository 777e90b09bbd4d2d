"""Markdown whose names are text."""

import pytest
from helpers.result_rows import HOSTILE, result_row

from reliseg.report.joined import JoinedRuns
from reliseg.report.tables import Wanted, Writing
from reliseg.report.tables.markdown import markdown_text
from reliseg.report.tables.table import table_of


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_name_stays_in_its_cell(name):
    rows = (
        result_row(0.5, metric="miou", model=name, domain=name or "day"),
        result_row(0.6, metric="miou", domain=name or "day"),
    )
    lines = markdown_text(table_of(JoinedRuns(rows), Wanted(), Writing())).splitlines()
    assert all(line.replace("\\|", "").count("|") == 3 for line in lines[:4])
    assert lines[2].endswith("| 50.0 |")
    assert "<script>" not in "".join(lines).replace("`<script>alert(1)</script>`", "")
