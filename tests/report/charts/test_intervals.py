"""Ranked intervals."""

from helpers.chart_checks import check_chart
from helpers.chart_data import chart_results

from reliseg.report.charts.intervals import intervals
from reliseg.report.charts.records import interval_records


def test_the_chart_shows_its_records_in_every_size_and_theme():
    records = interval_records(chart_results(), "ece", score="msp")
    check_chart(lambda look: intervals(records, look, title="ECE", better="lower"), records)
