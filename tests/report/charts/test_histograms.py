"""Histograms of confidence."""

from helpers.chart_checks import check_chart
from helpers.chart_data import chart_state

from reliseg.report.charts.histograms import histograms
from reliseg.report.charts.records import histogram_records


def test_the_chart_shows_its_records_in_every_size_and_theme():
    records = histogram_records([chart_state()], "msp")
    check_chart(lambda look: histograms(records, look, title="confidence"), records)
