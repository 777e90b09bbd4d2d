"""Sizes, themes and legends."""

import re

import pytest

from reliseg.report.charts.confusion import confusion
from reliseg.report.charts.intervals import intervals
from reliseg.report.charts.style import (
    ONE_COLUMN,
    PALETTE,
    THEMES,
    TWO_COLUMNS,
    Look,
    drawable,
    names_in,
    svg_of,
    theme,
    themed,
)


def test_columns_of_panels_are_even_and_never_too_narrow():
    assert Look(TWO_COLUMNS).columns(5) in (3, 5)
    assert Look(ONE_COLUMN).columns(4, least=30) == 1
    assert Look(ONE_COLUMN).columns(1) == 1


@pytest.mark.parametrize("name", THEMES)
def test_every_theme_has_colours_that_all_people_tell_apart(name):
    colours = theme(name)["range"]["category"]
    assert len(set(colours)) >= len(PALETTE)
    assert name != "paper" or colours == list(PALETTE)
    assert theme(name)["axis"]["labelColor"] != theme(name)["background"]


def test_nothing_outside_a_specification_is_read():
    spec = {"data": {"url": "http://127.0.0.1:9/x.json"}, "mark": "point", "encoding": {"x": {"field": "a"}}}
    with pytest.raises(ValueError, match="not allowed"):
        svg_of(spec)


def test_numbers_on_dark_cells_are_light():
    records = [{"truth": "a", "predicted": "a", "share": 0.9, "domain": "d", "pixels": 9, "model": "m"}]
    svg = svg_of(themed(confusion(records, Look()), "paper"))
    assert re.search(r'<text[^>]*fill="(#ffffff|white)"[^>]*>90</text>', svg)


def test_names_keep_their_order():
    assert names_in([{"a": "z"}, {"a": "b"}, {"a": "z"}], "a") == ["z", "b"]


def test_a_chart_without_records_is_a_chart():
    assert intervals([], Look(), title="ECE").to_dict()["$schema"]


def test_a_character_that_no_font_of_a_figure_has_is_written_by_its_code():
    assert drawable({"a": ["🚗é"]}) == {"a": ["U+1F697é"]}


@pytest.mark.parametrize("name", THEMES)
def test_every_text_of_a_chart_has_the_ink_of_its_theme(name):
    colours = theme(name)
    ink = {colours[part][key] for part in ("axis", "legend", "header") for key in ("labelColor", "titleColor")}
    assert ink == {colours["title"]["color"]} == {colours["text"]["color"]}


def test_panels_stand_in_the_order_of_the_records_and_not_in_that_of_the_alphabet():
    names = {"model": "net", "calibration": "identity"}
    share = {"truth": "a", "predicted": "a", "share": 1.0, "pixels": 1}
    chart = confusion([names | share | {"domain": d} for d in ("night", "day", "rain")], Look(500))
    svg = svg_of(themed(chart, "paper"))
    assert sorted(("night", "day", "rain"), key=lambda d: svg.index(f">{d}<")) == ["night", "day", "rain"]
