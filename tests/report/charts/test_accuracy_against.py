"""Accuracy against reliability."""

from helpers.chart_checks import check_chart
from helpers.chart_data import chart_results

from reliseg.report.charts.accuracy_against import accuracy_against
from reliseg.report.charts.records import against_records


def test_the_chart_shows_its_records_in_every_size_and_theme():
    records = against_records(chart_results(), "ece", score="msp")
    check_chart(lambda look: accuracy_against(records, look, title="ECE"), records)
