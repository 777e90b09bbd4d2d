"""The commands that read what runs have written: what a user sees, the files, and the exit codes."""

import csv
import io
import json
import math
import sys
from xml.etree import ElementTree

import jsonschema
import numpy as np
import pytest
from helpers import s3_server
from helpers.result_rows import HOSTILE, lefts_of, result_row, with_interval, write_results, write_run
from helpers.simulated_run import Shape, write_simulated_pictures, write_simulated_run

import reliseg
from reliseg import cli

SURE = with_interval(result_row(0.02), 0.01, 0.03)
OPEN = with_interval(result_row(0.05, domain="fog"), 0.04, 0.06)
BAD = with_interval(result_row(0.09, domain="night"), 0.08, 0.1)
NULL = result_row(math.nan, domain="snow")


@pytest.mark.parametrize(
    ("rows", "options", "code", "last"),
    [
        ([SURE], [], 0, "gate: pass"),
        ([SURE, OPEN], [], 4, "gate: undecided"),
        ([SURE, OPEN], ["--undecided", "pass"], 0, "gate: undecided"),
        ([SURE, OPEN], ["--undecided", "fail"], 3, "gate: undecided"),
        ([SURE, OPEN, BAD], [], 3, "gate: fail"),
        ([SURE, OPEN, BAD], ["--undecided", "pass"], 3, "gate: fail"),
        ([SURE, NULL], [], 3, "gate: fail"),
        ([SURE, OPEN], ["--fail-if", "ece(domain=dusk) > 0.001"], 3, "gate: fail"),
    ],
)
def test_the_exit_code_of_a_gate_is_its_answer(command, tmp_path, rows, options, code, last):
    run = write_results(tmp_path / "run", *rows)
    found, out, err = command("gate", run, "--fail-if", "ece > 0.05", *options)
    assert (found, err) == (code, "")
    assert out.splitlines()[-1] == last


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--fail-if", "eec > 0.05"], "no row has metric 'eec'; did you mean 'ece'?"),
        (["--fail-if", "ece(model=neet) > 0.05"], "has model 'neet'; did you mean 'net'?"),
        (["--fail-if", "ece"], "character 4, at the end: expected a comparison"),
        (["--fail-if", "worse(ece) > 0.05"], "give --baseline RUN"),
        (["--fail-if", "ece > 0.05", "--baseline", "x"], "--baseline is for conditions with worse(..)"),
        (
            ["--fail-if", "worse(ece) > 0.05", "--baseline", "none"],
            "none: no such file; give the folder of a finished run",
        ),
        ([], "missing option '--fail-if'; see reliseg gate --help"),
        (["--fail-if", "ece > 0.05", "--undecided", "maybe"], "'maybe'"),
    ],
)
def test_a_gate_that_cannot_be_judged_exits_with_2_and_one_line(command, tmp_path, monkeypatch, words, said):
    monkeypatch.chdir(tmp_path)
    code, out, err = command("gate", write_results(tmp_path / "run", SURE), *words)
    assert (code, out) == (2, "")
    assert said in err
    assert err.startswith("reliseg: ")
    assert err.count("\n") == 1


def test_what_is_no_finished_run_is_refused(command, tmp_path):
    code, _, err = command("gate", tmp_path, "--fail-if", "ece > 0.05")
    assert code == 2
    assert "results.json: no such file; give the folder of a finished run" in err


def test_a_gate_writes_junit_and_markdown_whatever_its_answer(command, tmp_path):
    run = write_results(tmp_path / "run", SURE, OPEN)
    xml, text = tmp_path / "new" / "gate.xml", tmp_path / "new" / "gate.md"
    words = ["gate", run, "--fail-if", "ece > 0.05", "--junit", xml, "--markdown", text]
    assert command(*words)[0] == 4
    root = ElementTree.parse(xml).getroot()
    assert (root.get("tests"), root.get("failures"), root.get("skipped")) == ("2", "0", "1")
    assert text.read_text().startswith("## Gate: undecided\n")
    assert command(*words, "--undecided", "fail")[0] == 3
    assert ElementTree.parse(xml).getroot().get("failures") == "1"


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_are_text_in_all_that_a_gate_writes(command, tmp_path, name):
    row = with_interval(result_row(0.09, model=name, class_=name), 0.08, 0.1, name)
    run = tmp_path / "run"
    write_results(run, SURE, row)
    xml, text = tmp_path / "gate.xml", tmp_path / "gate.md"
    code, out, _ = command("gate", run, "--fail-if", "ece > 0.05", "--junit", xml, "--markdown", text)
    assert code == 3
    assert len(out.splitlines()) == 4
    assert "\x1b" not in out + text.read_text()
    assert len(list(ElementTree.parse(xml).iter("testcase"))) == 2


def test_equal_runs_are_not_worse_than_each_other(command, tmp_path):
    old = write_results(tmp_path / "old", SURE, OPEN)
    new = write_results(tmp_path / "new", SURE, OPEN)
    code, out, _ = command("gate", new, "--baseline", old, "--fail-if", "worse(ece(domain=street/fog)) > 0.01")
    assert code == 0
    assert "0.05 after 0.05" in out


def test_runs_are_compared_on_the_command_line_and_in_python_alike(command, tmp_path):
    ease = np.random.default_rng(3).normal(0.5, 0.1, 40)
    for name, more in (("old", 0.0), ("new", 0.05)):
        write_run(tmp_path / name, (result_row(float(ease.mean()) + more), lefts_of(ease + more * ease)))
    words = ["compare", tmp_path / "old", tmp_path / "new", "--metric", "ece"]
    code, out, err = command(*words)
    assert (code, err) == (0, "")
    assert out.startswith("ece: run against old (model net, ")
    _, text, _ = command(*words, "--baseline", "new", "--format", "csv")
    (line,) = csv.DictReader(io.StringIO(text))
    assert (line["run"], line["paired"], line["units"]) == ("old", "True", "40 images")
    _, text, _ = command(*words, "--format", "json")
    table = reliseg.compare([tmp_path / "old", tmp_path / "new"], "ece")
    assert json.loads(text)["comparisons"] == table.records()


def test_what_cannot_be_compared_exits_with_2(command, tmp_path):
    run = write_results(tmp_path / "run", SURE)
    for words, said in (
        ([run, "--metric", "ece"], "there is nothing to compare"),
        ([run, "--metric", "eec"], "did you mean 'ece'?"),
        ([run], "missing option '--metric'"),
    ):
        code, out, err = command("compare", *words)
        assert (code, out) == (2, "")
        assert said in err
    with pytest.raises(reliseg.ReliSegError, match="compare: no argument is called 'modle'; did you mean 'model'"):
        reliseg.compare(run, "ece", modle="net")


def test_figures_are_written_and_their_names_are_printed(command, tmp_path):
    run = write_simulated_run(tmp_path / "run", Shape(images=1))
    words = ["figures", run, "--out", tmp_path / "out", "--format", "svg", "--only", "reliability", "--width", "one"]
    code, out, err = command(*words)
    assert (code, err) == (0, "")
    names = [f"reliability-{model}-one.svg" for model in ("dabnet", "edanet")]
    assert out.splitlines() == [str(tmp_path / "out" / name) for name in names]
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == names
    (run / "curves.json").unlink()
    code, out, err = command(*words)
    assert (code, out) == (2, "")
    assert "nothing to draw: reliability: the run has no curves" in err


def test_a_table_is_printed_or_written(command, tmp_path):
    ease = np.random.default_rng(3).normal(0.5, 0.1, 40)
    numbers = [(result_row(float(ease.mean()) + m, model=f"net{m}"), lefts_of(ease + m * ease)) for m in (0.0, 0.5)]
    run = write_run(tmp_path / "run", *numbers)
    words = ["table", run, "--metrics", "ece", "--rows", "model,calibration", "--columns", "domain"]
    code, text, err = command(*words, "--intervals", "--digits", "2")
    assert (code, err) == (0, "")
    assert "\\toprule" in text
    assert command(*words, "--format", "markdown", "--fractions", "--out", tmp_path / "t.md")[:2] == (0, "")
    assert (tmp_path / "t.md").read_text().startswith("| model | calibration | dusk |")
    assert command(*words, "--format", "csv")[1].startswith("model,calibration,dusk\n")
    code, out, err = command("table", run, "--metrics", "eec")
    assert (code, out) == (2, "")
    assert "did you mean 'ece'?" in err


def test_a_card_is_printed_or_written_and_its_schema_too(command, tmp_path):
    run = write_results(tmp_path / "run", SURE, OPEN)
    code, text, err = command("card", run)
    assert (code, err) == (0, "")
    assert command("card", run, "--out", tmp_path / "card.json")[:2] == (0, "")
    assert (tmp_path / "card.json").read_text() == text
    schema = json.loads(command("card", "--schema")[1])
    jsonschema.validate(json.loads(text), schema)
    assert command("card", run, "--format", "huggingface")[1].startswith("model-index:")
    assert command("card")[0] == 2
    code, _, err = command("card", run, "--model", "nett")
    assert code == 2
    assert "did you mean 'net'?" in err


def test_a_report_is_written_and_named(tmp_path, capsys, monkeypatch):
    run, out = write_simulated_run(tmp_path / "run"), tmp_path / "page.html"
    (run / "images.csv").unlink()
    monkeypatch.setattr(sys, "argv", ["reliseg", "report", str(run), "--out", str(out)])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    said, complained = capsys.readouterr()
    assert ended.value.code in (None, 0)
    assert said == f"{out}: open it in a browser\n"
    assert "images.csv is not there" in complained
    assert out.read_text(encoding="utf-8").startswith("<!doctype html>")


def test_a_report_holds_pictures_within_the_budget_that_is_given(tmp_path, command):
    run = write_simulated_run(tmp_path / "run")
    write_simulated_pictures(run, Shape(), each=1)
    sizes = {}
    for budget in ("0", "0.05", "8"):
        code, _, _ = command("report", run, "--out", tmp_path / "page.html", "--picture-budget", budget)
        sizes[budget] = (tmp_path / "page.html").stat().st_size
        assert code == 0
    assert sizes["0"] < sizes["0.05"] < sizes["8"]
    assert sizes["0.05"] < sizes["0"] + 60_000


def test_runs_in_an_object_store_are_read_as_those_in_folders(command, tmp_path, s3):
    ease = np.random.default_rng(3).normal(0.5, 0.1, 40)
    for name, more in (("old", 0.0), ("new", 0.05)):
        number = with_interval(result_row(float(ease.mean()) + more, score="msp"), 0.4, 0.7)
        run = write_run(tmp_path / name, (number, lefts_of(ease + more * ease)))
        files = {p.relative_to(tmp_path).as_posix(): p.read_bytes() for p in run.rglob("*") if p.is_file()}
        s3_server.put(s3, "runs", files)
    simulated = write_simulated_run(tmp_path / "page" / "run")
    write_simulated_pictures(simulated, Shape(), each=1)
    files = {p.relative_to(tmp_path).as_posix(): p.read_bytes() for p in simulated.rglob("*") if p.is_file()}
    s3_server.put(s3, "runs", files)
    s3.heal()

    def words(place):
        old, new, page = f"{place}/old", f"{place}/new", f"{place}/page/run"
        yield ["compare", old, new, "--metric", "ece", "--format", "json"]
        yield ["gate", new, "--baseline", old, "--fail-if", "worse(ece) > 0.2"]
        yield ["card", new]
        yield ["report", page, "--out", tmp_path / "page.html"]
        yield ["table", page, "--format", "csv"]

    for here, there in zip(words(tmp_path), words("s3://runs"), strict=True):
        found = []
        for asked in (here, there):
            answer = command(*asked)
            page = (tmp_path / "page.html").read_bytes() if asked[0] == "report" else b""
            found.append((answer, page))
        assert found[0] == found[1]
        assert found[0][0][0] == 0
    assert s3.asked("PUT") == s3.asked("DELETE") == 0
    assert command("report", "s3://runs/none")[2] == (
        "reliseg: s3://runs/none/results.json: no such file; give the address of a finished run\n"
    )
