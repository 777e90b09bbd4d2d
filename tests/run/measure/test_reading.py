"""The reference is in memory while a job needs it: what is read of it and how often is tested with `measure`."""

from concurrent.futures import ThreadPoolExecutor
from threading import Event

from helpers.plans import SilentModel, dataset_of, plan_of, target_of
from helpers.runs import model_run

from reliseg.plan.plan import Fit
from reliseg.run.evaluate.coverage import Coverages
from reliseg.run.measure.reading import States


class _State:
    pass


def test_the_reference_is_kept_until_the_last_job_has_it(tmp_path, monkeypatch):
    dataset = dataset_of({"day": ["a/0"], "dusk": ["a/1"], "night": ["a/2"]}, root=tmp_path / "data")
    plan = plan_of(dataset, tests=["dusk", "day", "night"], reference="day", metrics=["segmentation"])
    run = model_run(tmp_path / "out", plan, SilentModel(labels=dataset.labels))
    states, read = States(Coverages(run), ()), []

    def load(target, calibration):
        read.append((target.domain.name, calibration))
        return _State()

    monkeypatch.setattr(states, "_load", load)
    dusk, day, night = plan.tests
    states.expect((target, "identity") for target in plan.tests)
    own, reference = states.read(dusk, "identity")
    assert own is not reference
    assert states.read(day, "identity") == (reference, None)
    assert states._kept
    assert states.read(night, "identity")[1] is reference
    assert not states._kept
    assert read == [("dusk", "identity"), ("day", "identity"), ("night", "identity")]


def test_who_asks_for_one_reference_does_not_wait_for_that_of_another_calibration(tmp_path, monkeypatch):
    dataset = dataset_of({"day": ["a/0"], "dusk": ["a/1"], "cal": ["a/2"]}, root=tmp_path / "data")
    plan = plan_of(
        dataset,
        tests=["day", "dusk"],
        reference="day",
        fits=[Fit((target_of(dataset, "cal"),), ("ts",))],
        metrics=["segmentation"],
    )
    run = model_run(tmp_path / "out", plan, SilentModel(labels=dataset.labels))
    states, is_asked, is_read = States(Coverages(run), ()), Event(), Event()
    day, dusk = plan.tests
    first, second = plan.calibrations_for(day, run.name)

    def load(_, calibration):
        is_asked.set()
        return calibration == second or is_read.wait(10)

    monkeypatch.setattr(states, "_load", load)
    states.expect((target, calibration) for calibration in (first, second) for target in (day, dusk))
    with ThreadPoolExecutor(1) as pool:
        slow = pool.submit(states.read, day, first)
        is_asked.wait(10)
        assert states.read(day, second) == (True, None)
        assert not slow.done()
        is_read.set()
        assert slow.result() == (True, None)
