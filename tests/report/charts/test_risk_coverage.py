"""The risk-coverage curve."""

from helpers.chart_checks import check_chart
from helpers.chart_data import chart_state

from reliseg.report.charts.records import risk_records
from reliseg.report.charts.risk_coverage import risk_coverage


def test_the_chart_shows_its_records_in_every_size_and_theme():
    records = risk_records([chart_state(), chart_state(calibration="ts@street/cal")], "msp")
    check_chart(lambda look: risk_coverage(records, look), records)
