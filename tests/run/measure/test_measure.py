"""From shards on disk to rows: the metrics of a domain are those of all its samples at once."""

import json
from dataclasses import replace

import numpy as np
import pytest
from helpers.plans import SilentModel, dataset_of, plan_of, target_of
from helpers.runs import model_run, store_piece, write_files
from helpers.worlds import WORLDS

from reliseg.labels import VOID
from reliseg.metrics import METRICS
from reliseg.plan import shards as cutting
from reliseg.plan.plan import Pool
from reliseg.run.evaluate.coverage import Coverages
from reliseg.run.measure import measure as measuring
from reliseg.run.measure import reading
from reliseg.run.measure.measure import Chosen, measure
from reliseg.run.measure.states import load_state
from reliseg.runtime.progress import Silent

WORLD = WORLDS["plain"]
FAMILIES = ["segmentation", "class_wise_error", "score_summary", "drop", "transfer"]
IMAGES = {"day": [0, 1], "dusk": [2, 3]}
NOTHING = Chosen({}, {})
"""No thresholds."""


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Each image of the world in a shard of its own, counted without calibration."""
    monkeypatch.setattr(cutting, "SHARD_SIZE", 1)
    dataset = dataset_of(
        {name: [f"{i}/{i}" for i in images] for name, images in IMAGES.items()},
        classes=WORLD.classes,
        root=tmp_path / "data",
        unions={"both": ("day", "dusk")},
    )
    names = list(WORLD.scores)
    plan = plan_of(dataset, tests=["day", "dusk", "both"], reference="day", metrics=FAMILIES, scores=names)
    run = model_run(tmp_path / "out", plan, SilentModel(labels=WORLD.labels))
    hashes, coverages = write_files(dataset), Coverages(run)
    for target in plan.test_domains():
        for shard in coverages.of(target).shards:
            (sample,) = shard.samples
            counted = WORLD.observe(np.flatnonzero(WORLD.image == int(sample.scene)), sample.id)
            store_piece(coverages.of(target), counted, {sample.id: hashes[sample.id]}, "identity")
    return run


def part(name: str):
    images = [i for n, numbers in IMAGES.items() if name in (n, "both") for i in numbers]
    return WORLD.only(np.isin(WORLD.image, images)).domain()


@pytest.mark.parametrize("name", ["day", "dusk", "both"])
def test_the_state_of_a_domain_is_that_of_all_its_samples(run, name):
    (target,) = [t for t in run.plan.tests if t.domain.name == name]
    state, whole = load_state(Coverages(run), target.members(), "identity"), part(name)
    for score in WORLD.scores:
        assert state.pixels.ranks[score] == whole.pixels.ranks[score]
    assert state.pixels.top == whole.pixels.top
    np.testing.assert_array_equal(state.images.rows, whole.images.rows)
    assert (state.unreachable, state.annotated) == (whole.unreachable, True)


def test_the_reference_is_read_once_under_each_calibration(run, monkeypatch):
    read = []
    load = reading.load_state
    monkeypatch.setattr(reading, "load_state", lambda *given, **how: read.append(given[1]) or load(*given, **how))
    measure(Coverages(run), (), NOTHING)
    names = sorted([m.domain.name for m in members] for members in read)
    assert names == [["day"], ["day", "dusk"], ["dusk"]]


def test_numbers_by_class_have_intervals_or_a_reason(run):
    rows = [r for r in measure(Coverages(run), (), NOTHING).rows if r.metric == "classwise_ece" and not r.why]
    assert len(rows) == 3 * (1 + WORLD.classes)
    assert all(r.ci_low <= r.value <= r.ci_high or r.ci_note for r in rows)
    assert not any("not kept" in r.ci_note for r in rows)


def test_rows_are_the_metrics_of_states_and_drops_those_to_the_reference(run):
    found = measure(Coverages(run), (), NOTHING)
    rows, lines = found.rows, found.reliability
    assert [json.loads(line)["domain"] for line in found.curves] == ["day", "dusk", "both"]
    assert [r.domain for r in rows] == sorted((r.domain for r in rows), key=["day", "dusk", "both"].index)
    for name in ("day", "dusk", "both"):
        reference = None if name == "day" else part("day")
        for family in ("segmentation", "drop"):
            values = list(METRICS.get(family)().compute(part(name), reference))
            found = [r for r in rows if r.domain == name and r.metric in {v.metric for v in values}]
            assert [(r.metric, r.score, str(r.value)) for r in found] == [
                (v.metric, v.score, str(v.value)) for v in values
            ]
    assert {r.reference for r in rows if r.domain == "dusk"} == {"world/day"}
    assert {r.reference for r in rows if r.domain == "day"} == {""}
    assert {(r.n_images, r.n_pixels) for r in rows if r.domain == "both"} == {(4, int(WORLD.known.sum()))}
    assert len(lines) == 3 * 15


def test_what_holds_images_of_the_reference_has_no_ood_detection(run):
    """A union or a pool: its images would be on both sides. Drops and all else are given."""
    names, pool = list(WORLD.scores), Pool("all", tuple(run.plan.tests[:2]))
    dataset = run.plan.tests[0].dataset
    plan = plan_of(dataset, tests=["dusk", "both"], reference="day", metrics=[*FAMILIES, "image_ood"], scores=names)
    rows = measure(Coverages(replace(run, plan=replace(plan, pools=(pool,)))), (), NOTHING).rows
    ood = [row for row in rows if row.metric.startswith("ood_")]
    assert {row.domain: row.why for row in ood} == {
        "dusk": "",
        "both": "it holds images of the reference",
        "pooled": "it holds images of the reference",
    }
    assert all(np.isnan(row.value) == (row.domain != "dusk") for row in ood)
    drops = [row for row in rows if row.metric == "drop_miou"]
    assert {row.domain for row in drops} == {"dusk", "both", "pooled"}
    assert not np.isnan([row.value for row in drops]).any()


def test_an_incomplete_domain_has_no_rows_and_is_no_reference(run):
    day, dusk = (target_of(run.plan.tests[0].dataset, name) for name in IMAGES)
    rows = measure(Coverages(run), {dusk}, NOTHING).rows
    assert {r.domain for r in rows} == {"day"}
    rows = measure(Coverages(run), {day}, NOTHING).rows
    assert {r.domain for r in rows} == {"dusk"}
    assert not [r for r in rows if r.metric.startswith("drop_")]


def test_a_piece_that_goes_while_it_is_read_is_named(run):
    target, coverages = run.plan.tests[0], Coverages(run)
    covers = list(coverages.of(target).covers("identity"))
    (path,) = (piece.path for piece in covers[0][1].pieces())

    class Kept(type(coverages.of(target))):
        def covers(self, calibration):
            return iter(covers)

    coverages._by_target[target] = Kept(run, target)
    assert load_state(coverages, [target], "identity").pixels.ranks["msp"].known.any()
    path.unlink()
    with pytest.raises(FileNotFoundError, match="is gone or broken since it was written"):
        load_state(coverages, [target], "identity")


def test_a_shard_that_is_not_there_is_no_part_of_the_sum(run):
    target = run.plan.tests[0]
    ((_, cover), *_) = Coverages(run).of(target).covers("identity")
    (piece,) = cover.pieces()
    piece.path.unlink()
    assert len(load_state(Coverages(run), [target], "identity").images) == 1
    rows = measure(Coverages(run), (), NOTHING).rows
    assert {(r.domain, r.n_images, r.skipped) for r in rows} == {("day", 1, 1), ("dusk", 2, 0), ("both", 3, 1)}


def test_domains_without_annotation_have_only_metrics_that_need_none(run):
    dataset = run.plan.tests[0].dataset
    bare = {name: replace(d, annotated=False) for name, d in dataset.domains.items()}
    other = replace(run.plan, tests=(target_of(replace(dataset, domains=bare), "dusk"),), reference=None)
    found = measure(Coverages(replace(run, plan=other)), (), NOTHING)
    rows, lines = found.rows, found.reliability
    assert not lines
    assert not found.curves
    assert {r.metric.partition("_")[0] for r in rows} == {"score"}


class Notes(Silent):
    """Keeps the notes of a run."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def note(self, text: str) -> None:
        self.lines.append(text)


def test_much_void_is_said_of_each_domain_whose_masks_the_check_has_not_all_seen(run, monkeypatch):
    monkeypatch.setattr(measuring, "MASKS_TO_DECODE", 1)
    progress = Notes()
    sensitive = replace(run.plan.tests[0].dataset, usual_void=0.0)
    tests = tuple(target_of(sensitive, name) for name in ("day", "dusk", "both"))
    noting = replace(run, plan=replace(run.plan, tests=tests), context=replace(run.context, progress=progress))
    measure(Coverages(noting), (), NOTHING)
    expected = []
    for name, images in IMAGES.items():
        share = 100 * (WORLD.truth[np.isin(WORLD.image, images)] == VOID).mean()
        expected.append(f"world/{name}: {share:.0f} % of the pixels of all 2 masks are void (0.0 % are usual)")
    assert [line.partition(", and")[0] for line in progress.lines] == expected
    assert {line.partition(", and ")[2] for line in progress.lines} == {
        "count nowhere; reliseg check looks for the reason"
    }
    progress.lines.clear()
    measure(Coverages(run), (), NOTHING)
    assert progress.lines == []
    monkeypatch.setattr(measuring, "MASKS_TO_DECODE", 2)
    measure(Coverages(noting), (), NOTHING)
    assert progress.lines == []
