"""What is compared and with what is chosen where it is clear, and asked for where it is not."""

import re

import pytest
from helpers.result_rows import lefts_of, result_row, write_run

from reliseg.errors import ConfigError, DataError
from reliseg.report.compare.sides import Entry, ReadRun, choose_sides, read_runs, run_names
from reliseg.results.replicates import Replicates


def entries(*rows, run="a"):
    read = ReadRun(run, rows, Replicates("nowhere"), f"runs/{run}")
    return [Entry(row, run=read) for row in rows]


NET, OTHER = result_row(model="net"), result_row(model="other")
FOG, CALIBRATED = result_row(domain="fog"), result_row(calibration="ts@street/cal")


@pytest.mark.parametrize(
    ("found", "by", "baseline"),
    [
        ([*entries(NET), *entries(OTHER, run="b")], "run", "a"),
        (entries(NET, OTHER, FOG, CALIBRATED), "model", "net"),
        (entries(OTHER, NET), "model", "other"),
        (entries(NET, FOG, CALIBRATED), "calibration", "identity"),
        (entries(CALIBRATED, NET), "calibration", "identity"),
        (entries(CALIBRATED, result_row(calibration="cms@street/cal")), "calibration", "ts@street/cal"),
        (entries(FOG, NET), "domain", "street/fog"),
        (entries(result_row(domain="fog", reference="street/dusk"), NET), "domain", "street/dusk"),
    ],
)
def test_the_first_that_differs_is_compared_with_its_usual_baseline(found, by, baseline):
    assert choose_sides(found, None, None) == (by, baseline)


@pytest.mark.parametrize(
    ("name", "by", "baseline"),
    [
        ("other", "model", "other"),
        ("fog", "domain", "street/fog"),
        ("street/fog", "domain", "street/fog"),
        ("ts@street/cal", "calibration", "ts@street/cal"),
        ("a", "run", "a"),
        ("runs/a", "run", "a"),
    ],
)
def test_a_baseline_says_what_is_compared(name, by, baseline):
    found = entries(NET, OTHER, FOG, CALIBRATED)
    assert choose_sides(found, None, name) == (by, baseline)
    assert choose_sides(found, by, name) == (by, baseline)


@pytest.mark.parametrize(
    ("found", "by", "baseline", "message"),
    [
        (
            entries(NET),
            None,
            None,
            "there is nothing to compare: one run of one model, calibration and domain; give",
        ),
        (
            entries(NET, OTHER),
            "model",
            "othr",
            "'othr': no model has this name; did you mean 'other'? known: ",
        ),
        (
            entries(NET, OTHER),
            None,
            "othr",
            "no run, model, calibration or domain has this name; did you mean",
        ),
        (entries(NET, result_row(domain="net")), None, "net", "--baseline 'net' is a model and a domain; say which by"),
        (
            entries(NET, result_row(dataset="field")),
            "domain",
            "dusk",
            "--baseline 'dusk' may be street/dusk or field/dusk; give one of these names",
        ),
    ],
)
def test_what_is_not_clear_is_asked_for(found, by, baseline, message):
    with pytest.raises(ConfigError, match=re.escape(message)):
        choose_sides(found, by, baseline)


def test_what_is_compared_agrees_in_all_else():
    (entry,) = entries(CALIBRATED)
    shared = ("net", "street", "dusk", "", "", "ece/test")
    assert entry.circumstances("calibration") == shared
    assert entry.circumstances("model") == ("street", "dusk", "ts@street/cal", "", "", "", "ece/test")
    assert entry.circumstances("run") == ("net", "street", "dusk", "ts@street/cal", "", "", "", "ece/test")


def test_runs_are_called_by_their_folders_as_short_as_they_differ(tmp_path):
    folders = [write_run(tmp_path / name, (NET, lefts_of([1, 2]))) for name in ("a", "b", "deep/a")]
    names = [str(folder) for folder in folders]
    assert [run.name for run in read_runs(dict(zip(names[:2], folders[:2], strict=True)))] == ["a", "b"]
    assert [run.name for run in read_runs(dict(zip(names, folders, strict=True)))] == names
    assert read_runs({names[0]: folders[0]})[0].replicates.of(NET) is not None
    with pytest.raises(DataError, match="no such file; give the folder of a finished run"):
        read_runs({"none": tmp_path / "none"})


def test_a_run_that_is_named_by_its_table_is_called_by_its_folder():
    assert run_names(["runs/a/results.json", "s3://bucket/b/results.json"]) == ["a", "b"]
    assert run_names(["old/a/results.json", "new/a"]) == ["old/a", "new/a"]
