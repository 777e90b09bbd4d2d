"""The charts of the page are those of papers, without what the page puts in."""

import json
import re

from reliseg.report.charts.style import THEMES
from reliseg.report.page.specs import chart_specs, chart_themes


def test_every_specification_takes_its_records_and_its_width_from_the_page():
    for name, spec in chart_specs().items():
        assert spec["data"] == {"name": "records"}, name
        assert ('"$w"' in json.dumps(spec)) != ('"$inner"' in json.dumps(spec)), name
        assert "datasets" not in spec
        assert "config" not in spec


def test_no_specification_holds_a_name_that_only_its_example_has():
    text = json.dumps(chart_specs())
    assert not [word for word in ('"first"', '"second"', '"one"', '"two"') if word in text]


def test_colours_are_those_of_the_theme():
    assert not re.search(r"#[0-9a-fA-F]{6}", json.dumps(chart_specs()))


def test_the_themes_of_a_page_are_those_of_charts():
    assert {*chart_themes(), "paper"} == set(THEMES)
