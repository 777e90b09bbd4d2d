"""Calibrations that were fitted in one run and are applied in another."""

import json
import os
import shutil
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from helpers.devices import Notes
from helpers.street import Street, add_features, make_street

import reliseg
from reliseg import cli
from reliseg.calibration.methods.ts import Scaled
from reliseg.calibration.records.record import read_record, write_record
from reliseg.errors import ConfigError
from reliseg.results import Results

pytestmark = pytest.mark.slow

METHODS = ["ts", "vector", "cluster-ts(k=2)", "cluster-ts(k=3,clusters=mixture,seeds=[1,2,3])"]


def elsewhere(street: Street, folder: Path, **changes) -> Street:
    """Another configuration of the same data and predictions, in another folder."""
    content = street.content()
    content["datasets"][0]["root"] = str(street.root / "data")
    content["models"][0]["where"] = str(street.root / "logits")
    other = Street(folder)
    folder.mkdir(exist_ok=True)
    other.write(content | changes)
    return other


@pytest.fixture(scope="module")
def street(tmp_path_factory):
    return add_features(make_street(tmp_path_factory.mktemp("street"), day=3, dusk=3))


@pytest.fixture(scope="module")
def fitted(street):
    """The folder of a run that fitted calibrations."""
    content = street.content()
    content["calibration"][0]["methods"] = METHODS
    street.write(content)
    reliseg.run_config(street.config, street.root / "fitted")
    return street.root / "fitted"


def lines(path):
    return sorted((path / "results.csv").read_text().splitlines())


def without_thresholds(found):
    return [line for line in found if ",transfer_" not in line]


@pytest.mark.slow
@pytest.mark.parametrize("place", [".", "calibrations"])
def test_loaded_calibrations_give_the_same_results_to_the_bit(street, fitted, tmp_path, place):
    moved = shutil.copytree(fitted, tmp_path / "brought")
    other = elsewhere(street, tmp_path / "there", calibration=[{"load": str(moved / place)}])
    reliseg.run_config(other.config, tmp_path / "out")
    assert lines(tmp_path / "out") == lines(fitted)
    mine, theirs = (json.loads((p / "manifest.json").read_text()) for p in (tmp_path / "out", fitted))
    assert mine["calibrations"] == theirs["calibrations"]
    assert len(mine["calibrations"]) == 7
    third = elsewhere(street, tmp_path / "third", calibration=[{"load": "../out"}])  # from the run that loaded them
    reliseg.run_config(third.config, tmp_path / "again")
    assert lines(tmp_path / "again") == lines(fitted)
    reliseg.run_config(third.config, tmp_path / "again")  # it goes on where it stopped
    assert lines(tmp_path / "again") == lines(fitted)


@pytest.mark.slow
def test_one_record_is_for_the_only_model_whatever_its_name(street, fitted, tmp_path, monkeypatch, capsys):
    record = fitted / "calibrations" / "net" / "ts@street-cal.json"
    model = f"stored:{street.root / 'logits'},labels=camvid,name=mine"
    data = f"camvid={street.root / 'data'},domain=test,name=town"
    words = ["run", "--model", model, "--data", data, "--calibrate-from", str(record), "--out", str(tmp_path / "out")]
    monkeypatch.setattr(sys, "argv", ["reliseg", *words])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert not ended.value.code, capsys.readouterr().err
    results, before = (Results.read(p / "results.json") for p in (tmp_path / "out", fitted))
    assert {(r.model, r.calibration) for r in results} == {("mine", "identity"), ("mine", "ts@street/cal")}
    for name in ("identity", "ts@street/cal"):
        assert results.value("ece", calibration=name) == before.value("ece", domain="dusk", calibration=name)
    assert (tmp_path / "out" / "calibrations" / "mine" / record.name).read_bytes() == record.read_bytes()
    two = {name: reliseg.open_model(f"stored:{street.root / 'logits'}", labels="camvid") for name in ("net", "b")}
    dataset = reliseg.open_dataset("camvid", street.root / "data", domains={"dusk": {"split": "test"}})
    with pytest.raises(ConfigError, match=r"no calibration of model 'b'; .*known: net"):
        reliseg.evaluate(two, dataset, calibrate_from=record)


def test_python_applies_and_looks_at_a_record(street, fitted):
    dataset = reliseg.open_dataset("camvid", street.root / "data", domains={"dusk": {"split": "test"}})
    model = reliseg.open_model(f"stored:{street.root / 'logits'}", labels="camvid")
    results = reliseg.evaluate({"net": model}, dataset, calibrate_from=[fitted])
    name = "cluster_ts(k=3,clusters=mixture,seeds=[1,2,3])@street/cal"
    wanted = Results.read(fitted / "results.json").value("ece", domain="dusk", calibration=name)
    assert results.value("ece", calibration=name) == wanted
    record = reliseg.load_calibration(fitted / "calibrations" / "net" / "ts@street-cal.json")
    assert (record.name, record.label_space, len(record.classes)) == ("ts@street/cal", "camvid", 11)
    assert list(record.samples) == ["street/cal"]
    prediction = reliseg.Prediction(np.zeros((11, 2, 2), np.float32), (2, 2))
    slopes = record.calibration(prediction).view().inverse_temperatures
    np.testing.assert_array_equal(slopes, np.full(12, 1 / record.calibration.parameters()["temperature"]))


def refused(street, tmp_path, load, **changes):
    entries = [{"load": str(path)} for path in ([load] if isinstance(load, Path) else load)]
    other = elsewhere(street, tmp_path / "there", calibration=entries, **changes)
    with pytest.raises(reliseg.ReliSegError) as caught:
        reliseg.run_config(other.config, tmp_path / "out")
    assert caught.value.exit_code == 2
    assert not (tmp_path / "out").exists()
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_what_cannot_be_loaded_is_refused_before_anything_is_done(street, fitted, tmp_path):
    assert "no calibration is stored here" in refused(street, tmp_path, tmp_path / "nowhere")
    assert "seed=42)@street/cal of net is loaded twice" in refused(
        street, tmp_path, [fitted, shutil.copytree(fitted, tmp_path / "copy")]
    )
    of_others = shutil.copytree(fitted / "calibrations" / "net", tmp_path / "others" / "calibrations" / "nat")
    message = refused(street, tmp_path, of_others.parent.parent)
    assert "no calibration of model 'net'; did you mean 'nat'?" in message
    broken = shutil.copytree(fitted, tmp_path / "broken")
    arrays = next((broken / "calibrations").rglob("*.safetensors"))
    arrays.write_bytes(arrays.read_bytes()[:-1] + b"\x01")
    assert "its sha256 is not the one in" in refused(street, tmp_path, broken)
    datasets = elsewhere(street, tmp_path / "x").content()["datasets"]
    spaces = tmp_path / "own.toml"
    names = [f'"class {c}"' for c in range(11)]
    palette = ", ".join(f"[{c}, {c}, {c}]" for c in range(11))
    spaces.write_text(f"classes = [{', '.join(names)}]\npalette = [{palette}]\n")
    datasets[0] |= {"labels": str(spaces), "projection": {"camvid": list(range(11))}}
    message = refused(street, tmp_path, fitted, datasets=datasets)
    assert "was fitted for camvid (11 classes), and the data has own (11 classes, data set street)" in message


def test_fitting_and_loading_the_same_is_refused(street, fitted, tmp_path):
    other = elsewhere(street, tmp_path / "there")
    content = other.content()
    content["calibration"] = [{"on": ["street/cal"], "methods": ["ts"]}, {"load": str(fitted)}]
    other.write(content)
    with pytest.raises(ConfigError, match="ts@street/cal is both fitted and loaded; remove one"):
        reliseg.run_config(other.config, tmp_path / "out")


@pytest.mark.parametrize("entry", [{}, {"on": ["street/cal"]}, {"methods": ["ts"]}, {"load": "x", "methods": ["ts"]}])
def test_an_entry_fits_or_loads(street, tmp_path, entry):
    other = elsewhere(street, tmp_path / "there", calibration=[entry])
    with pytest.raises(ConfigError, match=r"calibration\.0: .*give on: and methods:, or only load:"):
        reliseg.run_config(other.config, tmp_path / "out")


@pytest.mark.slow
def test_another_model_is_said_and_not_refused(street, fitted, tmp_path):
    copied = shutil.copytree(street.root / "logits", tmp_path / "logits")
    first = min(copied.rglob("*.npz"))  # an image of the calibration split
    np.savez(first, logits=np.load(first)["logits"] * np.float32(1.5))
    models = [{"name": "net", "kind": "stored", "where": str(copied), "labels": "camvid"}]
    other = elsewhere(street, tmp_path / "there", calibration=[{"load": str(fitted)}], models=models)
    notes = Notes()
    reliseg.run_config(other.config, tmp_path / "out", progress=notes)
    said = [line for line in notes.lines if "it was fitted on a model" in line]
    assert len(said) == 7
    assert said[0].startswith("net, cluster_ts(k=2,seed=42)@street/cal: it was fitted on a model 'net'")
    assert without_thresholds(lines(tmp_path / "out")) == without_thresholds(lines(fitted))
    for row in Results.read(tmp_path / "out" / "results.json").where(metric="transfer_risk95"):
        assert row.why == "no calibration split with these classes"  # thresholds are those of one model
    silent = Notes()
    same = elsewhere(street, tmp_path / "same", calibration=[{"load": str(fitted)}])
    reliseg.run_config(same.config, tmp_path / "out2", progress=silent)
    assert not [line for line in silent.lines if "it was fitted on a model" in line]


def test_another_calibration_of_one_name_is_applied_from_then_on(street, fitted, tmp_path):
    brought = shutil.copytree(fitted, tmp_path / "brought")
    other = elsewhere(street, tmp_path / "there", calibration=[{"load": str(brought)}])
    reliseg.run_config(other.config, tmp_path / "out")
    path = brought / "calibrations" / "net" / "ts@street-cal.json"
    write_record(path.parent, replace(read_record(path), calibration=Scaled(3.0)))
    changed = reliseg.run_config(other.config, tmp_path / "out").to_csv()
    assert changed == reliseg.run_config(other.config, tmp_path / "fresh").to_csv()


@pytest.mark.slow
def test_a_broken_stored_calibration_is_fitted_again(street, fitted, tmp_path):
    content = street.content()
    other = elsewhere(street, tmp_path / "there", calibration=content["calibration"])
    reliseg.run_config(other.config, tmp_path / "out")
    wanted = {p.name: p.read_bytes() for p in (tmp_path / "out" / "calibrations" / "net").iterdir()}
    arrays = next((tmp_path / "out").rglob("*.safetensors"))
    os.truncate(arrays, 50)
    reliseg.run_config(other.config, tmp_path / "out")
    assert {p.name: p.read_bytes() for p in (tmp_path / "out" / "calibrations" / "net").iterdir()} == wanted
    assert lines(tmp_path / "out") == lines(fitted)


def test_thresholds_lie_beside_records_and_one_that_is_missing_costs_its_rows_only(street, fitted, tmp_path):
    brought = shutil.copytree(fitted, tmp_path / "brought")
    names = {path.stem for path in (brought / "calibrations" / "net").glob("*.thresholds")}
    assert names == {path.stem for path in (brought / "calibrations" / "net").glob("*.json")}
    lost = brought / "calibrations" / "net" / "ts@street-cal.thresholds"
    content = json.loads(lost.read_text())
    assert set(content["thresholds"]) == {"identity", "ts@street/cal"}
    lost.unlink()
    other = elsewhere(street, tmp_path / "there", calibration=[{"load": str(brought)}])
    reliseg.run_config(other.config, tmp_path / "out")
    mine, theirs = lines(tmp_path / "out"), lines(fitted)
    assert without_thresholds(mine) == without_thresholds(theirs)
    changed = {line for line in mine if line not in theirs}
    assert len(changed) == 2 * 2 * 2  # numbers, domains and scores
    assert all(",ts@street/cal," in line and "no calibration split" in line for line in changed)


def test_thresholds_of_another_record_are_refused(street, fitted, tmp_path):
    brought = shutil.copytree(fitted, tmp_path / "brought")
    path = brought / "calibrations" / "net" / "ts@street-cal.thresholds"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"record": "0" * 64}))
    message = refused(street, tmp_path, brought)
    assert message.startswith(f"{path}: it does not belong to ts@street-cal.json")
    assert "or delete it" in message


def test_check_says_what_is_loaded(street, fitted, tmp_path, command):
    other = elsewhere(street, tmp_path / "there", calibration=[{"load": str(fitted)}])
    code, _, said = command("check", other.config)
    assert code == 0, said
    assert "model net: ts@street/cal, fitted on " in said
    assert "street/dusk: comparing with the images that calibrations were fitted on (3)" in said
