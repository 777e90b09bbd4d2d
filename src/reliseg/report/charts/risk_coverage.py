"""The risk-coverage curve: the error rate among the pixels that are kept, between an oracle and chance."""

from collections.abc import Sequence
from typing import Any

import altair as alt

from reliseg.report.charts.style import Look, Panels, colour, legend, letters, names_in, over, toggled, tooltip

_KINDS = ("this score", "oracle", "chance")
_KEPT = "share of pixels kept"
_DASHES = ([1, 0], [5, 2], [1, 2])


def risk_coverage(records: Sequence[dict[str, Any]], look: Look, *, by: str = "calibration") -> Any:
    """Return the curves, a panel for each domain and a colour for each name of `by`.

    The oracle rejects wrong pixels first: no score does better. Chance rejects any pixels: the error rate stays.
    """
    dash = alt.StrokeDash(
        "kind:N",
        sort=None,
        scale=alt.Scale(domain=list(_KINDS), range=[list(d) for d in _DASHES]),
        legend=legend(look, _KINDS, symbolSize=30 * look.font, symbolType="stroke", orient="bottom"),
    )
    panels = Panels.of(look, records, "domain", least=letters(_KEPT))
    percent = alt.Axis(format="~%", tickCount=panels.ticks, labelFlush=True)
    base = alt.Chart().encode(
        x=alt.X("coverage:Q", title=_KEPT, scale=alt.Scale(domain=[0, 1]), axis=percent),
        y=alt.Y("risk:Q", title="error rate among them", axis=alt.Axis(format="~%", tickCount=4)),
        color=colour(look, records, by),
        detail=[alt.Detail(f, type="nominal") for f in ("model", "calibration") if f != by],
        strokeDash=dash,
    )
    line = base.mark_line().encode(order="coverage:Q")
    about = tooltip(
        look,
        model="model",
        domain="domain",
        calibration="calibration",
        kind="curve",
        coverage=("share kept", ".1%"),
        risk=("error rate", ".2%"),
    )
    layers = [line]
    if look.interactive:  # points that cannot be seen, for the mouse
        layers.append(base.mark_point(filled=True, size=2 * look.dot, opacity=0).encode(tooltip=about))
    several = len(names_in(records, by)) > 1
    layers = [*toggled(look, layers[:1], by), *layers[1:]] if several else layers
    return panels.show(over(records, layers), look.height(panels.width, 0.8))
