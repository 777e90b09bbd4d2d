"""Tables of results in a notebook: numbers as on the terminal, with intervals; names from outside are text."""

import math
from html.parser import HTMLParser

import numpy as np
import pytest
from helpers.result_rows import HOSTILE, lefts_of, result_row, with_interval, write_run
from helpers.simulated_run import Shape, write_simulated_run

import reliseg
from reliseg.results import ImageTable, Results
from reliseg.runtime.printable import printable


class Read(HTMLParser):
    """The cells of a table, their tooltips, and all tags with their attributes."""

    def __init__(self, html):
        super().__init__()
        self.cells, self.titles, self.tags, self.names = [], [], [], set()
        self.feed(html)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.names |= {name for name, _ in attrs}
        if tag in ("td", "th"):
            self.cells.append("")
            self.titles.append(dict(attrs).get("title", ""))

    def handle_data(self, data):
        if self.cells:
            self.cells[-1] += data


TAGS = {"div", "table", "thead", "tbody", "tr", "th", "td", "br", "span"}


def test_the_headline_numbers_stand_with_their_intervals_and_reasons():
    rows = (
        with_interval(result_row(0.0512, score="msp"), 0.0413, 0.0611),
        with_interval(result_row(0.7, metric="miou"), 0.6, 0.8, "one class stands in 2 images"),
        result_row(math.nan, metric="nll"),
        result_row(1.5, metric="nll", domain="fog"),
        result_row(0.9, metric="iou", class_="car"),
    )
    read = Read(Results(rows)._repr_html_())
    assert set(read.tags) <= TAGS
    assert read.cells[:6] == ["model", "domain", "calibration", "mIoU", "ECE", "NLL"]
    first = dict(zip(read.cells[:6], zip(read.cells[6:12], read.titles[6:12], strict=True), strict=True))
    assert first["domain"][0] == "street/dusk"
    assert first["ECE"] == ("0.05120.041 to 0.061", "95 % interval over 20 images")
    assert first["mIoU"] == ("0.70000.600 to 0.800 *", "95 % interval over 20 images; one class stands in 2 images")
    assert first["NLL"] == ("-", "no pixel")
    assert read.cells[12:17] == ["net", "street/fog", "identity", "-", "-"]
    assert read.titles[15] == "not measured"
    assert read.cells[-1].endswith(repr(Results(rows)))


@pytest.mark.parametrize("name", HOSTILE)
def test_names_from_outside_are_text_on_one_line_and_short(name):
    rows = [result_row(0.1, score="msp", model=name, domain=name, ci_note=name)]
    html = Results(tuple(rows))._repr_html_()
    read = Read(html)
    assert set(read.tags) <= TAGS
    assert read.names <= {"style", "scope", "title"}
    assert all(len(cell) <= 80 for cell in read.cells[:-1])
    assert printable(html) == html


def test_a_long_table_says_how_much_of_it_is_not_shown():
    rows = tuple(result_row(0.1, score="msp", domain=f"d{i}") for i in range(45))
    read = Read(Results(rows)._repr_html_())
    assert read.tags.count("tr") == 41
    assert "5 more lines in to_pandas() or to_polars(); Results(45 rows" in read.cells[-1]
    assert Read(Results(())._repr_html_()).cells[-1].endswith(repr(Results(())))


def test_images_are_shown_as_a_table(tmp_path):
    table = ImageTable.read(write_simulated_run(tmp_path, Shape(images=3)))
    read = Read(table.worst(2)._repr_html_())
    assert read.cells[:5] == ["sample", "model", "domain", "calibration", "miou"]
    assert read.tags.count("tr") == 3
    assert read.cells[14] == f"{table.worst(1)['miou'][0]:.4f}"


def test_comparisons_are_shown_as_on_a_terminal(tmp_path):
    ease = np.random.default_rng(3).normal(0.5, 0.1, 40)
    for name, more in (("<old>", 0.0), ("new", 0.05)):
        write_run(tmp_path / name, (result_row(float(ease.mean()) + more), lefts_of(ease + more * ease)))
    found = reliseg.compare([tmp_path / "<old>", tmp_path / "new"], "ece")
    html = found._repr_html_()
    assert "ece: run against &lt;old&gt; (model net, " in html
    assert set(Read(html).tags) == {"div", "pre"}
