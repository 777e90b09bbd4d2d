"""The stream of predictions: in order, one batch ahead of the caller and no more, with images only where wanted."""

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers.street import make_street
from PIL import Image

import reliseg
from reliseg.data import DataSet, load_clean
from reliseg.errors import ModelError, ReliSegError, SampleError
from reliseg.labels import label_space
from reliseg.models import Input, Model, ModelOptions
from reliseg.prediction import Prediction
from reliseg.run.predict import stream as stream_module
from reliseg.run.predict.stream import PredictedSample, PredictionStream, SampleGroup

PATIENCE = 20.0


class Watched(Model):
    """Tells when it begins to predict a batch."""

    labels = label_space("camvid")

    def __init__(self) -> None:
        self.begun: list[list[str]] = []
        self.changed = threading.Condition()

    @classmethod
    def load(cls, options: ModelOptions) -> "Watched":
        return cls()

    def predict(self, inputs: Sequence[Input]) -> list[Prediction]:
        with self.changed:
            self.begun.append([i.id for i in inputs])
            self.changed.notify()
        return [Prediction(np.full((11, 6, 8), i.image.mean(), np.float32), i.size) for i in inputs]

    def provenance(self) -> dict[str, Any]:
        return {}

    def waits_for(self, batches: int) -> bool:
        with self.changed:
            return self.changed.wait_for(lambda: len(self.begun) >= batches, PATIENCE)


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> DataSet:
    street = make_street(tmp_path_factory.mktemp("street"), cal=1, day=8, dusk=1)
    return reliseg.open_dataset("camvid", street.root / "data", domains={"day": {"split": "train"}})


@pytest.mark.parametrize("batch", [1, 3])
def test_the_next_batch_is_predicted_while_the_caller_has_one_in_hand(dataset: DataSet, batch: int) -> None:
    samples = dataset.domains["day"].samples
    model = Watched()
    stream = PredictionStream(model, 2, batch).predictions(dataset, samples)
    found = [next(stream)]
    assert model.waits_for(2)
    assert not threading.Event().wait(0.2)  # time in which a third could begin
    assert len(model.begun) == 2
    found += stream
    assert [p.loaded.sample for p in found if isinstance(p, PredictedSample)] == list(samples)
    assert [i for ids in model.begun for i in ids] == [s.id for s in samples]
    assert [len(ids) for ids in model.begun] == [min(batch, 8 - i) for i in range(0, 8, batch)]


@pytest.mark.parametrize(("images", "saved"), [(False, False), (True, False), (False, True)])
def test_images_go_on_only_where_they_are_wanted(dataset: DataSet, images: bool, saved: bool) -> None:
    samples = dataset.domains["day"].samples[:2]
    for found in PredictionStream(Watched()).predictions(dataset, samples, decode_images=images, keep_images=saved):
        assert isinstance(found, PredictedSample)
        assert (found.prediction.image is not None) == (found.loaded.image is not None) == (images or saved)


@pytest.mark.parametrize("problem", [ModelError("too many"), SampleError("s0", "seven")])
def test_one_bad_image_costs_its_batch_once_and_each_of_its_images_once(
    dataset: DataSet, problem: ReliSegError
) -> None:
    samples = dataset.domains["day"].samples[:5]

    class Picky(Watched):
        def predict(self, inputs: Sequence[Input]) -> list[Prediction]:
            predictions = super().predict(inputs)
            if samples[2].id in (i.id for i in inputs):
                raise problem
            return predictions

    model = Picky()
    outcomes = list(PredictionStream(model, batch=4).predictions(dataset, samples))
    assert [isinstance(o, SampleError) for o in outcomes] == [False, False, True, False, False]
    assert [len(ids) for ids in model.begun] == [4, 1, 1, 1, 1, 1]


def test_a_stream_that_is_left_ends_its_threads(dataset: DataSet) -> None:
    before = set(threading.enumerate())
    stream = PredictionStream(Watched(), 2, 1).predictions(dataset, dataset.domains["day"].samples)
    assert not isinstance(next(stream), SampleError)
    stream.close()
    assert set(threading.enumerate()) == before


def test_threads_that_loaded_a_network_are_ended_before_it_predicts(
    dataset: DataSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, ended = Watched(), []
    monkeypatch.setattr(
        "reliseg.run.predict.stream.end_idle_threads",
        lambda: ended.append((len(model.begun), threading.current_thread())),
    )
    assert len(list(PredictionStream(model, 2, 1).predictions(dataset, dataset.domains["day"].samples))) == 8
    assert ended == [(0, threading.current_thread())]


def test_memory_is_given_back_where_the_size_of_images_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = make_street(tmp_path, cal=1, day=8, dusk=1).root / "data"
    for folder in ("train", "trainannot"):
        for file in sorted((root / folder).glob("*.png"))[5:]:
            Image.open(file).resize((24, 16), Image.Resampling.NEAREST).save(file)
    dataset = reliseg.open_dataset("camvid", root, domains={"day": {"split": "train"}})
    model, given_back = Watched(), []
    monkeypatch.setattr("reliseg.run.predict.stream.return_free_memory", lambda: given_back.append(len(model.begun)))
    assert len(list(PredictionStream(model, 2, 1).predictions(dataset, dataset.domains["day"].samples))) == 8
    assert given_back == [0, 5]


@pytest.mark.parametrize("batch", [1, 3])
def test_images_that_fill_the_room_are_decoded_only_as_they_are_asked_for(
    dataset: DataSet, batch: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    samples = dataset.domains["day"].samples
    plain = list(PredictionStream(Watched(), 1, batch).predictions(dataset, samples))
    decoded: list[str] = []

    def watched(dataset: DataSet, sample: Any, *, image: bool, admit: Any) -> Any:
        def admitted(pixels: int) -> None:
            admit(pixels)
            decoded.append(sample.id)

        return load_clean(dataset, sample, image=image, admit=admitted)

    monkeypatch.setattr(stream_module, "PIXEL_LIMIT", 1)
    monkeypatch.setattr(stream_module, "load_clean", watched)
    stream = PredictionStream(Watched(), 4, batch).predictions(dataset, samples)
    outcomes = []
    for taken, outcome in enumerate(stream, start=1):
        outcomes.append(outcome)
        assert len(decoded) <= taken + 2 * batch + 1  # the caller's batch, one ahead of it, and the next image
    assert sorted(decoded) == [s.id for s in samples]
    for one, other in zip(plain, outcomes, strict=True):
        assert isinstance(one, PredictedSample)
        assert isinstance(other, PredictedSample)
        assert np.array_equal(one.prediction.logits, other.prediction.logits)


def test_threads_that_wait_for_room_end_with_the_stream(dataset: DataSet, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream_module, "PIXEL_LIMIT", 1)
    before = set(threading.enumerate())
    stream = PredictionStream(Watched(), 6, 1).predictions(dataset, dataset.domains["day"].samples)
    assert not isinstance(next(stream), SampleError)
    stream.close()
    assert set(threading.enumerate()) == before

    def broken(dataset: DataSet, sample: Any, *, image: bool, admit: Any) -> Any:
        if sample is not dataset.domains["day"].samples[1]:
            return load_clean(dataset, sample, image=image, admit=admit)
        raise MemoryError("not foreseen")

    monkeypatch.setattr(stream_module, "load_clean", broken)
    stream = PredictionStream(Watched(), 6, 1).predictions(dataset, dataset.domains["day"].samples)
    with pytest.raises(MemoryError, match="not foreseen"):
        list(stream)
    assert set(threading.enumerate()) == before


@pytest.mark.parametrize("batch", [1, 2, 3, 20])
@pytest.mark.parametrize("workers", [1, 3])
def test_batches_do_not_depend_on_what_is_asked_for(dataset: DataSet, batch: int, workers: int) -> None:
    samples = dataset.domains["day"].samples
    shards = [samples[:5], samples[5:]]
    whole = Watched()
    list(PredictionStream(whole, workers, batch).predictions_of_groups(dataset, map(SampleGroup, shards)))
    assert [len(ids) for ids in whole.begun] == [
        min(batch, len(shard) - i) for shard in shards for i in range(0, len(shard), batch)
    ]
    for wanted in ([], [0], [4], [5], [1, 2, 7], [3, 6], list(range(8))):
        ids = [samples[i].id for i in wanted]
        model = Watched()
        stream = PredictionStream(model, workers, batch)
        groups = (SampleGroup(shard, frozenset(ids)) for shard in shards)
        found = list(stream.predictions_of_groups(dataset, groups))
        assert [p.loaded.sample.id for p in found if isinstance(p, PredictedSample)] == ids
        assert model.begun == [seen for seen in whole.begun if set(seen) & set(ids)]


def test_only_the_size_of_images_divides_a_batch_and_a_part_that_nobody_asks_for_is_not_predicted(
    tmp_path: Path,
) -> None:
    root = make_street(tmp_path, cal=1, day=8, dusk=1).root / "data"
    for folder in ("train", "trainannot"):
        for file in sorted((root / folder).glob("*.png"))[2:3]:
            Image.open(file).resize((24, 16), Image.Resampling.NEAREST).save(file)
    dataset = reliseg.open_dataset("camvid", root, domains={"day": {"split": "train"}})
    samples = dataset.domains["day"].samples
    ids = [s.id for s in samples]
    for wanted, seen in (
        (range(8), [ids[:2], ids[2:3], ids[3:4], ids[4:]]),
        ([0, 7], [ids[:2], ids[4:]]),
        ([2], [ids[2:3]]),
    ):
        model = Watched()
        stream = PredictionStream(model, 2, 4)
        found = list(stream.predictions_of_groups(dataset, [SampleGroup(samples, {ids[i] for i in wanted})]))
        assert len(found) == len(wanted)
        assert model.begun == seen


def test_a_failure_is_told_only_of_a_sample_that_is_asked_for(dataset: DataSet) -> None:
    samples = dataset.domains["day"].samples[:4]

    class Picky(Watched):
        def predict(self, inputs: Sequence[Input]) -> list[Prediction]:
            if samples[2].id in (i.id for i in inputs):
                raise ModelError("too many")
            return super().predict(inputs)

    for wanted, failures in (({samples[0].id}, [False]), ({samples[0].id, samples[2].id}, [False, True])):
        stream = PredictionStream(Picky(), batch=4).predictions_of_groups(dataset, [SampleGroup(samples, wanted)])
        assert [isinstance(o, SampleError) for o in stream] == failures
