"""What determines a number is in its key; what does not, is not."""

from dataclasses import replace

import numpy as np
import pytest
from helpers.plans import SilentModel, dataset_of, plan_of, target_of
from helpers.runs import model_run, store_piece, write_files
from helpers.worlds import WORLDS

from reliseg.results import Origin
from reliseg.run.evaluate.coverage import Coverages
from reliseg.run.measure.jobs import Job, Keys
from reliseg.run.store import made
from reliseg.stats.threshold import Threshold

WORLD = WORLDS["plain"]
THRESHOLD = Threshold(5, np.array([4, 5]))


@pytest.fixture
def run(tmp_path):
    """Two domains, each with its statistics."""
    dataset = dataset_of(
        {"day": ["0/0", "1/1"], "dusk": ["2/2"], "night": ["3/3"]}, classes=WORLD.classes, root=tmp_path / "data"
    )
    plan = plan_of(dataset, tests=["day", "dusk"], reference="day", scores=list(WORLD.scores), metrics=["segmentation"])
    run = model_run(tmp_path / "out", plan, SilentModel(labels=WORLD.labels))
    hashes, coverages = write_files(dataset), Coverages(run)
    for target in plan.tests:
        ids = [sample.id for sample in target.domain.samples]
        parts = [WORLD.observe(np.flatnonzero(WORLD.image == int(i[0])), i) for i in ids]
        for i, part in zip(ids, parts, strict=True):
            store_piece(coverages.of(target), part, {i: hashes[i]}, "identity")
    return run


def job(run, **changes) -> Job:
    day, dusk = run.plan.tests
    whole = Job(dusk, Origin("net", "world", "dusk", "world/day"), [("world/day", {"msp": THRESHOLD})], [], day, False)
    return replace(whole, **changes)


def key(run, one: Job | None = None) -> str:
    return Keys(Coverages(run)).of([one or job(run)], {})


def with_dusk(run, **domain):
    """The run, where something else is said of the tested domain."""
    day, dusk = run.plan.tests
    other = replace(dusk, domain=replace(dusk.domain, **domain))
    return replace(run, plan=replace(run.plan, tests=(day, other)))


def test_the_same_question_has_the_same_key(run):
    assert key(run) == key(run)
    assert Keys(Coverages(run)).of([job(run)], {"mean": ["a", "b"]}) != key(run)


CHANGES = {
    "another name in its rows": lambda j: replace(j, origin=replace(j.origin, model="other")),
    "another reference": lambda j: replace(j, reference=j.target),
    "no reference": lambda j: replace(j, reference=None),
    "images of the reference": lambda j: replace(j, holds_reference=True),
    "another threshold": lambda j: replace(j, thresholds=[("world/day", {"msp": replace(THRESHOLD, last=4)})]),
    "other possible bins": lambda j: replace(
        j, thresholds=[("world/day", {"msp": replace(THRESHOLD, possible=np.array([5]))})]
    ),
    "a threshold of another split": lambda j: replace(j, thresholds=[("world/dusk", j.thresholds[0][1])]),
    "promises": lambda j: replace(j, promises=[("world/day", ())]),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_what_is_asked_of_a_domain_is_in_the_key(run, change):
    assert key(run, change(job(run))) != key(run)


def test_where_its_samples_are_said_to_lie_is_in_the_key(run):
    """The table of images says it."""
    (sample,) = run.plan.tests[1].domain.samples
    path = run.plan.tests[1].dataset.root / "elsewhere" / "2.png"
    path.parent.mkdir()
    path.write_bytes((run.plan.tests[1].dataset.root / "2" / "2.png").read_bytes())
    other = with_dusk(run, samples=(replace(sample, image="elsewhere/2.png"),))
    assert key(other, job(other)) != key(run)


def test_labels_metrics_and_scores_are_in_the_key(run):
    dusk = run.plan.tests[1]
    labels = replace(dusk.dataset.labels, absent=frozenset({0}))
    assert repr(labels) == repr(dusk.dataset.labels), "what is printed of labels would not tell them apart"
    other = replace(dusk, dataset=replace(dusk.dataset, labels=labels))
    keys = {
        key(run),
        key(run, job(run, target=other)),
        key(replace(run, plan=replace(run.plan, settings=run.plan.settings.model_copy(update={"metrics": ["flips"]})))),
        key(replace(run, plan=replace(run.plan, settings=run.plan.settings.model_copy(update={"scores": ["msp"]})))),
    }
    assert len(keys) == 4


def test_other_statistics_have_another_key(run):
    before, coverages = key(run), Coverages(run)
    dusk = run.plan.tests[1]
    ((_, cover),) = coverages.of(dusk).covers("identity")
    for piece in cover.pieces():
        piece.path.unlink()
    assert key(run) != before


def test_other_code_has_another_key(run, monkeypatch):
    before = key(run)
    monkeypatch.setattr("reliseg.run.measure.jobs.state_of_code", lambda: "another")
    assert key(run) != before
    assert made.state_of_code() == made.state_of_code()


def test_a_domain_more_does_not_change_the_key(run):
    dataset = run.plan.tests[0].dataset
    more = replace(run.plan, tests=(*run.plan.tests, target_of(dataset, "night")))
    assert key(replace(run, plan=more), job(run)) == key(run)
