"""Before and after calibration."""

from helpers.chart_checks import check_chart
from helpers.chart_data import chart_results

from reliseg.report.charts.before_after import before_after
from reliseg.report.charts.records import change_records


def test_the_chart_shows_its_records_in_every_size_and_theme():
    records = change_records(chart_results(), "ece", score="msp")
    check_chart(lambda look: before_after(records, look, title="ECE"), records)
