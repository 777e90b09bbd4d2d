"""The first sample of a run is predicted twice, and what a model notes is said once."""

import numpy as np
import pytest
from helpers.plans import SilentModel, dataset_of
from PIL import Image

from reliseg.errors import ModelError
from reliseg.prediction import Prediction
from reliseg.run.predict.first_look import FirstLook


class Counting(SilentModel):
    """It gives the number of the call as a logit where it is random, else 0."""

    def __init__(self, *, random=False, fails=0):
        super().__init__()
        for name, value in {"random": random, "fails": fails, "calls": [], "lines": []}.items():
            object.__setattr__(self, name, value)

    def predict(self, inputs):
        self.calls.append([i.id for i in inputs])
        if len(self.calls) <= self.fails:
            raise ModelError("fails")
        value = len(self.calls) if self.random else 0
        return [Prediction(np.full((3, 2, 2), value, np.float32), i.size) for i in inputs]

    def notes(self):
        return list(self.lines)


@pytest.fixture
def dataset(tmp_path):
    dataset = dataset_of({"day": ["s/0", "s/1"]}, root=tmp_path)
    for sample in dataset.domains["day"].samples:
        for name in (sample.image, sample.mask):
            (tmp_path / name).parent.mkdir(exist_ok=True)
            Image.fromarray(np.zeros((4, 6), np.uint8)).save(tmp_path / name)
    return dataset


def test_only_the_first_sample_is_predicted_twice(dataset):
    look, model = FirstLook(), Counting()
    assert [look.at(model, dataset, sample) for sample in dataset.domains["day"].samples] == [[], []]
    assert model.calls == [["s/0"], ["s/0"]]


def test_a_model_that_is_random_is_said_once(dataset):
    look, model = FirstLook(), Counting(random=True)
    first, second = (look.at(model, dataset, sample) for sample in dataset.domains["day"].samples)
    assert first[0].startswith("gives s/0 other logits the second time")
    assert second == []


def test_a_sample_that_fails_is_left_to_the_pass_over_them(dataset):
    look, model = FirstLook(), Counting(random=True, fails=1)
    first, second = (look.at(model, dataset, sample) for sample in dataset.domains["day"].samples)
    assert (first, len(second)) == ([], 1)


def test_each_note_of_a_model_is_said_once():
    look, model = FirstLook(), Counting()
    assert look.new_notes(model) == []
    model.lines.append("pads")
    assert look.new_notes(model) == ["pads"]
    model.lines.append("trains")
    assert look.new_notes(model) == ["trains"]
