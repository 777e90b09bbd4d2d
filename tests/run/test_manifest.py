"""The facts of a run: counts and hashes of samples, calibrations by shape, and settings as they were asked for."""

import json
from dataclasses import replace

import numpy as np
import pytest
from helpers.plans import SilentModel, dataset_of, plan_of
from helpers.runs import model_run, store_piece, write_files

from reliseg.calibration.methods.ts import Scaled
from reliseg.calibration.records.record import Record
from reliseg.plan.plan import ModelSource
from reliseg.run.evaluate.coverage import Coverage
from reliseg.run.manifest import manifest
from reliseg.stats import PixelStatistics, SampleTable
from reliseg.testing.worlds import drawn_world

SAMPLES = ("s/2", "s/1")


def observed() -> tuple[PixelStatistics, SampleTable]:
    """Some statistics of the samples."""
    parts = [drawn_world(1).observe(slice(100 * i, 100 * i + 100), sample) for i, sample in enumerate(SAMPLES)]
    (one, first), (two, second) = parts
    return one + two, SampleTable.union([first, second])


@pytest.fixture
def facts(tmp_path):
    dataset = dataset_of({"day": list(SAMPLES)}, root=tmp_path / "data")
    hashes = write_files(dataset)
    plan = plan_of(dataset, tests=["day"], threads=3, batch=2, seed=5, metrics=["likelihood"])
    models = {name: SilentModel(name) for name in ("net", "other")}
    plan = replace(plan, models=tuple(ModelSource(name, lambda m=model: m) for name, model in models.items()))
    runs = [model_run(tmp_path / "out", plan, model, name) for name, model in models.items()]
    coverage = Coverage(runs[0], plan.tests[0])
    store_piece(coverage, observed(), hashes, "identity")
    origin = {"fingerprint": "f", "model_files": (), "seed": 0, "pixels": 9, "model": "net"}
    samples = {"world/cal": {"c/1": "3" * 64}}
    record = Record(
        method="ts",
        split="world/cal",
        label_space="test",
        classes=("a", "b"),
        samples=samples,
        images=samples,
        calibration=Scaled(2.0),
        **origin,
    )
    runs[0] = replace(runs[0], records={"ts@world/cal": record})
    found = manifest(runs[0].context, plan, runs)
    return json.loads(json.dumps(found)) | {"expected": (hashes, coverage.parts)}


def test_samples_have_their_hashes_in_order_whichever_model_was_evaluated(facts):
    hashes, parts = facts["expected"]
    assert list(facts["samples"]["world/day"].items()) == sorted(hashes.items())
    assert facts["domains"] == {"world/day": {"images": 2, "skipped": []}}
    assert facts["identity"] == {"net": {"world/day": parts}, "other": {}}
    assert facts["made"] == [{"processor": "p"}]
    assert facts["seen"] == {}


def test_settings_and_versions_are_those_of_the_run(facts):
    assert (facts["threads"], facts["batch"], facts["seed"], facts["device_asked_for"]) == (3, 2, 5, "auto")
    assert facts["versions"]["numpy"] == np.__version__
    assert facts["models"] == {"net": {"name": "net"}, "other": {"name": "other"}}
    assert facts["cpu"]["cores"] >= 1


def test_calibrations_are_named_by_model_and_told_by_their_parameters(facts):
    (place,) = facts["calibrations"]
    calibration = facts["calibrations"][place]
    assert place == "net/ts@world-cal"
    assert calibration["parameters"]["temperature"] == 2.0
    assert (calibration["method"], calibration["fitted_on"], calibration["pixels"]) == ("ts", "world/cal", 9)
