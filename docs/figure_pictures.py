"""Draw the pictures of docs/figures.md and docs/demo.md from the run of the demo, small enough for a page.

make demo, then: python docs/figure_pictures.py demo/run
"""

import io
import sys
from pathlib import Path

from PIL import Image

from reliseg.report.charts.style import Look, fitted
from reliseg.report.figures.catalog import one_figure
from reliseg.report.figures.choice import Choice, chosen_material
from reliseg.report.figures.files import WIDTHS, figure_bytes
from reliseg.report.joined import join_runs

IMAGES = Path(__file__).with_name("images")
SCALE, COLOURS = 2 / 3, 200
PICTURES = {
    "before-after": ("before_after", "two", Choice(metrics=["ece"])),
    "risk-coverage": ("risk_coverage", "one", Choice(domains=["clear", "night"], calibrations=["identity"])),
    "histograms": ("histograms", "one", Choice(domains=["night"])),
    "reliability": ("reliability", "two", Choice()),
}


def main(run: str) -> None:
    """Write the pictures."""
    runs = join_runs({run: run}, with_curves=True)
    for name, (kind, width, choice) in PICTURES.items():
        figure = one_figure(chosen_material(runs, choice), choice, kind)
        svg = fitted(figure.draw, Look(WIDTHS[width]), "paper")
        drawn = Image.open(io.BytesIO(figure_bytes(svg, "png"))).convert("RGB")
        small = drawn.resize([round(SCALE * n) for n in drawn.size], Image.Resampling.LANCZOS)
        few = small.quantize(COLOURS, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)
        few.save(IMAGES / f"figure-{name}.png", optimize=True)


if __name__ == "__main__":
    main(sys.argv[1])
