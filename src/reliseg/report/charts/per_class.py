"""A metric for each class, as bars."""

from collections.abc import Sequence
from statistics import fmean
from typing import Any

import altair as alt

from reliseg.report.charts.style import (
    Look,
    Panels,
    colour,
    letters,
    names_in,
    ordered,
    over,
    side_width,
    toggled,
    tooltip,
)


def per_class(
    records: Sequence[dict[str, Any]], look: Look, *, title: str, better: str = "higher", by: str = "calibration"
) -> Any:
    """Return bars of `value` with `low` to `high`: the best class on top, a colour for each name of `by`.

    There is a panel for each domain.
    """
    series, classes = names_in(records, by), names_in(records, "class")
    means = {name: fmean(r["value"] for r in records if r["class"] == name) for name in classes}
    ranked = sorted(classes, key=lambda name: means[name], reverse=better == "higher")
    records = ordered(records, "class", ranked)
    base = alt.Chart().encode(
        y=alt.Y("class:N", sort=None, title=None, axis=alt.Axis(labelLimit=look.names, grid=False))
    )
    if len(series) > 1:
        base = base.encode(yOffset=alt.YOffset(by, type="nominal", sort=None))
    panels = Panels.of(look, records, "domain", least=letters(title), side=side_width(look, classes))
    ticks = alt.Axis(tickCount=panels.ticks, labelFlush=True)
    about = tooltip(
        look,
        model="model",
        domain="domain",
        calibration="calibration",
        **{"class": "class"},
        value=(title, ".4f"),
        interval="95 % interval",
    )
    bar = base.mark_bar(opacity=0.85).encode(
        x=alt.X("value:Q", title=title, axis=ticks), color=colour(look, records, by), tooltip=about
    )
    interval = base.transform_filter("isValid(datum.low)").mark_rule(style="plain")
    interval = interval.encode(x=alt.X("low:Q", title=title, axis=ticks), x2="high:Q")
    layers = toggled(look, [bar, interval], by) if len(series) > 1 else [bar, interval]
    step = alt.Step(0.5 * look.step) if len(series) > 1 else alt.Step(look.step)
    return panels.show(over(records, layers), step)
