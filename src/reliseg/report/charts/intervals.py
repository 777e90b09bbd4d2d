"""A metric over models, domains and calibrations: ranked, each number with its interval."""

from collections.abc import Sequence
from statistics import fmean
from typing import Any

import altair as alt

from reliseg.report.charts.style import (
    MOST_COLOURS,
    PALETTE,
    Look,
    Panels,
    colour,
    letters,
    names_in,
    ordered,
    over,
    shape,
    side_width,
    toggled,
    tooltip,
)

_FIELDS = ("model", "calibration", "domain")


def intervals(records: Sequence[dict[str, Any]], look: Look, *, title: str, better: str = "neither") -> Any:
    """Return a chart of `value` with `low` to `high`: a line for each name, the best on average first.

    What differs most often among model, domain and calibration goes down the side, the next into colours if they are
    few, the rest into panels. A number without interval is a point alone.
    """
    side, inner, outer = _roles(records)
    ranked = _ranked(records, side, better)
    records = ordered(records, side, ranked)
    y: dict[str, Any] = {
        "y": alt.Y(
            side,
            type="nominal",
            sort=None,
            title=None,
            axis=alt.Axis(labelLimit=look.names, grid=True, bandPosition=0.5, tickBand="extent"),
        )
    }
    if inner:
        y["yOffset"] = alt.YOffset(inner, type="nominal", sort=None, scale=alt.Scale(paddingOuter=0.5))
        y["color"] = colour(look, records, inner)
    scale = alt.Scale(zero=False, nice=True)
    panels = Panels.of(look, records, outer, least=letters(title), side=side_width(look, ranked))
    ticks = alt.Axis(tickCount=panels.ticks, labelFlush=True)
    base = alt.Chart().encode(**y)
    rule = base.mark_rule().encode(x=alt.X("low:Q", scale=scale, title=title, axis=ticks), x2="high:Q")
    rule = rule.transform_filter("isValid(datum.low)")
    point = base.mark_point(filled=True, opacity=1, size=look.dot).encode(
        x=alt.X("value:Q", scale=scale, title=title, axis=ticks),
        tooltip=tooltip(
            look,
            model="model",
            domain="domain",
            calibration="calibration",
            value=(title, ".4f"),
            interval="95 % interval",
            images=("images", "d"),
            note="note",
        ),
    )
    if inner:
        point = point.encode(shape=shape(inner))
    if not inner and look.interactive:  # a page says which one is looked at
        marked = alt.condition("datum.chosen", alt.value(PALETTE[1]), alt.value(PALETTE[0]))
        rule, point = rule.encode(color=marked), point.encode(color=marked)
    layers = toggled(look, [rule, point], inner) if inner else [rule, point]
    step = alt.Step(0.42 * look.step) if inner else alt.Step(look.step)
    return panels.show(over(records, layers), step)


def _roles(records: Sequence[dict[str, Any]]) -> tuple[str, str, str]:
    """Return the field down the side, that of colours (empty where there is none), and that of panels."""
    counts = {field: len(names_in(records, field)) for field in _FIELDS}
    side = max(_FIELDS, key=lambda f: (counts[f] if f != "calibration" else counts[f] - 0.5, f == "model"))
    rest = sorted((f for f in _FIELDS if f != side), key=lambda f: counts[f])
    first, second = rest
    if counts[second] <= MOST_COLOURS and counts[first] < 2:
        return side, second if counts[second] > 1 else "", first
    if counts[first] <= MOST_COLOURS:
        return side, first if counts[first] > 1 else "", second
    return side, "", second


def _ranked(records: Sequence[dict[str, Any]], side: str, better: str) -> list[Any]:
    """Return the names down the side, the best mean first; in their own order where neither way is better."""
    names = names_in(records, side)
    if better == "neither":
        return names
    means = {name: fmean(r["value"] for r in records if r[side] == name) for name in names}
    return sorted(names, key=lambda name: means[name], reverse=better == "higher")
