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
    line_height,
    names_in,
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
    step = max(look.step, 0.5 * look.step * len(series) + 0.3 * look.step)
    base = alt.Chart().encode(
        y=alt.Y("class:N", sort=ranked, title=None, axis=alt.Axis(labelLimit=look.names, grid=False)),
        color=colour(look, records, by),
    )
    if len(series) > 1:
        base = base.encode(yOffset=alt.YOffset(by, type="nominal", sort=series))
    panels = Panels.of(look, records, "domain", least=letters(title), side=side_width(look, classes))
    ticks = alt.Axis(tickCount=panels.ticks, labelFlush=True)
    about = tooltip(
        look,
        model="model",
        domain="domain",
        calibration="calibration",
        **{"class": "class"},
        value=(title, ".4f"),
        low=("95 % interval from", ".4f"),
        high=("to", ".4f"),
    )
    bar = base.mark_bar(opacity=0.85).encode(x=alt.X("value:Q", title=title, axis=ticks), tooltip=about)
    interval = base.transform_filter("isValid(datum.low)").mark_rule(style="plain")
    interval = interval.encode(x=alt.X("low:Q", title=title, axis=ticks), x2="high:Q", color=alt.value(None))
    layers = toggled(look, [bar, interval], by) if len(series) > 1 else [bar, interval]
    return panels.show(over(records, layers), line_height(step))
