"""How all charts look: colours, fonts and sizes, on paper and on a page that is light or dark.

A chart names no colour: it names styles (`guide`, `strong`, ..) and ranges, and a theme says what they are. So one
specification serves every theme.
"""

import json
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import altair as alt
import vl_convert

Theme = Literal["paper", "light", "dark"]
THEMES: tuple[Theme, ...] = ("paper", "light", "dark")

ONE_COLUMN = 3.25 * 72
"""The width of a column of a paper, in points."""
TWO_COLUMNS = 6.875 * 72

PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00")
"""Colours that people with any colour vision tell apart (Okabe and Ito 2008); its yellow is too pale on white."""
SHAPES = ("circle", "square", "triangle-up", "diamond", "cross", "triangle-down")
FADED = 0.12
"""The opacity of what is not chosen in a legend."""
MOST_COLOURS = len(PALETTE)
"""More names than these are not told apart by colour: they get places of their own."""

_FONT = {
    "paper": "Liberation Sans, Arial, Helvetica, sans-serif",
    "light": "system-ui, sans-serif",
    "dark": "system-ui, sans-serif",
}
_CATEGORIES = {
    "paper": PALETTE,
    "light": ("#0072b2", "#d55e00", "#007d5c", "#b0508a", "#8a6d00", "#3a87c8", "#5b5b5b", "#7a3fb0"),
    "dark": ("#56b4e9", "#ff8c3a", "#35c79a", "#e08fc0", "#e0b93a", "#8cc8ff", "#c0c0c0", "#b794f0"),
}
"""After the palette, darker or lighter where it would be too faint on a screen; its first ones, and two for many."""
_INK = {"paper": "#000000", "light": "#24292f", "dark": "#e6e6e6"}
_SOFT = {"paper": "#555555", "light": "#57606a", "dark": "#a8b0b8"}
_GRID = {"paper": "#dddddd", "light": "#e3e6ea", "dark": "#3a424b"}
_RAMP = {"paper": ("#ffffff", "#0072B2"), "light": ("#f6f8fa", "#0072B2"), "dark": ("#232a31", "#56B4E9")}
_ON_STRONG = {"paper": "#ffffff", "light": "#ffffff", "dark": "#000000"}


@dataclass(frozen=True)
class Look:
    """For what a chart is drawn: its width in points or pixels; on a page it answers to mouse and keyboard."""

    width: float = ONE_COLUMN
    interactive: bool = False

    @property
    def font(self) -> int:
        """The size of texts."""
        return 12 if self.interactive else 8

    @property
    def step(self) -> int:
        """The height of a line of a chart with names down its side."""
        return 20 if self.interactive else 12

    @property
    def dot(self) -> int:
        """The area of a point."""
        return 60 if self.interactive else 22

    @property
    def names(self) -> float:
        """The width that names down the side take at most."""
        return min(0.34 * self.width, 16.0 * self.font)

    def columns(self, panels: int, *, least: float = 9.0, margin: float = 0.0) -> int:
        """Return how many panels stand beside each other: none is narrower than so many times the texts' size."""
        most = max(1, int((self.width - margin - 5 * self.font) // ((least + 1.6) * self.font)))
        rows = -(-panels // most)
        return max(1, -(-panels // rows))

    def panel(self, columns: int, margin: float = 0.0) -> float:
        """Return the width of one of these panels; `margin` is what stands at their sides besides an axis."""
        return max(3.0 * self.font, (self.width - margin - 5.5 * self.font) / columns - 1.6 * self.font)

    def height(self, width: float, ratio: float) -> float:
        """Return the height of a panel of this width: no panel is higher than half a page is wide."""
        return min(ratio * width, 28.0 * self.font)

    def ticks(self, width: float) -> int:
        """Return how many numbers stand below a panel of this width."""
        return max(2, min(6, int(width // (5 * self.font))))


def theme(name: Theme) -> dict[str, Any]:
    """Return the configuration of Vega-Lite that colours every chart and sets its texts."""
    ink, soft, grid, first = _INK[name], _SOFT[name], _GRID[name], _CATEGORIES[name][0]
    size = 8 if name == "paper" else 12
    texts = {"labelColor": ink, "titleColor": ink, "labelFontSize": size, "titleFontSize": size}
    texts |= {"titleFontWeight": "normal", "labelFontWeight": "normal"}
    thin = 0.5 if name == "paper" else 1
    return {
        "font": _FONT[name],
        "background": "#ffffff" if name == "paper" else "transparent",
        "padding": 2 if name == "paper" else 4,
        "view": {"stroke": grid, "strokeWidth": thin},
        "axis": texts
        | {"domain": False, "grid": True, "gridColor": grid, "gridWidth": thin, "ticks": False}
        | {"labelPadding": 3, "titlePadding": 4, "labelLimit": 0},
        "legend": texts
        | {"symbolStrokeWidth": 1.2, "symbolSize": 5 * size, "rowPadding": 1, "columnPadding": size}
        | {"offset": size / 2, "symbolOpacity": 1},
        "header": texts | {"labelPadding": 3},
        "title": {"color": ink, "fontSize": size, "fontWeight": "normal"},
        "facet": {"spacing": 1.6 * size},
        "concat": {"spacing": 1.6 * size},
        "text": {"color": ink, "fontSize": size},
        "line": {"strokeWidth": 1 if name == "paper" else 1.6},
        "rule": {"strokeWidth": 0.8 if name == "paper" else 1.4, "color": first},
        "point": {"color": first},
        "bar": {"color": first},
        "style": {
            "guide": {"color": soft, "stroke": soft, "strokeWidth": thin, "strokeDash": [3, 2]},
            "plain": {"color": soft, "stroke": soft, "fill": soft},
            "weak": {"color": ink, "fontSize": size - 1},
            "strong": {"color": _ON_STRONG[name], "fontSize": size - 1},
        },
        "range": {"category": list(_CATEGORIES[name]), "heatmap": list(_RAMP[name]), "ramp": list(_RAMP[name])},
    }


def themed(chart: Any, name: Theme) -> dict[str, Any]:
    """Return the specification of a chart with a theme: what a browser, or vl-convert, draws."""
    spec: dict[str, Any] = chart.to_dict()
    spec["config"] = theme(name)
    return spec


def drawable(spec: dict[str, Any]) -> dict[str, Any]:
    """Return a specification that vl-convert draws: characters beyond 16 bits, as emoji, are written by their codes.

    Its font has none of them, and it fails where a name that is too long is cut within one. So are the two characters
    that no drawing may hold.
    """
    text = json.dumps(spec, ensure_ascii=False)
    drawn: dict[str, Any] = json.loads(
        re.sub("[\ufffe\uffff\U00010000-\U0010ffff]", lambda c: f"U+{ord(c[0]):X}", text)
    )
    return drawn


def ordered(records: Sequence[dict[str, Any]], field: str, names: Sequence[Any]) -> list[dict[str, Any]]:
    """Return the records in the order of the names of a field: an axis shows them as they come."""
    place = {name: i for i, name in enumerate(names)}
    return sorted(records, key=lambda r: place[r[field]])


def data_of(records: Sequence[dict[str, Any]]) -> Any:
    """Return the records as the data of a chart, by a name under which a page may put others in their place."""
    return alt.Data(values=list(records), name="records")


def over(records: Sequence[dict[str, Any]], layers: Sequence[Any]) -> Any:
    """Return layers over the same records."""
    return alt.layer(*layers, data=data_of(records))


def names_in(records: Iterable[dict[str, Any]], field: str) -> list[Any]:
    """Return the values of a field, each once, in their order."""
    return list(dict.fromkeys(r[field] for r in records))


def legend(look: Look, names: Sequence[str], title: str | None = None, **more: Any) -> Any:
    """Return a legend above the chart that is no wider than it: as many columns as names of this length allow."""
    letter = 0.56 * look.font
    widest = min(max((len(str(n)) for n in names), default=1) * letter, look.width - 4 * look.font)
    columns = max(1, min(len(names), int((look.width - 2 * look.font) // (widest + 3.2 * look.font))))
    shape = {"orient": "top", "title": title, "columns": columns, "labelLimit": widest + look.font}
    return alt.Legend(**shape | more)


def colour(look: Look, records: Sequence[dict[str, Any]], field: str) -> Any:
    """Return the colour of each name of a field; a legend only where there is more than one."""
    names = names_in(records, field)
    return alt.Color(
        field, type="nominal", sort=None, scale=alt.Scale(), legend=legend(look, names) if len(names) > 1 else None
    )


def shape(field: str, key: Any = None) -> Any:
    """Return the shape of each name of a field, beside its colour; `key` is a legend."""
    return alt.Shape(field, type="nominal", sort=None, scale=alt.Scale(range=list(SHAPES)), legend=key)


def tooltip(look: Look, **titles: str | tuple[str, str]) -> Any:
    """Return what is shown of a mark under the mouse, field by field: a title, or a title and a format of numbers."""
    if not look.interactive:
        return alt.value(None)
    shown = []
    for field, title in titles.items():
        if isinstance(title, tuple):
            shown.append(alt.Tooltip(field, type="quantitative", title=title[0], format=title[1]))
        else:
            shown.append(alt.Tooltip(field, type="nominal", title=title))
    return shown


def toggled(look: Look, layers: Sequence[Any], field: str, *, is_first: bool = True) -> list[Any]:
    """Return the layers; on a page, a click on a name in the legend lets the others fade, with shift several.

    Panels that are drawn one by one share what is chosen: the first of them holds it.
    """
    if not look.interactive:
        return list(layers)
    chosen = alt.selection_point(fields=[field], bind="legend", name=f"chosen_{field}")
    faded = [layer.encode(opacity=alt.condition(chosen, alt.value(1), alt.value(FADED))) for layer in layers]
    return [faded[0].add_params(chosen), *faded[1:]] if is_first else faded


@dataclass(frozen=True)
class Panels:
    """The panels of a chart, one for each of the values of a field, and how they stand beside each other."""

    look: Look
    field: str
    names: tuple[Any, ...]
    """In the order of the records: without it, panels would be in that of the alphabet."""
    columns: int
    width: float

    @classmethod
    def of(
        cls, look: Look, records: Sequence[dict[str, Any]], field: str, *, least: float = 9.0, side: float = 0.0
    ) -> "Panels":
        """Return the panels, each at least as wide as `least` times the texts' size; `side` is what names take."""
        names = tuple(names_in(records, field))
        columns = look.columns(max(1, len(names)), least=least, margin=side)
        return cls(look, field, names, columns, look.panel(columns, side))

    @property
    def ticks(self) -> int:
        """How many numbers stand below each."""
        return self.look.ticks(self.width)

    def show(self, layers: Any, height: Any) -> Any:
        """Return layers that have their data, in these panels; `height` is that of a panel, or of a line in it."""
        sized = layers.properties(width=self.width, height=height)
        if len(self.names) < 2:
            return sized
        header = alt.Header(labelLimit=self.width + self.look.font)
        facet = alt.Facet(self.field, type="nominal", sort=list(self.names), title=None, header=header)
        return sized.facet(facet=facet, columns=self.columns)


def letters(title: str) -> float:
    """Return the width of a title in times of the texts' size."""
    return 0.5 * len(title) + 1


def side_width(look: Look, names: Iterable[Any]) -> float:
    """Return the width that these names take down the side of a chart."""
    return min(look.names, max((len(str(n)) for n in names), default=0) * 0.55 * look.font)


def fitted(draw: Callable[[Look], Any], look: Look, name: Theme) -> str:
    """Return the drawing (SVG) that is as wide as asked, labels included: what they take is known when it is drawn."""
    nominal = look
    for _ in range(4):
        svg = svg_of(themed(draw(nominal), name))
        over = _width(svg) - look.width
        if -1 < over <= 0.5:
            break
        nominal = replace(nominal, width=max(60.0, nominal.width - over))
    return svg


def svg_of(spec: dict[str, Any]) -> str:
    """Return the drawing of a specification; nothing outside it is read."""
    return str(vl_convert.vegalite_to_svg(drawable(spec), allowed_base_urls=[]))


def _width(svg: str) -> float:
    found = re.search(r'<svg[^>]* width="([\d.]+)"', svg)
    assert found is not None
    return float(found[1])
