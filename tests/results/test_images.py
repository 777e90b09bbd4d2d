"""The table of images: read whole and checked, chosen from, and asked for the worst ones."""

import csv
import io
import math

import numpy as np
import pytest
from helpers.simulated_run import Shape, write_simulated_run

from reliseg.errors import ConfigError, DataError
from reliseg.results import ImageTable, csv_line, read_csv
from reliseg.results.images import NUMBERS, PIXELS, PLACE

HEADER = (*PLACE, PIXELS, *NUMBERS, "mean_msp", "iou_road", "iou_car")


def cells(sample, *, domain="day", calibration="identity", model="net", **numbers):
    """The cells of an image; all numbers but some are 0.5."""
    texts = [model, "camvid", domain, calibration, f"s/{sample}", "s", f"{sample}.png", f"m/{sample}.png"]
    values = {PIXELS: 100} | dict.fromkeys(HEADER[len(PLACE) + 1 :], 0.5) | numbers
    return [*texts, *values.values()]


LINES = [
    cells("a", miou=0.5, ece=0.1, iou_car=math.nan),
    cells("b", miou=0.2, ece=0.2, mean_msp=0.9),
    cells("c", miou=math.nan, ece=0.3, nll=math.nan),
    cells("a", calibration="ts@camvid/cal", miou=0.5, ece=0.05),
    cells("b", calibration="ts@camvid/cal", miou=0.2, ece=0.9),
    cells("d", domain="dusk", miou=0.2, rejected=1.0000000001),
]


def write(folder, lines=LINES, header=HEADER):
    folder.mkdir(exist_ok=True)
    (folder / "images.csv").write_text(csv_line(header) + "".join(map(csv_line, lines)), encoding="utf-8")
    return folder


@pytest.fixture
def table(tmp_path):
    return ImageTable.read(write(tmp_path))


def samples(table):
    return list(table["sample"])


def test_a_table_is_read_with_its_types(table, tmp_path):
    assert ImageTable.read(tmp_path / "images.csv").records() == table.records()
    assert len(table) == len(table.rows) == 6
    assert (table.scores, table.classes) == (("msp",), ("road", "car"))
    assert table["n_pixels"].dtype == np.int64
    assert table["miou"].dtype == np.float64
    first = table.rows[0]
    assert (first.sample, first.n_pixels, first.miou, first.scores) == ("s/a", 100, 0.5, {"msp": 0.5})
    assert first.iou["road"] == 0.5
    assert math.isnan(first.iou["car"])
    assert [row.sample for row in table] == samples(table)


def test_records_have_the_columns_of_the_file_and_none_for_what_is_not_there(table, tmp_path):
    for record, line in zip(table.records(), read_csv(tmp_path / "images.csv"), strict=True):
        assert tuple(record) == HEADER
        assert {name: "" if value is None else str(value) for name, value in record.items()} == line


def test_texts_are_as_they_were_before_a_spreadsheet_might_have_taken_them_for_formulas(tmp_path):
    names = ["=1+1", "'q", "a,b", 'a"b', "new\nline", "\u202eright", "🚗", "x" * 5000]
    table = ImageTable.read(write(tmp_path, [cells("a", model=name) for name in names]))
    assert list(table["model"]) == names


def test_rows_are_chosen_by_names(table):
    assert samples(table.where(domain="camvid/dusk")) == ["s/d"]
    assert samples(table.where(domain=["day", "dusk"], calibration="identity")) == ["s/a", "s/b", "s/c", "s/d"]
    assert len(table.where(model="other")) == 0
    assert len(table.where()) == 6
    with pytest.raises(KeyError, match="no column of names 'doman'; did you mean 'domain'"):
        table.where(doman="day")
    with pytest.raises(KeyError, match="no column of names 'miou'"):
        table.where(miou="0.5")


def test_the_worst_images_are_those_with_low_accuracy_and_high_errors(table):
    assert samples(table.worst()) == ["s/b", "s/d", "s/a"]
    assert samples(table.worst(2, by="ece")) == ["s/b", "s/d"]
    assert samples(table.worst(1, by="rejected")) == ["s/d"]
    assert samples(table.worst(9, by="iou_car")) == ["s/b", "s/c", "s/a", "s/d"]
    assert samples(table.worst(0)) == []
    assert samples(table.where(calibration="identity").worst(1, by="mean_msp")) == ["s/a"]


def test_each_image_is_once_among_the_worst_in_its_worst_row(table):
    assert list(table.worst(3, by="ece")["calibration"]) == ["ts@camvid/cal", "identity", "identity"]
    assert list(table.worst(3)["calibration"]) == ["identity", "identity", "identity"]


def test_the_worst_by_what_is_no_number_are_refused(table):
    with pytest.raises(KeyError, match="no column of numbers 'mIoU'; did you mean 'miou'"):
        table.worst(by="mIoU")
    with pytest.raises(KeyError, match="no column of numbers 'sample'"):
        table.worst(by="sample")
    for n in (-1, True, 2.5, "3"):
        with pytest.raises(ConfigError, match=r"^n is .*; give a whole number from 0$"):
            table.worst(n)
    with pytest.raises(KeyError, match="no column 'iou_raod'; did you mean 'iou_road'"):
        table["iou_raod"]


def test_a_table_and_a_row_are_shown_on_one_line(table):
    assert repr(table) == "ImageTable(6 rows: 4 images, 1 model, 2 domains, 2 calibrations)"
    assert repr(table.rows[0]) == "ImageRow('s/a': net on camvid/day, identity, mIoU 0.5000)"
    assert repr(table.where(model="none")) == "ImageTable(0 rows: 0 images, 0 models, 0 domains, 0 calibrations)"
    assert "<table>" in table._repr_html_()


def test_frames_have_a_type_for_each_column_also_without_rows(table, tmp_path):
    pytest.importorskip("pandas")
    pytest.importorskip("polars")
    for found in (table, table.where(model="none")):
        kinds = {name: str(kind) for name, kind in found.to_pandas().dtypes.items()}
        assert kinds == dict.fromkeys(PLACE, "string") | {PIXELS: "int64"} | dict.fromkeys(HEADER[9:], "float64")
        assert found.to_polars().to_dicts() == found.records()
    table.write_parquet(tmp_path / "images.parquet")
    assert (tmp_path / "images.parquet").stat().st_size > 0


def edited(column, value):
    line = list(LINES[1])
    line[HEADER.index(column)] = value
    return [LINES[0], line]


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (edited("miou", "abc"), "row 2: miou is 'abc'"),
        (edited("miou", "63.4"), "row 2: miou is '63.4'"),
        (edited("ece", -0.1), "row 2: ece is '-0.1'"),
        (edited("iou_car", "1.01"), "row 2: iou_car is '1.01'"),
        (edited("nll", "inf"), "row 2: nll is 'inf'"),
        (edited("nll", "nan"), "row 2: nll is 'nan'"),
        (edited("nll", "1_0"), "row 2: nll is '1_0'"),
        (edited("n_pixels", ""), "row 2: n_pixels is ''"),
        (edited("n_pixels", "1.5"), "row 2: n_pixels is '1.5'"),
        (edited("n_pixels", "9" * 30), f"row 2: n_pixels is '{'9' * 30}'"),
        ([LINES[0], LINES[1][:-1]], "not the images.csv of a run"),
        ([LINES[0], [*LINES[1], 1]], "not the images.csv of a run"),
    ],
)
def test_a_cell_that_no_run_writes_is_named_in_one_line(tmp_path, lines, said):
    with pytest.raises(DataError) as refused:
        ImageTable.read(write(tmp_path, lines))
    advice = "write it anew with reliseg results RUN"
    assert str(refused.value) == f"{tmp_path / 'images.csv'}: {said}; {advice}"


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"a,b\n1,2\n",
        csv_line(HEADER[1:]).encode(),
        csv_line([*HEADER, "more"]).encode(),
        csv_line([*HEADER, HEADER[-1]]).encode(),
        csv_line(HEADER).encode() + b'"open',
        csv_line(HEADER).encode() + b"\xff" * 40,
        b"\x00" * 100,
    ],
)
def test_what_is_no_table_of_images_is_refused_in_one_line(tmp_path, content):
    (tmp_path / "images.csv").write_bytes(content)
    with pytest.raises(DataError, match=r"images\.csv: not the images\.csv of a run; write it anew with reliseg"):
        ImageTable.read(tmp_path)


def test_a_table_that_is_not_there_is_named_with_what_writes_it(tmp_path):
    with pytest.raises(DataError, match=r"images\.csv: no such file; give the folder of a finished run, or write it"):
        ImageTable.read(tmp_path)


def test_a_table_of_many_rows_is_read_in_parts(tmp_path):
    run = write_simulated_run(tmp_path / "run", Shape(images=1300))
    table = ImageTable.read(run)
    lines = list(csv.DictReader(io.StringIO((run / "images.csv").read_text())))
    assert len(table) == len(lines) == 8 * 1300
    assert table["miou"].tolist() == [float(line["miou"]) for line in lines]
    worst = sorted(lines, key=lambda line: float(line["miou"]))[0]
    assert samples(table.worst(1)) == [worst["sample"]]
