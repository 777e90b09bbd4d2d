"""A metric for each class."""

import re

from helpers.chart_checks import check_chart
from helpers.chart_data import chart_results

from reliseg.report.charts.per_class import per_class
from reliseg.report.charts.records import class_records
from reliseg.report.charts.style import Look, svg_of, theme, themed


def test_the_chart_shows_its_records_in_every_size_and_theme():
    records = class_records(chart_results(), "iou")
    check_chart(lambda look: per_class(records, look, title="IoU"), records)


def test_every_interval_is_drawn_over_its_bar():
    records = class_records(chart_results(), "iou")
    svg = svg_of(themed(per_class(records, Look(), title="IoU"), "paper"))
    ink = theme("paper")["style"]["plain"]["stroke"]
    assert len(re.findall(rf'<line[^>]*stroke="{ink}"', svg)) == sum(r["low"] is not None for r in records) > 0
