"""Accuracy against reliability, over models and domains: does better accuracy bring better reliability?"""

from collections.abc import Sequence
from typing import Any

import altair as alt

from reliseg.report.charts.style import (
    MOST_COLOURS,
    Look,
    Panels,
    colour,
    legend,
    names_in,
    over,
    shape,
    toggled,
    tooltip,
)

_MANY = 40
"""More points than these have fainter intervals."""


def accuracy_against(
    records: Sequence[dict[str, Any]],
    look: Look,
    *,
    title: str,
    accuracy: str = "mIoU, higher is better",
    shapes: str = "series",
) -> Any:
    """Return a point for each model on each domain, with the intervals of both numbers.

    Few domains are told apart by colour and shape, many get a panel each; calibrations get panels. A correlation in
    the name of a domain is Spearman's, over models. `shapes` is what shapes tell apart, where that is something else.
    """
    many = len(names_in(records, "series")) > MOST_COLOURS
    panel = "series" if many else "calibration"
    panels = Panels.of(look, records, panel, least=13)
    ticks = alt.Axis(tickCount=panels.ticks, labelFlush=True)
    x = {"title": accuracy, "scale": alt.Scale(zero=False), "axis": ticks}
    y = {"title": title, "scale": alt.Scale(zero=False), "axis": alt.Axis(tickCount=5)}
    shown = alt.Chart()
    if not many:
        shown = shown.encode(color=colour(look, records, "series"))
    valid = "isValid(datum.accuracy_low)"
    faint = 0.5 if len(records) <= _MANY else 0.25
    across = (
        shown.transform_filter(valid)
        .mark_rule(opacity=faint)
        .encode(x=alt.X("accuracy_low:Q", **x), x2="accuracy_high:Q", y=alt.Y("value:Q", **y))
    )
    up = (
        shown.transform_filter("isValid(datum.value_low)")
        .mark_rule(opacity=faint)
        .encode(x=alt.X("accuracy:Q", **x), y=alt.Y("value_low:Q", **y), y2="value_high:Q")
    )
    about = tooltip(
        look,
        model="model",
        domain="domain",
        calibration="calibration",
        accuracy=(accuracy, ".4f"),
        accuracy_interval="95 % interval",
        value=(title, ".4f"),
        value_interval="95 % interval of this",
    )
    dots = shown.mark_point(filled=True, opacity=0.9, size=look.dot).encode(
        x=alt.X("accuracy:Q", **x), y=alt.Y("value:Q", **y), tooltip=about
    )
    layers = [across, up, dots]
    if not many:
        key = None if shapes == "series" else legend(look, names_in(records, shapes), orient="bottom")
        layers = toggled(look, [across, up, dots.encode(shape=shape(shapes, key))], "series")
    return panels.show(over(records, layers), look.height(panels.width, 0.75))
