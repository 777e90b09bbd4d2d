"""The reliability diagram: points from the bins of a run's table."""

import json
import re
from pathlib import Path

import pytest

from reliseg.report.diagram import reliability_diagram

HEADER = "model,dataset,domain,calibration,bin,pixels,right,confidence\n"
ROWS = [
    ("net", "street", "day", "identity", 3, 1_000_000, 250_000, 300_000.0),
    ("net", "street", "day", "identity", 9, 50, 50, 40.0),  # too few to be shown
    ("net", "street", "day", "ts@street/cal", 3, 500_000, 250_000, 200_000.0),
    ("net", "street", "dusk", "identity", 4, 0, 0, 0.0),
    ("other", "street", "day", "identity", 5, 1_000_000, 0, 500_000.0),
]


@pytest.fixture
def charts(monkeypatch):
    """The charts that were saved, as Vega-Lite, in place of pictures."""
    import altair

    saved = []

    def save(chart, path, **options):
        saved.append(chart.to_dict())
        Path(path).touch()

    monkeypatch.setattr(altair.FacetChart, "save", save)
    return saved


def test_a_point_is_the_accuracy_of_a_bin_over_its_mean_confidence(tmp_path, charts):
    table = tmp_path / "reliability.csv"
    table.write_text(HEADER + "".join(",".join(map(str, row)) + "\n" for row in ROWS))
    files = reliability_diagram(table, tmp_path / "pictures" / "diagram.png", model="net", domains=["day", "dusk"])
    assert [path.name for path in files] == ["diagram.svg", "diagram.png"]
    assert all(path.exists() for path in files)
    data = [p for values in charts[0]["datasets"].values() for p in values] if "datasets" in charts[0] else []
    data = data or charts[0]["data"]["values"]
    points = [p for p in data if "pixels" in p]
    assert points == [
        {"domain": "day", "calibration": "identity", "pixels": 1_000_000, "confidence": 0.3, "accuracy": 0.25},
        {"domain": "day", "calibration": "ts@street/cal", "pixels": 500_000, "confidence": 0.4, "accuracy": 0.5},
    ]
    text = json.dumps(charts[0])
    assert re.search(r'"sort": \["day", "dusk"\]', text)  # the panels


def test_pictures_are_drawn(tmp_path):
    table = tmp_path / "reliability.csv"
    table.write_text(HEADER + "".join(",".join(map(str, row)) + "\n" for row in ROWS))
    svg, png = reliability_diagram(table, tmp_path / "diagram", model="net", domains=["day"])
    assert "<svg" in svg.read_text()
    assert png.read_bytes().startswith(b"\x89PNG")
