"""A number against the severity of corruptions, a panel for each kind."""

from collections.abc import Sequence
from typing import Any

import altair as alt

from reliseg.report.charts.style import Look, Panels, colour, letters, names_in, over, toggled, tooltip

_AXIS = "severity (0: clean)"
_SEVERITIES = (0, 1, 2, 3, 4, 5)


def over_severity(records: Sequence[dict[str, Any]], look: Look, *, title: str, by: str = "calibration") -> Any:
    """Return lines of `value` over `severity`, from clean images on, with `low` to `high` where that is known.

    There is a panel for each kind (of several domains, for each with each), and a colour for each name of `by`.
    """
    several = len(names_in(records, "domain")) > 1
    shown = [r | {"panel": f"{r['kind']}, {r['domain']}" if several else r["kind"]} for r in records]
    panels = Panels.of(look, shown, "panel", least=max(letters(_AXIS), 9.0))
    x = alt.X(
        "severity:Q", title=_AXIS, scale=alt.Scale(domain=[0, 5]), axis=alt.Axis(values=list(_SEVERITIES), format="d")
    )
    y: dict[str, Any] = {"title": title, "scale": alt.Scale(zero=False), "axis": alt.Axis(tickCount=4)}
    base = alt.Chart().encode(
        x=x,
        color=colour(look, shown, by),
        detail=[alt.Detail(f, type="nominal") for f in ("model", "calibration") if f != by],
    )
    about = tooltip(
        look,
        model="model",
        domain="domain",
        calibration="calibration",
        kind="corruption",
        severity="severity",
        value=(title, ".4f"),
        interval="95 % interval",
    )
    layers = [
        base.mark_line().encode(y=alt.Y("value:Q", **y), order="severity:Q"),
        base.transform_filter("isValid(datum.low)").mark_rule(opacity=0.6).encode(y=alt.Y("low:Q", **y), y2="high:Q"),
        base.mark_point(filled=True, size=0.6 * look.dot).encode(y=alt.Y("value:Q", **y), tooltip=about),
    ]
    if len(names_in(shown, by)) > 1:
        layers = toggled(look, layers, by)
    return panels.show(over(shown, layers), look.height(panels.width, 0.75))
