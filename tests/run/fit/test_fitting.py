"""The fits of a model: what is stored and still valid is used again, what cannot be fitted is said."""

from dataclasses import replace

import pytest
from helpers.runs import model_run
from helpers.street import make_street

from reliseg.calibration.methods.ts import Scaled
from reliseg.calibration.records.record import read_record, write_record
from reliseg.config.schema import read_config
from reliseg.plan.build import plan_from_config
from reliseg.run.fit.fitting import Fitting
from reliseg.run.predict.stream import PredictionStream


@pytest.fixture
def run(tmp_path):
    street = make_street(tmp_path / "street", cal=3, day=1, dusk=1)
    content = street.content()
    content["calibration"][0]["methods"] = ["ts", "cluster_ts(k=2,seed=1)"]
    street.write(content)
    plan = plan_from_config(read_config(street.config), street.root)
    return model_run(tmp_path / "out", plan, plan.models[0].load())


def test_one_refusal_leaves_the_others_and_is_kept_until_something_changes(run, monkeypatch):
    (outcome,) = Fitting(run).fit()
    assert list(outcome.records) == ["ts@street/cal"]
    (reason,) = outcome.refusals.values()
    assert "3 images without a feature" in reason
    record = outcome.records["ts@street/cal"]
    assert (record.fingerprint, record.seed, record.part_of) == (run.model.fingerprint(), 0, ())
    assert {domain: len(found) for domain, found in record.samples.items()} == {"street/cal": 3}
    (path,) = run.context.folder.path.glob("fitted/*/ts@street-cal.json")
    before = path.read_bytes(), path.stat().st_mtime_ns
    monkeypatch.setattr(PredictionStream, "predictions_of_groups", None)
    assert Fitting(run).fit()[0].refusals == outcome.refusals
    plan = replace(run.plan, fits=(replace(run.plan.fits[0], methods=("ts",)),))
    (again,) = Fitting(replace(run, plan=plan)).fit()
    assert again.records["ts@street/cal"].calibration == record.calibration
    assert (path.read_bytes(), path.stat().st_mtime_ns) == before
    assert not run.context.folder.samples.exists()


def test_a_record_of_fewer_samples_or_another_model_is_fitted_anew(run):
    plan = replace(run.plan, fits=(replace(run.plan.fits[0], methods=("ts",)),))
    run = replace(run, plan=plan)
    Fitting(run).fit()
    (path,) = run.context.folder.path.glob("fitted/*/ts@street-cal.json")
    folder = path.parent
    good, record = path.read_bytes(), read_record(path)
    fewer = {"street/cal": dict(list(record.samples["street/cal"].items())[:1])}
    images = {"street/cal": dict(list(record.images["street/cal"].items())[:1])}
    for other in (
        replace(record, samples=fewer, images=images),
        replace(record, parts={**record.parts, "label map": "another"}),
    ):
        write_record(folder, replace(other, calibration=Scaled(3.0)))
        assert path.read_bytes() != good
        Fitting(run).fit()
        assert path.read_bytes() == good
