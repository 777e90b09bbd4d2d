"""A number against the severity of corruptions."""

import pytest
from helpers.chart_checks import check_chart

from reliseg.report.charts.over_severity import over_severity
from reliseg.report.charts.style import Look


def records(domains=("camvid/day",)):
    names = [(d, k, c) for d in domains for k in ("fog", "snow") for c in ("identity", "ts@camvid/cal")]
    return [
        {"model": "net", "domain": d, "calibration": c, "kind": k, "severity": s, "value": 0.1 * s, "interval": ""}
        | ({"low": 0.1 * s - 0.01, "high": 0.1 * s + 0.01} if s else {"low": None, "high": None})
        for d, k, c in names
        for s in (0, 1, 5)
    ]


@pytest.mark.parametrize("domains", [("camvid/day",), ("camvid/day", "camvid/dusk")])
def test_the_chart_shows_its_records_in_every_size_and_theme(domains):
    check_chart(lambda look: over_severity(records(domains), look, title="ECE"), records(domains))


def test_there_is_a_panel_for_each_kind_and_of_several_domains_for_each_with_each():
    one, two = (over_severity(records(d), Look(), title="ECE").to_dict() for d in (("day",), ("day", "dusk")))
    panels = [list(dict.fromkeys(r["panel"] for r in chart["data"]["values"])) for chart in (one, two)]
    assert panels == [["fog", "snow"], ["fog, day", "snow, day", "fog, dusk", "snow, dusk"]]
