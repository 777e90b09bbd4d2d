"""A metric for each class."""

from helpers.chart_checks import check_chart
from helpers.chart_data import chart_results

from reliseg.report.charts.per_class import per_class
from reliseg.report.charts.records import class_records


def test_the_chart_shows_its_records_in_every_size_and_theme():
    records = class_records(chart_results(), "iou")
    check_chart(lambda look: per_class(records, look, title="IoU"), records)
