"""States with units: the images of all shards, in the order of the domain's images."""

from dataclasses import replace

import numpy as np
import pytest
from helpers.plans import SilentModel, dataset_of, plan_of
from helpers.runs import model_run, store_piece, write_files
from helpers.worlds import world

from reliseg.plan import shards as cutting
from reliseg.plan.plan import Plan
from reliseg.run.evaluate.coverage import Coverages
from reliseg.run.measure.states import load_state, rows_of_images
from reliseg.run.store.sums import HistogramSums
from reliseg.stats import SampleTable

WORLD = world(80, images=18, pixels=2000)


@pytest.mark.parametrize(("scenes", "kind"), [(9, "scenes"), (3, "images")])
def test_units_are_the_images_that_the_state_sums_up(tmp_path, monkeypatch, scenes, kind):
    monkeypatch.setattr(cutting, "SHARD_SIZE", 4)
    samples = {f"s{i % scenes}/{i:02}": i for i in range(18)}
    dataset = dataset_of({"day": list(samples)}, classes=WORLD.classes, root=tmp_path / "data")
    plan = plan_of(dataset, tests=["day"], reference="day", metrics=["segmentation"], scores=list(WORLD.scores))
    run = model_run(tmp_path / "out", plan, SilentModel(labels=WORLD.labels))
    hashes, coverages = write_files(dataset), Coverages(run)
    (target,) = plan.tests
    for shard in coverages.of(target).shards:
        for sample in shard.samples:
            counted = WORLD.observe(np.flatnonzero(WORLD.image == samples[sample.id]), sample.id)
            store_piece(coverages.of(target), counted, {sample.id: hashes[sample.id]}, "identity")
    counted_pixels, add = [], HistogramSums.add
    monkeypatch.setattr(HistogramSums, "add", lambda *of: [counted_pixels.append(of[-1]), add(*of)])
    state = load_state(Coverages(run), [target], "identity", with_units=True)
    assert sum(counted_pixels) == sum(state.roles) == len(WORLD.image)
    units, whole = state.units, WORLD.domain()
    ids = [i for _, cover in coverages.of(target).covers("identity") for i in sorted(cover.samples)]
    assert units.kind == kind
    assert [units.names[u] for u in units.of_image] == [
        f"{dataset.name}/{i.split('/')[0] if kind == 'scenes' else i}" for i in ids
    ]
    np.testing.assert_array_equal(units.total.classes, whole.units.total.classes)
    known = np.zeros(len(units))
    np.add.at(known, units.of_image, state.images.known)
    np.testing.assert_array_equal(units.rows.known, known)
    assert len(set(units.digests)) == len(units)
    assert load_state(Coverages(run), [target], "identity").units is None


def test_rows_of_images_are_those_of_the_pieces_that_hold_what_is_asked_for(tmp_path, monkeypatch):
    monkeypatch.setattr(Plan, "layout", lambda plan, dataset: replace(WORLD.layout, sets=False))
    monkeypatch.setattr(cutting, "SHARD_SIZE", 4)
    dataset = dataset_of({"day": [f"s/{i}" for i in range(6)]}, classes=WORLD.classes, root=tmp_path / "data")
    plan = plan_of(dataset, tests=["day"], reference="day", metrics=["segmentation"], scores=list(WORLD.scores))
    run = model_run(tmp_path / "out", plan, SilentModel(labels=WORLD.labels))
    hashes, coverages = write_files(dataset), Coverages(run)
    (target,) = plan.tests
    expected = {}
    for shard in coverages.of(target).shards:
        for sample in shard.samples:
            counted = WORLD.observe(np.flatnonzero(WORLD.image == int(sample.id[2:])), sample.id)
            expected[sample.id] = counted[1].label_coarse
            store_piece(coverages.of(target), counted, {sample.id: hashes[sample.id]}, "identity")
    found = list(rows_of_images(Coverages(run), [target], "identity", "by_label"))
    assert {of for of, _ in found} == {target}
    table = SampleTable.union(rows for _, rows in found)
    np.testing.assert_array_equal(table.label_coarse, np.concatenate([expected[i] for i in table.ids]))
