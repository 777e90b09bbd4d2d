"""A predictor from a run, or from a calibration and a model; and what does not belong together."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from helpers import s3_server
from helpers.deployed import SPLIT, Deployed, deploy, logits_of_colors

import reliseg
from reliseg.calibration.records.record import record_file
from reliseg.deploy.loading import find_record
from reliseg.errors import ConfigError, ModelError, UsageError

TS, CLASS_TS = f"ts@{SPLIT}", f"class_ts@{SPLIT}"


@pytest.fixture(scope="module")
def deployed(tmp_path_factory: pytest.TempPathFactory) -> Deployed:
    return deploy(tmp_path_factory.mktemp("loading"), ("ts", "class_ts"))


@pytest.fixture
def record(deployed: Deployed) -> Path:
    return deployed.run / "calibrations" / "net" / record_file(TS)


def network(deployed: Deployed, **options):
    where = f"python:{deployed.root / 'net.py'}:build"
    return reliseg.open_model(where, "camvid", feature="deep", **{"threads": 1, "device": "cpu"} | options)


def confidence(predictor, deployed: Deployed) -> np.ndarray:
    return predictor(deployed.images()[0]).confidence


def test_a_run_a_record_and_its_file_give_the_same_predictor(deployed, record):
    of_run = reliseg.load_predictor(deployed.run, "net", TS)
    expected = confidence(of_run, deployed)
    model = network(deployed)
    for predictor in (
        reliseg.load_predictor(str(deployed.run), calibration="ts"),
        reliseg.load_predictor(record, model),
        reliseg.load_predictor(find_record(record), model),
        reliseg.load_predictor(deployed.run, model, TS),
        reliseg.load_predictor(deployed.run, {"net": model}, TS),
    ):
        np.testing.assert_array_equal(confidence(predictor, deployed), expected)
        assert predictor.acceptance == of_run.acceptance
        assert predictor.acceptance.last is not None
        assert predictor.notes == ()


def test_a_run_in_an_object_store_and_a_file_in_it_are_loaded_as_those_in_a_folder(deployed, record, s3):
    files = {f"a/{p.relative_to(deployed.run)}": p.read_bytes() for p in deployed.run.rglob("*") if p.is_file()}
    s3_server.put(s3, "deployed", files)
    s3.heal()
    expected = reliseg.load_predictor(deployed.run, "net", TS)
    model = network(deployed)
    for predictor in (
        reliseg.load_predictor("s3://deployed/a", "net", TS),
        reliseg.load_predictor(f"s3://deployed/a/calibrations/net/{record.name}", model),
    ):
        np.testing.assert_array_equal(confidence(predictor, deployed), confidence(expected, deployed))
        assert predictor.acceptance == expected.acceptance
    assert s3.asked("GET", "/(statistics|replicates|pictures|fitted)/") == s3.asked("PUT") == s3.asked("DELETE") == 0
    with pytest.raises(ConfigError, match="s3://deployed/a: net has 2 calibrations"):
        reliseg.load_predictor("s3://deployed/a")
    with pytest.raises(UsageError, match=r"s3://deployed/b/results\.json: no such file; give the address of a fini"):
        reliseg.load_predictor("s3://deployed/b")
    with pytest.raises(ConfigError, match="write s3://deployed/a as a text"):
        reliseg.load_predictor(Path("s3://deployed/a"))


def test_images_and_masks_of_the_run_need_not_be_there(deployed, tmp_path):
    before = confidence(reliseg.load_predictor(deployed.run, calibration=TS), deployed)
    away = tmp_path / "away"
    shutil.copytree(deployed.root / "data", away)
    image = away / "train" / deployed.images()[0].name
    moved = deployed.root / "data-moved"
    (deployed.root / "data").rename(moved)
    try:
        after = reliseg.load_predictor(deployed.run, calibration=TS)(image).confidence
    finally:
        moved.rename(deployed.root / "data")
    np.testing.assert_array_equal(after, before)


def test_a_calibration_of_another_model_is_refused(deployed, record):
    other = network(deployed, args={"sharpness": 50.0})
    for source in (record, deployed.run):
        with pytest.raises(ConfigError, match="was fitted on a model 'net' with other settings than net; give that"):
            reliseg.load_predictor(source, other, *([TS] if source == deployed.run else []))


def test_a_model_that_nobody_can_tell_from_another_is_noted_and_has_no_threshold(record):
    model = reliseg.open_model(logits_of_colors, labels="camvid")
    predictor = reliseg.load_predictor(record, model)
    (note,) = predictor.notes
    assert note.startswith(f"{TS} was fitted on a model 'net' that may be another one")
    assert predictor.acceptance.why.endswith("was measured on a model that may be another one")


def test_other_weights_are_refused_and_changed_code_is_noted(deployed, tmp_path):
    shutil.copytree(deployed.run, tmp_path / "run")
    net = deployed.root / "net.py"
    before = net.read_text()
    try:
        net.write_text(f"{before}\n# a comment\n")
        changed = reliseg.load_predictor(tmp_path / "run", calibration=TS)
        net.write_text(before.replace("sharpness: float = 60.0", "sharpness: float = 50.0"))
        with pytest.raises(ConfigError, match="was fitted on a model 'net' with other weights than net; give that"):
            reliseg.load_predictor(tmp_path / "run", calibration=TS)
    finally:
        net.write_text(before)
    assert changed.notes == (f"{net} was changed since {TS} was fitted",)
    assert changed.acceptance.last is not None
    (tmp_path / "run" / "manifest.json").write_text("{")
    assert reliseg.load_predictor(tmp_path / "run", calibration=TS).notes == ()


def test_a_calibration_of_other_classes_is_refused(deployed, record, tmp_path):
    text = (deployed.run / "config.yaml").read_text()
    content = yaml.safe_load(text)
    content["datasets"][0] |= {"labels": "cityscapes", "label_map": {"known": {0: 0}}, "name": "street"}
    shutil.copytree(deployed.run, tmp_path / "run")
    (tmp_path / "run" / "config.yaml").write_text(yaml.safe_dump(content))
    with pytest.raises(
        ConfigError, match=r"fitted for camvid \(11 classes\), and street has cityscapes \(19 classes\)"
    ):
        reliseg.load_predictor(tmp_path / "run", network(deployed), TS)


def test_a_projection_that_the_calibration_was_not_fitted_with_is_refused(deployed, record):
    swapped = [1, 0, *range(2, 11)]
    with pytest.raises(ConfigError, match="was fitted with another projection than street has here; load it from"):
        reliseg.load_predictor(record, network(deployed), projection=swapped)
    same = reliseg.load_predictor(record, network(deployed), projection=range(11))
    assert same.projection.is_identity


def test_stored_predictions_are_no_network(deployed, record, tmp_path):
    np.savez(tmp_path / "a.npz", logits=np.zeros((11, 2, 2), np.float32))
    stored = reliseg.open_model(f"stored:{tmp_path}", labels="camvid")
    with pytest.raises(ModelError, match="is of stored predictions, which are there already; a predictor needs"):
        reliseg.load_predictor(record, stored)


BAD = {
    "unknown keyword": (lambda d, r: reliseg.load_predictor(d.run, devise="cpu"), "no keyword 'devise'; did you mean"),
    "record without model": (lambda d, r: reliseg.load_predictor(r), "give model, the open model that it was fitted"),
    "record and calibration": (lambda d, r: reliseg.load_predictor(r, None, "ts"), "calibration says nothing of a"),
    "run and projection": (lambda d, r: reliseg.load_predictor(d.run, projection=[0]), "projection says nothing of"),
    "unknown data set": (
        lambda d, r: reliseg.load_predictor(d.run, None, TS, dataset="steet"),
        "no data set 'steet'; did",
    ),
    "no model": (lambda d, r: reliseg.load_predictor(d.run, 3, TS), "model is a int; give a name, a model of"),
    "no threads": (lambda d, r: reliseg.load_predictor(d.run, None, TS, threads=0), "threads"),
    "no run": (lambda d, r: reliseg.load_predictor(d.root / "data"), "no run is stored here"),
    "several calibrations": (lambda d, r: reliseg.load_predictor(d.run), f"name one: {CLASS_TS}, {TS}, identity"),
}


@pytest.mark.parametrize("name", BAD)
def test_what_is_wrong_is_one_line(name, deployed, record):
    load, problem = BAD[name]
    with pytest.raises(UsageError) as raised:
        load(deployed, record)
    assert problem in str(raised.value)
    assert "\n" not in str(raised.value)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_gpu_that_is_not_there_is_one_line(deployed):
    with pytest.raises(UsageError) as raised:
        reliseg.load_predictor(deployed.run, calibration=TS, device="cuda")
    assert "no device 'cuda'" in str(raised.value)
    assert str(raised.value).endswith("use cpu or cuda[:i]")


def test_a_run_of_a_model_in_memory_takes_the_object(deployed, tmp_path):
    content = yaml.safe_load((deployed.run / "config.yaml").read_text())
    content["models"][0] = {"name": "net", "kind": "object", "where": "Net", "labels": "camvid"}
    shutil.copytree(deployed.run, tmp_path / "run")
    (tmp_path / "run" / "config.yaml").write_text(yaml.safe_dump(content))
    with pytest.raises(UsageError, match=r"was an object in Python; give it to reliseg\.load_predictor"):
        reliseg.load_predictor(tmp_path / "run", calibration=TS)
    predictor = reliseg.load_predictor(tmp_path / "run", network(deployed), TS)
    assert json.dumps(predictor.facts())
