"""Names in a run: which model, calibration and data set are meant, and what is said where that is not clear."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from helpers.deployed import record

from reliseg.calibration.records.record import Record
from reliseg.config.schema import parse_config
from reliseg.conformal import Promise, PromisedThreshold
from reliseg.deploy.stored_run import StoredRun, choose, dataset_of_record, of_record
from reliseg.errors import ConfigError
from reliseg.labels import label_space
from reliseg.stats.threshold import Threshold

ROAD, NIGHT = "road/cal", "night/cal"


def thresholds(name: str):
    return {"identity": {"msp": at(5)}, name: {"msp": at(7)}}


def at(last: int) -> Threshold:
    return Threshold(last, np.array([last]))


@dataclass(frozen=True, eq=False)
class Run(StoredRun):
    """A run with these calibrations."""

    stored: tuple[Record, ...] = ()

    def records(self, model):
        return list(self.stored)


def run_of(*records: Record) -> Run:
    return Run(Path("runs/a"), "runs/a", stored=records)


def test_the_only_one_need_not_be_named():
    only = record(thresholds=thresholds("ts@road/cal"))
    choice = run_of(only).choose_calibration("net", None)
    assert (choice.name, choice.split, choice.acceptance.last) == ("ts@road/cal", ROAD, 7)
    assert run_of().choose_calibration("net", None).name == "identity"


def test_of_those_of_earlier_configurations_none_is_meant_that_is_not_named(tmp_path):
    both = Run(tmp_path, "runs/a", stored=(record(), record("class_ts")))
    (tmp_path / "manifest.json").write_text('{"calibrations": {"net/class_ts@road-cal": {}, "other/ts@road-cal": {}}}')
    assert both.choose_calibration("net", None).name == "class_ts@road/cal"
    assert both.choose_calibration("net", "ts").name == "ts@road/cal"
    (tmp_path / "manifest.json").write_text("{")
    with pytest.raises(ConfigError, match="net has 2 calibrations"):
        both.choose_calibration("net", None)


def test_of_several_one_must_be_named_and_all_are_listed():
    both = run_of(record(), record("class_ts"))
    with pytest.raises(ConfigError) as raised:
        both.choose_calibration("net", None)
    assert str(raised.value) == ("runs/a: net has 2 calibrations; name one: ts@road/cal, class_ts@road/cal, identity")
    assert both.choose_calibration("net", "class_ts@road/cal").name == "class_ts@road/cal"


def test_a_method_stands_for_its_calibration_where_it_has_one_split():
    splits = record(), record(split=NIGHT), record("class_ts")
    assert run_of(*splits).choose_calibration("net", "class_ts").name == "class_ts@road/cal"
    with pytest.raises(ConfigError, match="runs/a: net has no calibration 'ts'; known: class_ts@road/cal"):
        run_of(*splits).choose_calibration("net", "ts")


def test_identity_has_the_threshold_of_a_split_that_is_named_or_of_the_only_one():
    night = record(split=NIGHT, thresholds={"identity": {"msp": at(9)}, "ts@night/cal": {"msp": at(1)}})
    one, two = run_of(night), run_of(night, record(thresholds=thresholds("ts@road/cal")))
    assert one.choose_calibration("net", "identity").acceptance.last == 9
    assert two.choose_calibration("net", "identity@road/cal").acceptance.last == 5
    choice = two.choose_calibration("net", "identity")
    assert choice.acceptance.last is None
    assert "identity@night/cal, identity@road/cal" in choice.acceptance.why
    with pytest.raises(ConfigError, match="no threshold of identity is stored of 'road/val'; did you mean 'road/cal'"):
        two.choose_calibration("net", "identity@road/val")


def test_a_calibration_without_thresholds_says_so():
    assert of_record(record()).acceptance.why == "no threshold was measured on road/cal"


def test_names_are_suggested():
    assert choose("model", "a", ["a", "b"], "runs/a") == "a"
    with pytest.raises(ConfigError, match="runs/a has no model 'dabnt'; did you mean 'dabnet'"):
        choose("model", "dabnt", ["dabnet", "edanet"], "runs/a")


def test_a_folder_without_a_run_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="no run is stored here; give the --out of reliseg run"):
        StoredRun(tmp_path, str(tmp_path)).model_name(None)


def test_classes_come_from_the_record_where_its_data_set_is_not_known():
    dataset = dataset_of_record(record(), {"cityscapes": (0,) * 19})
    assert (dataset.name, dataset.labels, dict(dataset.domains)) == ("road", label_space("camvid"), {})
    own = dataset_of_record(replace(record(), label_space="mine", classes=("a", "b")))
    assert own.labels.classes == ("a", "b")


def configured(*datasets: dict, **more) -> Run:
    """A run with these data sets, none of whose images are on this machine."""
    sections = [{"spec": "camvid", "root": "/gone"} | section for section in datasets]
    content = {"models": [{"name": "net", "kind": "hf", "where": "my/net"}], "datasets": sections}
    run = Run(Path("runs/a"), "runs/a")
    run.__dict__["config"] = parse_config(content)
    return run


def test_the_data_set_is_that_of_the_split_without_any_file_of_it():
    run = configured({"name": "road", "resize": [24, 32]}, {"name": "night"})
    dataset = run.dataset(None, of_record(record()))
    assert (dataset.name, dataset.resize, dict(dataset.domains)) == ("road", (24, 32), {})
    assert run.dataset("night", of_record(record())).resize is None


def test_a_calibration_of_another_run_takes_the_only_data_set_of_its_classes():
    elsewhere = of_record(record(split="far/cal"))
    run = configured({"name": "night"}, {"name": "city", "spec": "cityscapes"})
    assert run.dataset(None, elsewhere).name == "night"
    with pytest.raises(ConfigError, match="runs/a has 2 data sets; name one: night, road"):
        configured({"name": "night"}, {"name": "road"}).dataset(None, elsewhere)


def test_identity_of_several_data_sets_needs_the_name_of_one():
    identity = run_of().choose_calibration("net", None)
    assert configured({"name": "road"}).dataset(None, identity).name == "road"
    with pytest.raises(ConfigError, match="runs/a has 2 data sets; name one: road, night"):
        configured({"name": "road"}, {"name": "night"}).dataset(None, identity)


def test_the_projection_of_the_configuration_holds():
    groups = [0] * 19
    dataset = configured({"name": "road", "projection": {"cityscapes": groups}}).dataset(None, of_record(record()))
    assert dataset.projection(label_space("cityscapes")).groups == tuple(groups)


def test_a_promise_comes_before_the_threshold_of_95_percent():
    promised = PromisedThreshold(Promise(0.05), ROAD, "images", 51, 3)
    kept = record(thresholds=thresholds("ts@road/cal"), promises=(promised, replace(promised, bins=9)))
    assert run_of(kept).choose_calibration("net", "ts").acceptance.last == 3 * 1024 - 1
    assert run_of(kept).choose_calibration("net", "identity").acceptance.last == 5


def test_a_model_as_it_is_keeps_the_promise_on_the_images_that_are_named(monkeypatch):
    promises = [PromisedThreshold(Promise(0.05), on, "images", 51, bins) for on, bins in ((ROAD, 3), (NIGHT, 4))]
    monkeypatch.setattr(Run, "promises", lambda self, model: tuple(promises))
    run = run_of(record(thresholds=thresholds("ts@road/cal")))
    assert run.choose_calibration("net", f"identity@{NIGHT}").acceptance.last == 4 * 1024 - 1
    choice = run.choose_calibration("net", "identity")
    assert choice.acceptance.why == "name the images that its promise rests on: identity@night/cal, identity@road/cal"
    del promises[0]
    assert run_of().choose_calibration("net", "identity").acceptance.last == 4 * 1024 - 1
