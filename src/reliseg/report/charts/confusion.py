"""The confusion matrix: what the pixels of each class are taken for."""

from collections.abc import Sequence
from typing import Any

import altair as alt

from reliseg.report.charts.style import Look, Panels, names_in, over, side_width, tooltip

_STRONG = 0.5
"""From this share on, a cell is so dark that its number is written in the other colour."""


def confusion(records: Sequence[dict[str, Any]], look: Look) -> Any:
    """Return the matrix, rows are true classes and make 100 % each; a panel for each domain.

    Shares are written into the cells where there is room: those of 1 % and more.
    """
    truths, predicted = names_in(records, "truth"), names_in(records, "predicted")
    panels = Panels.of(look, records, "domain", least=20, side=side_width(look, truths))
    cell = panels.width / max(1, len(predicted))
    labels = alt.Axis(labelLimit=look.names, grid=False)
    base = alt.Chart().encode(
        x=alt.X(
            "predicted:N",
            sort=None,
            title="predicted class",
            axis=alt.Axis(labelLimit=look.names, grid=False, labelAngle=-90),
        ),
        y=alt.Y("truth:N", sort=None, title="true class", axis=labels),
    )
    key = alt.Legend(
        title="share of the true class",
        format=".0%",
        values=[0, 0.5, 1],
        orient="top",
        gradientLength=12 * look.font,
    )
    shade = alt.Color("share:Q", scale=alt.Scale(domain=[0, 1], range="heatmap", interpolate="rgb"), legend=key)
    about = tooltip(
        look,
        truth="true class",
        predicted="predicted as",
        share=("share of the true class", ".2%"),
    )
    layers = [base.mark_rect().encode(color=shade, tooltip=about)]
    least = 1.9 * look.font
    if look.interactive or cell > least:
        # a page may make cells narrower than they are here
        seen = {"opacity": alt.expr(f"bandwidth('x') < {least} ? 0 : 1")} if look.interactive else {}
        number = alt.Text("percent:Q", format=".0f")
        numbers = base.transform_calculate(percent="100 * datum.share").transform_filter("datum.share >= 0.01")
        weak = alt.FieldLTPredicate(field="share", lt=_STRONG)
        strong = alt.FieldGTEPredicate(field="share", gte=_STRONG)
        layers += [
            numbers.transform_filter(weak).mark_text(style="weak", **seen).encode(text=number),
            numbers.transform_filter(strong).mark_text(style="strong", **seen).encode(text=number),
        ]
    return panels.show(over(records, layers), min(cell, 2.4 * look.font) * len(truths))
