"""The reliability diagram: accuracy against confidence, with the share of pixels in each bin below it."""

from collections.abc import Sequence
from typing import Any

import altair as alt

from reliseg.report.charts.style import Look, Panels, colour, data_of, names_in, toggled, tooltip

_LEAST_SHARE = 1e-4
"""Bins with a smaller share of the pixels are noise: they get no point."""
_QUARTERS = (0, 0.25, 0.5, 0.75, 1)


def reliability(records: Sequence[dict[str, Any]], look: Look, *, by: str = "calibration") -> Any:
    """Return a diagram for each domain, with a line for each name of `by`.

    On the diagonal, accuracy equals confidence; below it, the model is overconfident. The small panel below has the
    share of all pixels in each bin, on a logarithmic axis.
    """
    domains = names_in(records, "domain")
    panels = Panels.of(look, records, "domain")
    height = look.height(panels.width, 1.0)
    parts = []
    for i, domain in enumerate(domains):
        base, titled = alt.Chart(), {}
        if len(domains) > 1:
            base = base.transform_filter(alt.FieldEqualPredicate(field="domain", equal=domain))
            titled = {"title": alt.Title(domain, limit=panels.width)}
        is_left = i % panels.columns == 0
        diagram = _diagram(look, base, colour(look, records, by), by, place=(is_left, i == 0))
        counts = _counts(base, colour(look, records, by), is_left=is_left)
        diagram = diagram.properties(width=panels.width, height=height, **titled)
        counts = counts.properties(width=panels.width, height=0.3 * height)
        parts.append(alt.vconcat(diagram, counts, spacing=1.2 * look.font, bounds="flush"))
    whole = parts[0] if len(parts) == 1 else alt.concat(*parts, columns=panels.columns)
    return whole.properties(data=data_of(records)).resolve_scale(color="shared")


def _diagram(look: Look, base: Any, series: Any, by: str, *, place: tuple[bool, bool]) -> Any:
    is_left, is_first = place
    axis = alt.Axis(values=_QUARTERS, labels=False, title=None)
    x = alt.X("confidence:Q", scale=alt.Scale(domain=[0, 1]), axis=axis)
    y = alt.Y(
        "accuracy:Q",
        scale=alt.Scale(domain=[0, 1]),
        axis=alt.Axis(values=_QUARTERS, format=".0%", **_titled("accuracy", is_left=is_left)),
    )
    about = tooltip(
        look,
        model="model",
        domain="domain",
        calibration="calibration",
        confidence=("mean confidence", ".1%"),
        accuracy=("accuracy", ".1%"),
        pixels=("pixels", ",d"),
        share=("share of pixels", ".2%"),
    )
    shown = base.transform_filter(alt.FieldGTEPredicate(field="share", gte=_LEAST_SHARE))
    line = shown.mark_line().encode(x=x, y=y, color=series, order="confidence:Q")
    dots = shown.mark_point(filled=True, opacity=1, size=0.7 * look.dot).encode(x=x, y=y, color=series, tooltip=about)
    ends = alt.Chart(alt.Data(values=[{"at": 0}, {"at": 1}]))
    diagonal = ends.mark_line(style="guide").encode(x=alt.X("at:Q", axis=axis), y="at:Q")
    return alt.layer(diagonal, *toggled(look, [line, dots], by, is_first=is_first))


def _counts(base: Any, series: Any, *, is_left: bool) -> Any:
    x = alt.X(
        "low:Q",
        scale=alt.Scale(domain=[0, 1]),
        title="confidence",
        axis=alt.Axis(values=[0, 0.5, 1], format=".0%", labelFlush=True),
    )
    y = alt.Y(
        "share:Q",
        scale=alt.Scale(type="log", domain=[_LEAST_SHARE, 1], clamp=True),
        axis=alt.Axis(values=[1e-4, 1e-2, 1], format="~%", **_titled("pixels", is_left=is_left)),
    )
    return base.mark_rule().encode(x=x, x2="high:Q", y=y, color=series)


def _titled(title: str, *, is_left: bool) -> dict[str, Any]:
    """Return the title of an axis; other panels than the left one have none, and blanks for labels.

    Without blanks, what stands above them would not be in line.
    """
    return {"title": title} if is_left else {"title": None, "labelExpr": "' '"}
