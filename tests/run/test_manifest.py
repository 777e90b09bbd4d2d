"""The facts of a run: counts and hashes of samples, calibrations by shape, and settings as they were asked for."""

import json
from dataclasses import replace

import numpy as np
import pytest
from helpers.plans import SilentModel, dataset_of, plan_of

from reliseg.calibration.methods.ts import Scaled
from reliseg.calibration.records.record import Record, write_record
from reliseg.plan.plan import ModelSource
from reliseg.plan.shards import shards
from reliseg.run.context import RunContext
from reliseg.run.evaluate.shard_files import Observed, ShardHead, save_shard
from reliseg.run.folder import RunFolder
from reliseg.run.manifest import manifest
from reliseg.stats import SampleTable
from reliseg.testing.worlds import drawn_world

HASHES = {"s/2": "2" * 64, "s/1": "1" * 64}


PARTS = {"model": "1", "label map": "2"}


def observed() -> Observed:
    """Some statistics of the samples."""
    parts = [drawn_world(1).observe(slice(100 * i, 100 * i + 100), sample) for i, sample in enumerate(HASHES)]
    (one, first), (two, second) = parts
    return Observed(one + two, SampleTable.union([first, second]))


@pytest.fixture
def facts(tmp_path):
    dataset = dataset_of({"day": list(HASHES)})
    plan = plan_of(dataset, tests=["day"], threads=3, batch=2, seed=5, metrics=["likelihood"])
    plan = replace(plan, models=(ModelSource("net", SilentModel), ModelSource("other", SilentModel)))
    context = RunContext(RunFolder(tmp_path))
    for shard in shards(plan.tests[0]):
        head = ShardHead(HASHES, {}, {}, PARTS, {"identity": "1"})
        save_shard(context.folder.shard("net", shard), head, [("identity", observed())])
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
    write_record(context.folder.records("net"), record)
    return json.loads(json.dumps(manifest(context, plan, {"net": {"kind": "stored"}})))


def test_samples_have_their_hashes_in_order_whichever_model_was_evaluated(facts):
    assert list(facts["samples"]["world/day"].items()) == sorted(HASHES.items())
    assert facts["domains"] == {"world/day": {"images": 2, "skipped": []}}
    assert facts["identity"] == {"net": {"world/day": PARTS}, "other": {}}
    assert facts["seen"] == {}


def test_settings_and_versions_are_those_of_the_run(facts):
    assert (facts["threads"], facts["batch"], facts["seed"], facts["device_asked_for"]) == (3, 2, 5, "auto")
    assert facts["versions"]["numpy"] == np.__version__
    assert facts["models"] == {"net": {"kind": "stored"}}
    assert facts["cpu"]["cores"] >= 1


def test_calibrations_are_named_by_model_and_told_by_their_parameters(facts):
    (place,) = facts["calibrations"]
    calibration = facts["calibrations"][place]
    assert place == "net/ts@world-cal"
    assert calibration["parameters"]["temperature"] == 2.0
    assert (calibration["method"], calibration["fitted_on"], calibration["pixels"]) == ("ts", "world/cal", 9)
