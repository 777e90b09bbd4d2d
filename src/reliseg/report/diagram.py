"""The reliability diagram: accuracy against confidence, per domain, before and after calibration."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from reliseg.errors import MissingExtraError
from reliseg.results import read_csv

_SHOWN = 1e-4
"""Bins with less than this share of the fullest one's pixels are noise."""


def reliability_diagram(table: Path, out: Path, *, model: str, domains: Sequence[str]) -> list[Path]:
    """Draw a run's `reliability.csv` for one model as PNG and SVG; return the files.

    One panel per domain, a line per calibration: mean confidence of each bin against its accuracy, points as large
    as the bin is full; bins of a handful of pixels are left out. On the diagonal, confidence is accuracy; below it,
    the network is overconfident.
    """
    try:
        import altair
    except ImportError as error:
        raise MissingExtraError("altair", "report", "the reliability diagram") from error

    points = [_point(row) for row in read_csv(table) if row["model"] == model and row["domain"] in domains]
    full = max((p["pixels"] for p in points), default=0) * _SHOWN
    chart = _chart(altair, [p for p in points if p["pixels"] > full], list(domains))
    out.parent.mkdir(parents=True, exist_ok=True)
    files = [out.with_suffix(".svg"), out.with_suffix(".png")]
    chart.save(str(files[0]))
    chart.save(str(files[1]), scale_factor=2)
    return files


def _point(row: dict[str, str]) -> dict[str, Any]:
    pixels = int(row["pixels"])
    return {
        "domain": row["domain"],
        "calibration": row["calibration"],
        "pixels": pixels,
        "confidence": float(row["confidence"]) / pixels if pixels else None,
        "accuracy": int(row["right"]) / pixels if pixels else None,
    }


def _chart(altair: Any, points: list[dict[str, Any]], domains: list[str]) -> Any:
    axis = altair.Scale(domain=[0, 1])
    calibrations = list(dict.fromkeys(p["calibration"] for p in points))
    color = altair.Color(
        "calibration:N",
        title=None,
        sort=calibrations,
        scale=altair.Scale(
            domain=calibrations, range=["#c8452f", "#1f6fb2", "#2a9d6f", "#8a5ab8"][: len(calibrations)]
        ),
        legend=altair.Legend(orient="top"),
    )
    x = altair.X("confidence:Q", scale=axis, title="confidence", axis=altair.Axis(values=[0, 0.5, 1]))
    y = altair.Y("accuracy:Q", scale=axis, title="accuracy", axis=altair.Axis(values=[0, 0.5, 1]))
    base = altair.Chart()
    line = base.mark_line(strokeWidth=1.5).encode(x=x, y=y, color=color, order="confidence:Q")
    dots = base.mark_circle(opacity=0.85).encode(
        x=x, y=y, color=color, size=altair.Size("pixels:Q", legend=None, scale=altair.Scale(range=[8, 220]))
    )
    ends = [{"confidence": 0, "accuracy": 0}, {"confidence": 1, "accuracy": 1}]
    diagonal = altair.Chart(altair.Data(values=[e | {"domain": d} for d in domains for e in ends]))
    diagonal = diagonal.mark_line(strokeDash=[4, 4], color="#999").encode(x="confidence:Q", y="accuracy:Q")
    layers = altair.layer(diagonal, line, dots, data=altair.Data(values=points)).properties(width=170, height=170)
    facet = altair.Facet("domain:N", sort=domains, title=None, header=altair.Header(labelFontSize=13))
    return (
        layers.facet(facet=facet, columns=min(len(domains), 5))
        .configure_view(stroke="#ccc")
        .configure_axis(grid=True, gridOpacity=0.4)
    )
