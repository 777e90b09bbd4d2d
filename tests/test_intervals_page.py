"""The page on intervals shows what was measured."""

import json
import runpy
from pathlib import Path

DOCS = Path(__file__).parents[1] / "docs"


def test_the_tables_of_the_page_are_those_of_the_results():
    script = runpy.run_path(str(DOCS / "coverage_table.py"))
    expected = script["tables"](json.loads(script["RESULTS"].read_text())["measures"])
    assert dict(script["marked"]((DOCS / "intervals.md").read_text())) == expected
