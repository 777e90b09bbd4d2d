"""The result table: what is written is what is read, to the last bit, and nothing undefined looks like a number."""

import csv
import io
import json
import math
import os

import pyarrow.parquet
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reliseg.errors import DataError
from reliseg.results import COLUMNS, Origin, Results, Row, Value, read_csv

ORIGIN = Origin("model", "data", "night", reference="data/day", calibration="ts@data/val", fitted_on="data/val", seed=3)
PLAIN = Origin("model", "data", "day")


def row(value, origin=ORIGIN):
    return Row.of(origin, value, n_images=2, n_pixels=100)


TABLE = Results(
    (
        row(Value.exact("ece", 0.1 + 0.2, "ece/15")),
        row(Value.exact("ece", 0.4, "ece/15"), PLAIN),
        row(Value.between("auroc", (0.5, 0.25, 0.75), "auroc/pooled", score="msp")),
        row(Value.between("auroc", (0.6, 0.5, 0.7), "auroc/pooled", score="margin")),
        row(Value.exact("iou", 1 / 3, "iou/domain", label='a "quoted", class')),
        row(Value.undefined("iou", "the class neither occurs nor is predicted", "iou/domain", label="b")),
        row(Value.exact("ood_auroc", 0.9, "ood/known-pixels/auroc", score="msp")),
        row(Value.exact("ood_auroc", 0.8, "ood/all-pixels/auroc", score="msp")),
    )
)
EMPTY = Results(())
NUMBERS = ("value", "lo", "hi", "ci_low", "ci_high", "spread")


def equal(a, b):
    """NaN equals NaN; everything else to the bit."""
    return len(a) == len(b) and all(repr(x) == repr(y) for x, y in zip(a, b, strict=True))


def read_back(table, tmp_path):
    path = tmp_path / "results.json"
    path.write_text(table.to_json({"run": "x"}), encoding="utf-8")
    return Results.read(path)


@pytest.mark.parametrize("table", [TABLE, EMPTY], ids=["table", "empty"])
def test_json_gives_back_the_table(table, tmp_path):
    again = read_back(table, tmp_path)
    assert equal(again, table)
    for a, b in zip(again, table, strict=True):
        assert [type(getattr(a, n)) for n in vars(a)] == [type(getattr(b, n)) for n in vars(b)]


TEXTS = st.text(st.characters(exclude_categories=("Cs",)), max_size=20)
BARE = st.sampled_from(["", "=", "+", "-", "@", "\t", "\r", "\n", "'", "''", "=1+1", "-2", "+a", "@b", "'c", '"', ","])


@given(st.floats(allow_nan=False, allow_infinity=False), st.builds(str.__add__, BARE, TEXTS))
def test_any_float_and_any_text_survive_json_and_csv(tmp_path_factory, number, text):
    table = Results((row(Value.exact("m", number, "d", label=text)),))
    record = json.loads(table.to_json())["rows"][0]
    assert repr(record["value"]) == repr(number)
    assert record["class"] == text
    path = tmp_path_factory.getbasetemp() / "table.csv"
    path.write_bytes(table.to_csv().encode())
    (line,) = read_csv(path)
    assert float(line["value"]).hex() == number.hex()
    assert line["class"] == text


def test_csv_has_every_column_and_leaves_undefined_numbers_empty():
    records = list(csv.DictReader(io.StringIO(TABLE.to_csv())))
    assert len(records) == len(TABLE)
    for record, original in zip(records, TABLE, strict=True):
        assert tuple(record) == COLUMNS
        for name in COLUMNS:
            value = getattr(original, "class_" if name == "class" else name)
            if value is None or (isinstance(value, float) and math.isnan(value)):
                assert record[name] == "", name
            elif isinstance(value, float):
                assert float(record[name]) == value, name
            else:
                assert record[name] == str(value), name
    undefined = next(r for r in records if r["class"] == "b")
    assert undefined["value"] == undefined["lo"] == undefined["hi"] == ""
    assert undefined["why"]


def test_json_is_strict_and_null_has_a_reason():
    def refuse(token):
        raise AssertionError(f"{token} is no JSON")

    rows = json.loads(TABLE.to_json(), parse_constant=refuse)["rows"]
    for record in rows:
        assert (record["value"] is None) == bool(record["why"])
        assert (record["lo"] is None) == (record["hi"] is None) == (record["value"] is None)
    assert sum(record["value"] is None for record in rows) == 1


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_json_refuses_provenance_that_json_cannot_hold(bad):
    with pytest.raises(ValueError, match="JSON compliant"):
        TABLE.to_json({"speed": bad})


def test_json_carries_the_provenance():
    assert json.loads(TABLE.to_json({"seed": 1}))["provenance"] == {"seed": 1}
    assert json.loads(TABLE.to_json())["provenance"] == {}


KINDS = {"string": {"model", "dataset", "domain", "reference", "calibration", "fitted_on", "score", "metric"}}
KINDS["string"] |= {"class", "why", "ci_units", "ci_note", "definition"}
KINDS |= {"int64": {"seed", "n_units", "n_images", "skipped", "n_pixels"}, "double": set(NUMBERS)}


@pytest.mark.parametrize("rows", [slice(None), slice(1, 2), slice(5, 6), slice(0, 0)])
def test_parquet_gives_back_the_records_with_the_same_types_whatever_they_are(rows, tmp_path):
    """Also where a column is null throughout, and in a table without rows."""
    table = Results(TABLE.rows[rows])
    table.write_parquet(tmp_path / "results.parquet")
    again = pyarrow.parquet.read_table(tmp_path / "results.parquet")
    assert again.to_pylist() == table.records()
    assert tuple(again.column_names) == COLUMNS
    assert {field.name: str(field.type) for field in again.schema} == {
        name: kind for kind, names in KINDS.items() for name in names
    }


def test_where_picks_by_columns():
    assert len(TABLE.where(metric="iou")) == 2
    assert [r.value for r in TABLE.where(metric="iou", **{"class": 'a "quoted", class'})] == [1 / 3]
    assert len(TABLE.where(metric="auroc", score="msp")) == 1
    assert len(TABLE.where(seed=None)) == 1
    assert len(TABLE.where()) == len(TABLE)
    assert len(TABLE.where(metric="none such")) == 0
    with pytest.raises(KeyError, match="no column 'clas'; did you mean 'class'"):
        TABLE.where(clas="a")


def test_value_is_one_number():
    assert TABLE.value("ece", domain="night") == 0.1 + 0.2
    assert TABLE.value("auroc", score="margin") == 0.6
    assert TABLE.value("iou", **{"class": 'a "quoted", class'}) == 1 / 3
    assert math.isnan(TABLE.value("iou", **{"class": "b"}))


def test_value_is_of_the_first_definition_unless_one_is_named():
    assert TABLE.value("ood_auroc") == 0.9
    assert TABLE.value("ood_auroc", definition="ood/all-pixels/auroc") == 0.8


@pytest.mark.parametrize(
    ("metric", "wanted", "message"),
    [
        ("ece", {}, r"2 rows with metric='ece'; also give domain \(night, day\)"),
        ("auroc", {}, r"2 rows with metric='auroc'; also give score \(msp, margin\)"),
        ("iou", {}, "it is of single classes: give class_: a .quoted., class, b"),
        ("eec", {}, "no row with metric='eec'; metric: did you mean 'ece'\\? known: "),
        ("ece", {"domain": "fog"}, "no row with metric='ece', domain='fog'"),
        ("ece", {"domian": "night"}, "no column 'domian'"),
    ],
)
def test_value_refuses_to_guess(metric, wanted, message):
    with pytest.raises(KeyError, match=message):
        TABLE.value(metric, **wanted)


def test_a_table_is_shown_on_one_line():
    metrics = len({r.metric for r in TABLE})
    assert repr(TABLE).startswith(f"Results({len(TABLE)} rows: 1 model, ")
    assert repr(TABLE).endswith(f", {metrics} metrics)")
    assert repr(Results(())) == "Results(0 rows: 0 models, 0 domains, 0 calibrations, 0 metrics)"


def test_a_table_is_read_from_the_folder_of_a_run(tmp_path):
    with pytest.raises(DataError, match=r"results\.json: no such file; give the folder of a finished run"):
        Results.read(tmp_path)
    (tmp_path / "results.json").write_text(TABLE.to_json())
    assert Results.read(tmp_path).to_csv() == TABLE.to_csv()
    for text in (TABLE.to_csv(), "{}", '{"rows": [{"model": "a"}]}', '{"rows": ["a"]}'):
        (tmp_path / "results.csv").write_text(text)
        with pytest.raises(DataError, match=r"results\.csv: not the results\.json of a run"):
            Results.read(tmp_path / "results.csv")


def json_with(**cells) -> str:
    return json.dumps({"rows": [TABLE.records()[0] | cells]})


DAMAGED = {
    "a text for a number": json_with(value="0.5"),
    "a number for a text": json_with(model=1),
    "null for a text": json_with(why=None),
    "a list for a text": json_with(domain=["a"]),
    "true for a number": json_with(value=True),
    "no number": json_with(value=math.nan),
    "infinite": json_with(lo=math.inf),
    "more than any float": json_with(hi=10**400),
    "a fraction of an image": json_with(n_images=0.5),
    "null for a count": json_with(skipped=None),
    "an unknown column": json_with(colour="a"),
    "5,000 digits": json_with().replace('"n_images": ', '"n_images": 1' + "0" * 5000),
    "deep": "[" * 100_000,
    "no text": "\udcff",
    "two": json_with() * 2,
    "empty": "",
    "null": "null",
}


@pytest.mark.parametrize("name", DAMAGED)
def test_a_damaged_table_is_refused_in_one_line(tmp_path, name):
    (tmp_path / "results.json").write_bytes(DAMAGED[name].encode(errors="surrogateescape"))
    with pytest.raises(DataError) as refused:
        Results.read(tmp_path)
    assert str(refused.value) == (
        f"{tmp_path / 'results.json'}: not the results.json of a run; give the folder of a finished one"
    )


def test_what_is_no_file_is_no_table(tmp_path):
    os.mkfifo(tmp_path / "results.json")
    with pytest.raises(DataError, match=r"cannot be read \(it is a pipe, not a regular file\)"):
        Results.read(tmp_path)
    for name in ("x" * 5000, "a\0b"):
        with pytest.raises(DataError, match="cannot be read"):
            Results.read(tmp_path / name)


def test_skipped_images_are_counted_in_every_form_of_the_table(tmp_path):
    number = Row.of(ORIGIN, Value.exact("m", 0.5, "d"), n_images=2, n_pixels=9, skipped=3)
    table = Results((number,))
    (tmp_path / "results.csv").write_text(table.to_csv())
    (tmp_path / "results.json").write_text(table.to_json())
    table.write_parquet(tmp_path / "results.parquet")
    assert read_csv(tmp_path / "results.csv")[0]["skipped"] == "3"
    assert Results.read(tmp_path) == table
    assert pyarrow.parquet.read_table(tmp_path / "results.parquet").to_pylist()[0]["skipped"] == 3


def test_a_table_from_before_images_could_be_skipped_is_read_as_one_of_none(tmp_path):
    records = [{k: v for k, v in record.items() if k != "skipped"} for record in TABLE.records()]
    (tmp_path / "results.json").write_text(json.dumps({"rows": records}))
    assert Results.read(tmp_path).records() == TABLE.records()
