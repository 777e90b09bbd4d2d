"""The reliability diagram."""

from helpers.chart_checks import check_chart
from helpers.chart_data import chart_state

from reliseg.report.charts.records import reliability_records
from reliseg.report.charts.reliability import reliability


def test_the_chart_shows_its_records_in_every_size_and_theme():
    records = [r for d in ("day", "dusk") for r in reliability_records([chart_state(domain=d)])]
    check_chart(lambda look: reliability(records, look), records)
