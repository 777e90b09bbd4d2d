"""A check tries a model on the data itself: what fails on every image, or on the largest, is found before the run."""

from dataclasses import replace

import numpy as np
import pytest
from helpers.devices import Notes
from helpers.plans import SilentModel, dataset_of, plan_of
from PIL import Image

from reliseg.data import check_domain
from reliseg.errors import SampleError
from reliseg.plan.plan import Target
from reliseg.prediction import Prediction
from reliseg.run.check.trial import Trial

SIZES = {"s/0": (4, 6), "s/1": (2, 3), "s/2": (8, 9), "s/3": (2, 3), "s/4": (8, 9)}
"""Height and width."""


@pytest.fixture
def dataset(tmp_path):
    """Images of three sizes in two domains, on disk."""
    dataset = dataset_of({"day": ["s/0", "s/1"], "dusk": ["s/2", "s/3", "s/4"]}, root=tmp_path)
    for domain in dataset.domains.values():
        for sample in domain.samples:
            for name in (sample.image, sample.mask):
                (tmp_path / name).parent.mkdir(exist_ok=True)
                Image.fromarray(np.zeros(SIZES[sample.id], np.uint8)).save(tmp_path / name)
    return dataset


class Tried(SilentModel):
    """It remembers what it predicts; `answer` makes the logits of an input."""

    def __init__(self, answer=lambda source: np.zeros((3, 2, 2), np.float32)):
        super().__init__()
        object.__setattr__(self, "answer", answer)
        object.__setattr__(self, "seen", [])

    def predict(self, inputs):
        self.seen.append([i.id for i in inputs])
        return [Prediction(self.answer(i), i.size) for i in inputs]


def trial(dataset, model, **settings):
    plan = plan_of(dataset, tests=["day", "dusk"], **settings)
    checks = {t: check_domain(dataset, t.domain, workers=1) for t in plan.tests}
    notes = Notes()
    return Trial(plan, "net", model, checks, notes), notes


def raising(text):
    def answer(source):
        raise SampleError(source.id, text.format(*source.size))

    return answer


def test_the_smallest_and_the_largest_image_of_a_data_set_are_tried(dataset):
    model = Tried()
    tried, _ = trial(dataset, model)
    assert tried.problems_of_extremes() == []
    assert model.seen == [["s/1"], ["s/2"]]


def test_where_all_images_have_one_size_one_is_tried(dataset):
    model = Tried()
    only = replace(
        dataset, domains={"day": replace(dataset.domains["dusk"], samples=dataset.domains["dusk"].samples[::2])}
    )
    target = Target(only, only.domains["day"])
    plan = plan_of(only, tests=["day"])
    checks = {target: check_domain(only, target.domain, workers=1)}
    assert Trial(plan, "net", model, checks, Notes()).problems_of_extremes() == []
    assert model.seen == [["s/2"]]


def test_what_fails_at_every_size_is_one_line_with_the_sizes_and_what_to_do(dataset):
    tried, _ = trial(dataset, Tried(raising("model net raised RuntimeError: {} x {} is odd (net.py, line 7)")))
    assert tried.problems_of_extremes() == [
        "model net on world: s/1 (height 2, width 3): model net raised RuntimeError: 2 x 3 is odd (net.py, line 7); "
        "if it needs images of another size, set resize; likewise s/2 (height 8, width 9)"
    ]


def test_what_fails_at_one_size_alone_names_it(dataset):
    def answer(source):
        return np.full((3, 2, 2), np.nan if source.size == (8, 9) else 0, np.float32)

    tried, _ = trial(dataset, Tried(answer))
    assert tried.problems_of_extremes() == [
        "model net on world: s/2 (height 8, width 9): the model gave NaN or infinite logits; "
        "check the model and this image"
    ]


def test_a_kind_of_another_package_may_raise_anything(dataset):
    def answer(source):
        raise KeyError(source.id)

    tried, _ = trial(dataset, Tried(answer))
    (line,) = tried.problems_of_extremes()
    assert line.startswith(
        "model net on world: s/1 (height 2, width 3): Tried of the package tests raised KeyError: 's/1'; if it"
    )


def test_all_images_are_tried_if_asked_and_a_domain_is_left_where_all_fail_alike(dataset):
    model = Tried(raising("cannot"))
    tried, _ = trial(dataset, model)
    assert tried.problems_of_all(1) == [
        "model net on world/day: could not evaluate 2 samples (s/0: cannot; likewise s/1); check the model on these "
        "images",
        "model net on world/dusk: could not evaluate 3 samples (s/2: cannot; likewise s/3, s/4); check the model on "
        "these images",
    ]


def test_what_is_random_is_noted(dataset):
    random = np.random.default_rng(0)
    tried, notes = trial(dataset, Tried(lambda source: random.normal(size=(3, 2, 2)).astype(np.float32)))
    tried.note_what_differs()
    (line,) = notes.lines
    assert line.startswith("model net gives s/1 other logits the second time")


def test_what_depends_on_the_neighbour_is_noted_where_there_are_batches(dataset):
    class Batched(Tried):
        def predict(self, inputs):
            return [Prediction(np.full((3, 2, 2), len(inputs), np.float32), i.size) for i in inputs]

    for sample in dataset.domains["day"].samples:
        for name in (sample.image, sample.mask):
            Image.fromarray(np.zeros((2, 3), np.uint8)).save(dataset.root / name)
    for batch, expected in ((1, 0), (4, 1)):
        tried, notes = trial(dataset, Batched(), batch=batch)
        tried.note_what_differs()
        assert len(notes.lines) == expected
    assert notes.lines[0].startswith("model net gives s/0 other logits beside another image than alone")
