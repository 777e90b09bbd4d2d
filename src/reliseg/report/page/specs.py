"""The charts of the page: those of papers, without data and sizes, which the page puts in.

`$w` is the width there, `$inner` that without an axis, `$h` a height, `$title` that of an axis, `$c0` a colour.
"""

from collections.abc import Mapping
from functools import cache
from typing import Any

from reliseg.report.charts.accuracy_against import accuracy_against
from reliseg.report.charts.confusion import confusion
from reliseg.report.charts.histograms import histograms
from reliseg.report.charts.intervals import intervals
from reliseg.report.charts.over_severity import over_severity
from reliseg.report.charts.reliability import reliability
from reliseg.report.charts.risk_coverage import risk_coverage
from reliseg.report.charts.style import PALETTE, Look, theme

_NAMES = {"model": "", "domain": "", "calibration": ""}
_NUMBER = {"value": 0.0, "low": 0.0, "high": 0.0}
_SEVERAL = ("first", "second")
"""Names of what a legend tells apart: a chart of one alone would have no legend."""
_FIT = {"type": "fit-x", "contains": "padding"}


@cache
def chart_specs() -> Mapping[str, Mapping[str, Any]]:
    """Return the specifications, by the name that the page's program uses."""
    look = Look(700, interactive=True)
    ranked = [_NAMES | _NUMBER | {"model": name} for name in _SEVERAL]
    changes = [_NAMES | _NUMBER | {"calibration": c, "domain": d} for c in _SEVERAL for d in ("one", "two", "three")]
    points = [_NAMES | {"accuracy": 0.0, "value": 0.0, "series": name, "kind": name} for name in _SEVERAL]
    bins = {"low": 0.0, "high": 1.0, "confidence": 0.0, "accuracy": 0.0, "share": 1.0}
    severities = [_NAMES | _NUMBER | {"calibration": c, "kind": "fog", "severity": s} for c in _SEVERAL for s in (0, 1)]
    curve = {"kind": "this score", "coverage": 0.0, "risk": 0.0}
    return {
        "ranked": _template(intervals(ranked, look, title="$title"), height="$h"),
        "change": _template(intervals(changes, look, title="$title"), height="$h"),
        "scatter": _template(accuracy_against(points, look, title="$ytitle", accuracy="$xtitle", shapes="kind")),
        "reliability": _template(reliability([_NAMES | bins | {"calibration": c} for c in _SEVERAL], look)),
        "risk": _template(risk_coverage([_NAMES | curve | {"score": s} for s in _SEVERAL], look, by="score")),
        "histogram": _template(histograms(_groups("right and wrong"), look, title="$title")),
        "unknown": _template(histograms(_groups("known and unknown"), look, title="$title")),
        "severity": _template(over_severity(severities, look, title="$title"), height=200),
        "confusion": _template(confusion([_NAMES | {"truth": "a", "predicted": "a", "share": 1.0}], look), height="$h"),
    }


@cache
def chart_themes() -> Mapping[str, Mapping[str, Any]]:
    """Return how charts look on a light and on a dark page."""
    return {"light": theme("light"), "dark": theme("dark")}


def _groups(pair: str) -> list[dict[str, Any]]:
    """Return a bar of each of two groups of pixels."""
    bar = {"low": 0.0, "high": 1.0, "share": 1.0}
    return [_NAMES | bar | {"pair": pair, "group": group} for group in pair.split(" and ")]


def _template(chart: Any, *, height: str | int = "") -> dict[str, Any]:
    """Return the specification of a chart, with the data, sizes and legends left to the page."""
    spec: dict[str, Any] = chart.to_dict()
    spec["data"] = {"name": "records"}
    spec.pop("config", None)
    if "vconcat" in spec:
        for part in spec["vconcat"]:
            part["width"] = "$inner"
    else:
        spec |= {"width": "$w", "autosize": _FIT} | ({"height": height} if height else {})
    return dict(_free(spec))


def _free(node: Any) -> Any:
    """Return a specification whose colours are those of the page, and whose legends fit it."""
    if isinstance(node, dict):
        own = {key: _free(value) for key, value in node.items()}
        if isinstance(own.get("legend"), dict):
            own["legend"] = {key: v for key, v in own["legend"].items() if key not in ("columns", "labelLimit")}
        return own
    if isinstance(node, str) and node in PALETTE:
        return f"$c{PALETTE.index(node)}"
    return [_free(item) for item in node] if isinstance(node, list) else node
