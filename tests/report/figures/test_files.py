"""Figures as files."""

import re
import struct

import pytest
from helpers.chart_data import HOSTILE
from helpers.simulated_run import Shape, write_simulated_run

from reliseg.report.figures.catalog import catalog_of
from reliseg.report.figures.choice import Choice, chosen_material
from reliseg.report.figures.files import PAGE_HEIGHT, WIDTHS, figure_bytes, write_figures
from reliseg.report.joined import join_runs


def figures_of(run, only, **names):
    choice = Choice(**names)
    return catalog_of(chosen_material(join_runs({"run": run}, with_curves=True), choice), choice, only).figures


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    shape = Shape(models=("net", HOSTILE), domains=("day", HOSTILE), labels=("road", HOSTILE), images=1)
    return write_simulated_run(tmp_path_factory.mktemp("run"), shape)


def test_a_pdf_has_its_fonts_in_it_no_date_and_the_width_of_a_column(run, tmp_path):
    figures = figures_of(run, ["confusion"], models=["net"])
    for round_ in ("first", "second"):
        written = list(write_figures(figures, tmp_path / round_, "pdf", list(WIDTHS)))
        assert [w.path.name for w in written] == ["confusion-net-one.pdf", "confusion-net-two.pdf"]
        for width, file in zip(WIDTHS.values(), written, strict=True):
            content = file.path.read_bytes()
            assert content.count(b"/FontFile") == len(set(re.findall(rb"/FontName /(\S+)", content))) > 0
            assert b"Date" not in content
            box = re.search(rb"/MediaBox \[0 0 ([\d.]+) ([\d.]+)\]", content)
            assert float(box[1]) == pytest.approx(width, abs=1)
    names = [path.name for path in (tmp_path / "first").iterdir()]
    assert len(names) == 2
    assert all((tmp_path / "first" / n).read_bytes() == (tmp_path / "second" / n).read_bytes() for n in names)


def test_an_svg_has_a_size_in_points_and_does_not_depend_on_what_was_drawn_before(run, tmp_path):
    figures = figures_of(run, ["confusion"], models=["net"])
    first, second = (next(write_figures(figures, tmp_path / name, "svg", ["one"])).path for name in "ab")
    assert first.read_bytes() == second.read_bytes()
    text = first.read_text()
    assert re.match(r"<svg [^>]*width=\"23[345][\d.]*pt\" height=\"[\d.]+pt\"", text)
    assert "<script>" not in text
    assert "http" not in re.sub(r'xmlns(:xlink)?="[^"]+"', "", text)


def test_a_png_has_300_dots_an_inch(run, tmp_path):
    figures = figures_of(run, ["confusion"], models=["net"])
    content = next(write_figures(figures, tmp_path, "png", ["one"])).path.read_bytes()
    assert struct.unpack(">I", content[16:20])[0] == pytest.approx(3.25 * 300, abs=6)


def test_domains_that_do_not_fit_on_a_page_are_left_out_unless_they_are_named(tmp_path):
    labels = [f"class {i}" for i in range(24)]
    run = write_simulated_run(tmp_path / "run", Shape(domains=("day", "fog", "snow"), labels=labels, images=1))
    options = {"models": ["dabnet"], "metrics": ["iou"]}
    (short,) = write_figures(figures_of(run, ["per_class"], **options), tmp_path, "svg", ["one"])
    assert re.fullmatch(r"only the first( 2)? of 3 domains fit on a page; name others by --domain", short.note)
    height = re.search(r'height="([\d.]+)pt"', short.path.read_text())
    assert float(height[1]) <= PAGE_HEIGHT
    every = figures_of(run, ["per_class"], domains=["day", "fog", "snow"], **options)
    (tall,) = write_figures(every, tmp_path, "svg", ["one"])
    assert "in high, more than a page: choose fewer by --model or --domain" in tall.note


def test_every_format_is_made_of_one_drawing():
    svg = '<svg xmlns="http://www.w3.org/2000/svg" width="72" height="36" viewBox="0 0 72 36"></svg>'
    assert figure_bytes(svg, "pdf").startswith(b"%PDF")
    assert figure_bytes(svg, "png").startswith(b"\x89PNG")
    assert b'width="72pt" height="36pt"' in figure_bytes(svg, "svg")
