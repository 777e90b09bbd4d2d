"""What each calibration changes: a number without it, and the same number with it."""

from collections.abc import Sequence
from typing import Any

import altair as alt

from reliseg.report.charts.style import PALETTE, Look, Panels, legend, letters, names_in, over, side_width, tooltip

_CHANGES = {"better": PALETTE[0], "worse": PALETTE[1], "same": PALETTE[4]}


def before_after(records: Sequence[dict[str, Any]], look: Look, *, title: str) -> Any:
    """Return a line for each calibration, from the number before (a tick) to the one after (a point with interval).

    There is a panel for each domain; where there are several models, each line is a model with its calibration.
    """
    several = len(names_in(records, "model")) > 1
    lines = [r | {"line": f"{r['model']}, {r['calibration']}" if several else r["calibration"]} for r in records]
    names = names_in(lines, "line")
    colour = alt.Color(
        "change:N",
        scale=alt.Scale(domain=list(_CHANGES), range=list(_CHANGES.values())),
        legend=legend(look, list(_CHANGES), "bar: before; point: after calibration"),
    )
    axis = alt.Axis(labelLimit=look.names)
    plain = alt.Chart().encode(y=alt.Y("line:N", sort=None, title=None, axis=axis))
    base = plain.encode(color=colour)
    panels = Panels.of(look, lines, "domain", least=letters(title), side=side_width(look, names))
    scale, ticks = alt.Scale(zero=False), alt.Axis(tickCount=panels.ticks, labelFlush=True)
    x = {"scale": scale, "title": title, "axis": ticks}
    thick = 2.5 if look.interactive else 1.5
    way = base.mark_rule(strokeWidth=thick).encode(x=alt.X("before:Q", **x), x2="value:Q")
    start = plain.mark_tick(style="plain", thickness=thick, height=0.55 * look.step).encode(x=alt.X("before:Q", **x))
    interval = base.transform_filter("isValid(datum.low)").mark_rule().encode(x=alt.X("low:Q", **x), x2="high:Q")
    about = tooltip(
        look,
        model="model",
        domain="domain",
        calibration="calibration",
        before=("before", ".4f"),
        value=("after", ".4f"),
        interval="95 % interval",
    )
    end = base.mark_point(filled=True, opacity=1, size=1.3 * look.dot).encode(x=alt.X("value:Q", **x), tooltip=about)
    return panels.show(over(lines, [interval, way, start, end]), alt.Step(look.step))
