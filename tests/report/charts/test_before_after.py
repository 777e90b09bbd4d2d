"""Before and after calibration."""

import re

from helpers.chart_checks import check_chart
from helpers.chart_data import chart_results

from reliseg.report.charts.before_after import before_after
from reliseg.report.charts.records import change_records
from reliseg.report.charts.style import Look, svg_of, theme, themed


def test_the_chart_shows_its_records_in_every_size_and_theme():
    records = change_records(chart_results(), "ece", score="msp")
    check_chart(lambda look: before_after(records, look, title="ECE"), records)


def test_what_was_before_has_a_bar_that_is_seen():
    records = change_records(chart_results(), "ece", score="msp")
    svg = svg_of(themed(before_after(records, Look(), title="ECE"), "paper"))
    ink = theme("paper")["style"]["plain"]["fill"]
    assert len(re.findall(rf'aria-roledescription="tick"[^>]*fill="{ink}"', svg)) == len(records) > 0
