"""Write the tables of docs/intervals.md from benchmarks/results/intervals.json, which benchmarks/intervals.py measures.

python docs/coverage_table.py
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

PAGE = Path(__file__).with_name("intervals.md")
RESULTS = Path(__file__).parents[1] / "benchmarks" / "results" / "intervals.json"
NUMBERS = {"ece": "ECE", "miou": "mIoU", "auroc": "AUROC", "fpr95": "FPR95", "risk95": "risk95", "aurc": "AURC"}
Line = Mapping[str, Any]


def tables(lines: Sequence[Line]) -> dict[str, str]:
    """Return the tables by name: coverage, pixel by pixel, scenes, alarms, and gates at their limit."""
    images = [line for line in lines if line["units"] == "images" and line["alarms"] is not None]
    pixels = [line for line in lines if line["units"] == "pixels"]
    scenes = [line for line in lines if line["population"] == "scenes of ten"]
    return {
        "truth": _table(images, "population", ["truth"], lambda line: f"{line['truth']:.3f}", per_n=False),
        "coverage": _table(images, "population", ["images"], lambda line: f"{line['found']['held']:.1f}"),
        "warnings": _table(images, "population", ["images"], lambda line: f"{line['found']['doubted']:.0f}"),
        "pixels": _pixels(pixels),
        "scenes": _table(scenes, "units", ["scenes"], lambda line: f"{line['found']['held']:.1f}"),
        "alarms": _table(images, "population", ["images"], lambda line: f"{line['alarms']:.1f}"),
        "gate": _table(images, "population", ["images"], _passes),
    }


def _passes(line: Line) -> str:
    """Return how often a gate at the true value passes: the interval lies wholly on the better side."""
    side = "above" if line["number"] in ("miou", "auroc") else "below"
    return f"{line['found'][side]:.1f}"


def _table(lines: Sequence[Line], first: str, second: Sequence[str], cell: Any, *, per_n: bool = True) -> str:
    """Return a row for each population (or kind of unit) and number of units, a column for each number."""
    header = [first.replace("units", "taken as units"), *(second if per_n else []), *NUMBERS.values()]
    rows: dict[tuple[Any, ...], dict[str, str]] = {}
    for line in lines:
        rows.setdefault((line[first], *([line["n"]] if per_n else [])), {})[line["number"]] = cell(line)
    body = [[*map(str, key), *(cells[number] for number in NUMBERS)] for key, cells in rows.items()]
    return _markdown(header, body)


def _pixels(lines: Sequence[Line]) -> str:
    counts = sorted({line["n"] for line in lines})
    found = {(line["population"], line["n"]): f"{line['found']['held']:.1f}" for line in lines}
    names = dict.fromkeys(line["population"] for line in lines)
    return _markdown(
        ["population", *(f"{n} images" for n in counts)], [[name, *(found[name, n] for n in counts)] for name in names]
    )


def _markdown(header: Sequence[str], body: Sequence[Sequence[str]]) -> str:
    rows = [header, ["---"] * len(header), *body]
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def marked(page: str) -> Iterator[tuple[str, str]]:
    """Yield the name and the text of each table of the page."""
    for part in page.split("<!-- table: ")[1:]:
        name, _, rest = part.partition(" -->\n")
        yield name, rest.partition("<!-- end of table -->")[0]


def main() -> None:
    """Replace the tables of the page."""
    page = PAGE.read_text(encoding="utf-8")
    fresh = tables(json.loads(RESULTS.read_text(encoding="utf-8"))["measures"])
    for name, text in marked(page):
        start = page.index(f"<!-- table: {name} -->\n") + len(f"<!-- table: {name} -->\n")
        page = page[:start] + fresh[name] + page[start + len(text) :]
    PAGE.write_text(page, encoding="utf-8")


if __name__ == "__main__":
    main()
