"""The confusion matrix."""

from helpers.chart_checks import check_chart
from helpers.chart_data import chart_state

from reliseg.report.charts.confusion import confusion
from reliseg.report.charts.records import confusion_records


def test_the_chart_shows_its_records_in_every_size_and_theme():
    records = confusion_records([chart_state()])
    check_chart(lambda look: confusion(records, look), records)
