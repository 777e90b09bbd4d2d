"""The charts of the page: Vega-Lite specifications without data, which the page puts in. `$w` is the width there."""

from typing import Any

SCHEMA = "https://vega.github.io/schema/vega-lite/v6.json"
_TOGGLE = [{"name": "shown", "select": {"type": "point", "fields": ["name"], "toggle": "true"}, "bind": "legend"}]
_FADED = {"condition": {"param": "shown", "value": 1}, "value": 0.12}
_NAME: dict[str, Any] = {
    "field": "name",
    "type": "nominal",
    "title": None,
    "sort": None,
    "legend": {"orient": "top", "symbolType": "stroke"},
}


def _q(field: str, title: str, **more: Any) -> dict[str, Any]:
    return {"field": field, "type": "quantitative", "title": title, **more}


def _tips(*fields: tuple[str, str, str]) -> list[dict[str, str]]:
    return [
        {"field": f, "title": t, "type": "quantitative", "format": form} if form else {"field": f, "title": t}
        for f, t, form in fields
    ]


_UNIT = {"domain": [0, 1]}
_RANKED = {
    "width": "$w",
    "height": "$h",
    "data": {"name": "points"},
    "encoding": {"y": {"field": "name", "type": "nominal", "sort": None, "title": None, "axis": {"labelLimit": 180}}},
    "layer": [
        {
            "mark": {"type": "rule", "strokeWidth": 2},
            "encoding": {
                "x": _q("low", "$title", scale={"zero": False}),
                "x2": {"field": "high"},
                "color": {"condition": {"test": "datum.chosen", "value": "#d55e00"}, "value": "#0072b2"},
            },
        },
        {
            "mark": {"type": "point", "filled": True, "size": 70, "opacity": 1},
            "encoding": {
                "x": _q("value", "$title", scale={"zero": False}),
                "color": {"condition": {"test": "datum.chosen", "value": "#d55e00"}, "value": "#0072b2"},
                "tooltip": _tips(("name", "model", ""), ("text", "value", "")),
            },
        },
    ],
}
_RELIABILITY = {
    "vconcat": [
        {
            "width": "$w",
            "height": 260,
            "layer": [
                {
                    "data": {"values": [{"x": 0, "y": 0}, {"x": 1, "y": 1}]},
                    "mark": {"type": "line", "strokeDash": [5, 4], "color": "#888", "strokeWidth": 1.2},
                    "encoding": {"x": _q("x", "", scale=_UNIT), "y": _q("y", "", scale=_UNIT)},
                },
                {
                    "data": {"name": "bins"},
                    "params": _TOGGLE,
                    "mark": {"type": "line", "point": {"size": 36, "filled": True}, "strokeWidth": 2},
                    "encoding": {
                        "x": _q("confidence", "confidence", scale=_UNIT),
                        "y": _q("accuracy", "accuracy", scale=_UNIT),
                        "color": _NAME,
                        "opacity": _FADED,
                        "tooltip": _tips(
                            ("name", "calibration", ""),
                            ("confidence", "mean confidence", ".4f"),
                            ("accuracy", "accuracy", ".4f"),
                            ("pixels", "pixels", ",d"),
                        ),
                    },
                },
            ],
        },
        {
            "width": "$w",
            "height": 70,
            "data": {"name": "bins"},
            "transform": [{"filter": "datum.chosen && datum.pixels > 0"}],
            "mark": {"type": "bar", "color": "#0072b2"},
            "encoding": {
                "x": _q("low", "confidence (bins)", scale=_UNIT),
                "x2": {"field": "high"},
                "y": _q("share", "share of pixels", axis={"format": ".0%", "tickCount": 3}),
                "y2": {"datum": 0},
                "tooltip": _tips(
                    ("low", "from", ".3f"), ("high", "to", ".3f"), ("pixels", "pixels", ",d"), ("share", "share", ".2%")
                ),
            },
        },
    ]
}
_RISK = {
    "width": "$w",
    "height": 280,
    "data": {"name": "points"},
    "params": _TOGGLE,
    "mark": {"type": "line", "strokeWidth": 2},
    "encoding": {
        "x": _q("coverage", "coverage: share of pixels kept", scale=_UNIT, axis={"format": ".0%"}),
        "y": _q("risk", "risk: error rate among them", axis={"format": "%"}),
        "color": _NAME,
        "strokeDash": {"condition": {"test": "datum.bound", "value": [5, 4]}, "value": [1, 0]},
        "opacity": _FADED,
        "tooltip": _tips(
            ("name", "curve", ""),
            ("coverage", "coverage", ".1%"),
            ("risk", "risk", ".2%"),
        ),
    },
}
_HISTOGRAM = {
    "width": "$w",
    "height": 220,
    "data": {"name": "bins"},
    "params": _TOGGLE,
    "mark": {"type": "bar", "opacity": 0.6, "binSpacing": 0},
    "encoding": {
        "x": _q("low", "$title", scale={"zero": False, "nice": False}),
        "x2": {"field": "high"},
        "y": _q("share", "share of its pixels", stack=None, axis={"format": ".0%"}),
        "y2": {"datum": 0},
        "color": _NAME | {"legend": {"orient": "top", "symbolType": "square"}},
        "opacity": {"condition": {"param": "shown", "value": 0.55}, "value": 0.05},
        "tooltip": _tips(
            ("name", "pixels", ""), ("low", "from", ".4g"), ("high", "to", ".4g"), ("share", "share", ".2%")
        ),
    },
}
_BEFORE_AFTER = {
    "width": "$w",
    "height": "$h",
    "data": {"name": "points"},
    "encoding": {
        "y": {"field": "domain", "type": "nominal", "sort": None, "title": None, "axis": {"labelLimit": 160}},
        "yOffset": {"field": "name", "type": "nominal", "sort": None},
        "color": _NAME | {"legend": {"orient": "top", "symbolType": "circle"}},
        "opacity": _FADED,
    },
    "layer": [
        {"mark": {"type": "rule", "strokeWidth": 2}, "encoding": {"x": _q("low", "$title"), "x2": {"field": "high"}}},
        {
            "params": _TOGGLE,
            "mark": {"type": "point", "filled": True, "size": 60},
            "encoding": {
                "x": _q("value", "$title"),
                "tooltip": _tips(
                    ("domain", "domain", ""),
                    ("name", "calibration", ""),
                    ("text", "value", ""),
                ),
            },
        },
    ],
}
_SCATTER = {
    "width": "$w",
    "height": 320,
    "data": {"name": "points"},
    "params": _TOGGLE,
    "mark": {"type": "point", "filled": True, "size": 70},
    "encoding": {
        "x": _q("x", "$xtitle", scale={"zero": False}),
        "y": _q("y", "$ytitle", scale={"zero": False}),
        "color": _NAME | {"legend": {"orient": "top", "symbolType": "circle"}},
        "shape": {"field": "kind", "type": "nominal", "title": None, "sort": None, "legend": {"orient": "top"}},
        "opacity": {"condition": {"param": "shown", "value": 0.85}, "value": 0.08},
        "tooltip": _tips(
            ("name", "model", ""), ("domain", "domain", ""), ("xtext", "$xtitle", ""), ("ytext", "$ytitle", "")
        ),
    },
}
_CONFUSION = {
    "width": "$w",
    "height": "$h",
    "data": {"name": "cells"},
    "encoding": {
        "x": {
            "field": "predicted",
            "type": "nominal",
            "sort": None,
            "title": "predicted",
            "axis": {"labelAngle": -45, "orient": "top"},
        },
        "y": {"field": "truth", "type": "nominal", "sort": None, "title": "truth"},
    },
    "layer": [
        {
            "mark": {"type": "rect"},
            "encoding": {
                "color": _q(
                    "share",
                    "share of the true class",
                    scale={"domain": [0, 1], "scheme": "blues"},
                    legend={"format": ".0%"},
                ),
                "tooltip": _tips(
                    ("truth", "truth", ""), ("predicted", "predicted", ""), ("share", "share of the true class", ".2%")
                ),
            },
        },
        {
            "transform": [{"filter": "datum.share >= 0.005"}],
            "mark": {"type": "text", "fontSize": 10},
            "encoding": {
                "text": _q("share", "", format=".0%"),
                "color": {"condition": {"test": "datum.share > 0.55", "value": "#fff"}, "value": "#111"},
            },
        },
    ],
}

_CHARTS: dict[str, dict[str, Any]] = {
    "ranked": _RANKED,
    "reliability": _RELIABILITY,
    "risk": _RISK,
    "histogram": _HISTOGRAM,
    "change": _BEFORE_AFTER,
    "scatter": _SCATTER,
    "confusion": _CONFUSION,
}
SPECS: dict[str, dict[str, Any]] = {
    name: {"$schema": SCHEMA, "background": "transparent", "autosize": {"type": "fit-x", "contains": "padding"}, **spec}
    for name, spec in _CHARTS.items()
}
"""The specifications, by the name that the page's program uses."""
