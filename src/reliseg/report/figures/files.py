"""Charts as files: PDF with its fonts in it, SVG and PNG, in the widths of a column and of a page."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import vl_convert

from reliseg.report.charts.style import ONE_COLUMN, TWO_COLUMNS, Look, fitted
from reliseg.report.figures.catalog import Figure
from reliseg.runtime.atomic_files import write_atomically

Format = Literal["pdf", "svg", "png"]
Width = Literal["one", "two"]

WIDTHS: dict[Width, float] = {"one": ONE_COLUMN, "two": TWO_COLUMNS}
PAGE_HEIGHT = 8.875 * 72
"""The height of the text on a page, in points."""
DOTS = 300
"""Dots of a PNG per inch."""
_IDENTIFIER = re.compile(r'(?<=id=")[^"]+')


@dataclass(frozen=True)
class Written:
    """A file, and what is to be said of it."""

    path: Path
    note: str = ""


def write_figures(figures: Sequence[Figure], out: Path, form: Format, widths: Sequence[Width]) -> Iterator[Written]:
    """Write each figure in each width; yield the files. The same figures give the same bytes."""
    for figure in figures:
        for width in widths:
            svg, note = _drawn(figure, WIDTHS[width])
            path, content = out / f"{figure.stem}-{width}.{form}", figure_bytes(svg, form)
            write_atomically(path, lambda file, content=content: file.write(content))  # type: ignore[misc]
            yield Written(path, note)


def write_figure(figure: Figure, path: Path, width: Width, form: Format) -> None:
    """Write one figure into a file."""
    content = figure_bytes(_drawn(figure, WIDTHS[width])[0], form)
    write_atomically(path, lambda file: file.write(content))


def figure_bytes(svg: str, form: Format) -> bytes:
    """Return a drawing as a file holds it."""
    if form == "svg":  # without a unit, numbers are pixels of 1/96 in
        return re.sub(r' (width|height)="([\d.]+)"', r' \1="\2pt"', svg, count=2).encode()
    return bytes(vl_convert.svg_to_pdf(svg) if form == "pdf" else vl_convert.svg_to_png(svg, ppi=DOTS))


def _drawn(figure: Figure, width: float) -> tuple[str, str]:
    """Return the drawing, and a note where it is higher than a page or domains were left out to avoid that."""
    every = len(figure.domains)
    count = every
    while True:
        svg = _plain(fitted(lambda look, n=count: figure.draw(look, n), Look(width), "paper"))  # type: ignore[misc]
        height = _height(svg)
        if height <= PAGE_HEIGHT or count == 1 or not figure.flexible:
            break
        count = min(count - 1, max(1, int(count * PAGE_HEIGHT / height)))
    if height > PAGE_HEIGHT:
        return svg, f"it is {height / 72:.1f} in high, more than a page: choose fewer by --model or --domain"
    which = "first" if count == 1 else f"first {count}"
    return svg, f"only the {which} of {every} domains fit on a page; name others by --domain" if count < every else ""


def _height(svg: str) -> float:
    found = re.search(r'<svg[^>]* height="([\d.]+)"', svg)
    assert found is not None
    return float(found[1])


def _plain(svg: str) -> str:
    """Return the drawing with identifiers that do not depend on what was drawn before."""
    for i, name in enumerate(dict.fromkeys(_IDENTIFIER.findall(svg))):
        svg = svg.replace(f'id="{name}"', f'id="part{i}"').replace(f"url(#{name})", f"url(#part{i})")
    return svg
