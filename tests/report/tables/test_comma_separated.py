"""CSV that a spreadsheet reads as it is meant."""

import csv
import io

from helpers.result_rows import result_row, with_interval

from reliseg.report.joined import JoinedRuns
from reliseg.report.tables import Wanted, Writing
from reliseg.report.tables.comma_separated import csv_text
from reliseg.report.tables.table import table_of


def test_rows_of_metrics_have_a_heading_bounds_have_columns_and_formulas_are_none():
    row = with_interval(result_row(1 / 3, metric="miou", model="=1+1"), 0.25, 0.5)
    wanted = Wanted(rows=["metric"], columns=["model"])
    table = table_of(JoinedRuns((row,)), wanted, Writing(percent=False, titles=False))
    (line,) = csv.DictReader(io.StringIO(csv_text(table, intervals=True)))
    heads = ["metric", "'=1+1", "'=1+1: low", "'=1+1: high"]
    assert line == dict(zip(heads, ["miou", str(1 / 3), "0.25", "0.5"], strict=True))
