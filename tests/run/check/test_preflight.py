"""The check of a plan: before a run the first kind of trouble, for `reliseg check` all of it."""

from dataclasses import replace

import numpy as np
import pytest
from helpers.devices import Notes
from helpers.plans import SilentModel, dataset_of, plan_of
from helpers.worlds import space
from PIL import Image

from reliseg.errors import DataError, MissingExtraError, ModelError
from reliseg.models.kinds.ensemble import EnsembleModel
from reliseg.plan.plan import ModelSource
from reliseg.prediction import Prediction
from reliseg.run.check.preflight import check, model_problems, projection_problems, report
from reliseg.runtime import numba_cache


class Lacking(SilentModel):
    """It has no prediction of most samples."""

    def missing(self, ids):
        return {i: f"{i}.npz is needed" for i in list(ids)[1:]}


class Even(SilentModel):
    """It finds all classes equally likely."""

    def predict(self, inputs):
        return [Prediction(np.zeros((3, 2, 3), np.float32), i.size) for i in inputs]


@pytest.fixture
def dataset(tmp_path):
    """Five images with their masks, on disk."""
    dataset = dataset_of({"day": [f"s/{i}" for i in range(5)]}, root=tmp_path)
    for sample in dataset.domains["day"].samples:
        for name in (sample.image, sample.mask):
            (tmp_path / name).parent.mkdir(exist_ok=True)
            Image.fromarray(np.zeros((2, 3), np.uint8)).save(tmp_path / name)
    return dataset


@pytest.fixture(autouse=True)
def _no_compiler(monkeypatch):
    monkeypatch.setattr(numba_cache, "check_compiler", lambda: None)


def source(name, model=SilentModel):
    return ModelSource(name, lambda: model(name))


def failing(error):
    def load():
        raise error

    return ModelSource("broken", load)


def plan_with(dataset, *sources):
    return replace(plan_of(dataset, tests=["day"]), models=sources)


def test_a_run_gets_the_model_of_a_plan_with_one_and_loads_several_again(dataset):
    models = check(plan_with(dataset, source("net")))
    assert [(name, model.named) for name, model in models.items()] == [("net", "net")]
    assert check(plan_with(dataset, source("one"), source("two"))) == {}


def test_a_run_stops_at_the_data_before_any_model_is_loaded(dataset):
    (dataset.root / "s/3.png").write_bytes(b"")
    plan = plan_with(dataset, failing(AssertionError("loaded")))
    with pytest.raises(DataError, match=r"s/3"):
        check(plan)


def test_a_run_raises_what_loading_raises_and_the_check_goes_on(dataset):
    broken = failing(MissingExtraError("torch", "torch", "model broken"))
    plan = plan_with(dataset, source("first", Lacking), broken, source("third", Lacking))
    with pytest.raises(MissingExtraError, match="model broken needs torch"):
        check(plan)
    notes = Notes()
    problems = report(plan, full=False, workers=1, progress=notes)
    missing = (
        "4 samples without a stored prediction of their own (s/1, s/2, s/3 and 1 more); s/1: s/1.npz is needed; "
        "add or rename the files, or exclude the samples"
    )
    assert problems == [
        f"model first on world/day: {missing}",
        "model broken needs torch: pip install 'reliseg[torch]'",
        f"model third on world/day: {missing}",
    ]
    assert "world/day: 5 images and masks" in notes.lines
    assert not [line for line in notes.lines if line.startswith("model first: ")]
    with pytest.raises(ModelError) as caught:
        check(plan_with(dataset, source("first", Lacking)))
    assert str(caught.value) == problems[0]


def test_the_check_notes_what_is_in_order_and_runs_every_model_if_asked(dataset):
    notes = Notes()
    assert report(plan_with(dataset, source("net", Even)), full=False, workers=1, progress=notes) == []
    assert "2 of 3 classes do not occur in the 5 masks" in notes.lines[0]
    assert notes.lines[1:] == ["world/day: 5 images and masks", "model net: 3 classes (test)"]

    class Failing(SilentModel):
        def predict(self, inputs):
            raise ModelError("cannot")

    problems = report(plan_with(dataset, source("net", Failing)), full=True, workers=1, progress=Notes())
    assert problems == [
        "model net on world/day: could not evaluate 5 samples (s/0: cannot; likewise s/1, s/2 and 2 more); "
        "check the model on these images"
    ]


def test_a_projection_that_nothing_uses_is_a_misspelling(dataset):
    projected = replace(dataset, projections={"tset": (0, 1, 2), "camvid": (0,) * 11})
    plan = plan_of(projected, tests=["day"])
    (line,) = projection_problems(plan, [space(3)])
    assert line.startswith("world: projection: unknown label space 'tset'; did you mean 'test'?")
    assert projection_problems(plan, [replace(space(3), name="tset")]) == []


def test_a_model_of_other_classes_does_not_fit(dataset):
    other = SilentModel(labels=replace(space(4), name="other"))
    (line,) = model_problems(plan_of(dataset, tests=["day"]), "net", other)
    assert line.startswith("model net on world/day: ")


def test_what_may_be_meant_about_the_files_is_said_once_by_check_and_by_run(dataset):
    said = replace(dataset, notes=("1 picture is left out",))
    plan = replace(plan_of(said, tests=["day"], reference="day"), models=(source("net"),))
    run, command = Notes(), Notes()
    check(plan, progress=run)
    report(plan, full=False, workers=1, progress=command)
    assert run.lines.count("world: 1 picture is left out") == command.lines.count("world: 1 picture is left out") == 1


def test_an_ensemble_whose_members_see_other_sizes_than_a_data_set_says_is_refused(dataset):
    class Sized(SilentModel):
        resizes = True

    mixed = EnsembleModel.of({"a": Sized(), "b": SilentModel()})
    assert not model_problems(plan_of(dataset, tests=["day"]), "both", mixed)
    sized = plan_of(replace(dataset, resize=(8, 8)), tests=["day"])
    (line,) = model_problems(sized, "both", mixed)
    assert line.startswith("model both on world/day: ")
    assert "its members do not see images at one size: a by resize, b as the data set says" in line
    assert not model_problems(sized, "both", EnsembleModel.of({"a": Sized(), "b": Sized()}))
