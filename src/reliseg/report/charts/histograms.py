"""Histograms of confidence: of right and wrong pixels, of known and unknown ones."""

from collections.abc import Sequence
from typing import Any

import altair as alt

from reliseg.report.charts.style import PALETTE, Look, Panels, legend, letters, names_in, over, tooltip

_COLOURS = {"right": PALETTE[0], "wrong": PALETTE[1], "known": PALETTE[2], "unknown": PALETTE[3]}


def histograms(records: Sequence[dict[str, Any]], look: Look, *, title: str) -> Any:
    """Return the histograms, a column for each domain and a row for each pair; `title` is that of the score.

    Each group is a share of its own pixels: a score that tells both groups apart has two hills.
    """
    panels = Panels.of(look, records, "domain", least=letters(title))
    rows = [_row(panels, records, pair, title) for pair in names_in(records, "pair")]
    return rows[0] if len(rows) == 1 else alt.vconcat(*rows).resolve_scale(color="independent", x="independent")


def _row(panels: Panels, records: Sequence[dict[str, Any]], pair: str, title: str) -> Any:
    look = panels.look
    of_pair = [r for r in records if r["pair"] == pair]
    groups = names_in(of_pair, "group")
    colour = alt.Color(
        "group:N",
        scale=alt.Scale(domain=groups, range=[_COLOURS[g] for g in groups]),
        legend=legend(look, groups),
    )
    low = alt.X(
        "low:Q",
        title=title,
        axis=alt.Axis(tickCount=panels.ticks, labelFlush=True),
        scale=alt.Scale(nice=False, zero=False),
    )
    share = alt.Y("share:Q", title="share of the group", stack=None, axis=alt.Axis(format="~%", tickCount=3))
    about = tooltip(
        look,
        domain="domain",
        group="pixels that are",
        low=("from", ".3f"),
        high=("to", ".3f"),
        share=("share", ".2%"),
        pixels=("pixels", ",d"),
    )
    bars = (
        alt.Chart()
        .mark_rect(opacity=0.45)
        .encode(x=low, x2="high:Q", y=share, y2=alt.datum(0), color=colour, tooltip=about)
    )
    tops = alt.Chart().mark_rule().encode(x=low, x2="high:Q", y=share, color=colour)
    of_this = alt.FieldEqualPredicate(field="pair", equal=pair)
    layers = over(records, [bars, tops]).transform_filter(of_this)
    return panels.show(layers, look.height(panels.width, 0.6))
