"""The reference is in memory while a job needs it: what is read of it and how often is tested with `measure`."""

from helpers.plans import SilentModel, dataset_of, plan_of
from helpers.runs import model_run

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
