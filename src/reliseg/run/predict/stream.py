"""Samples through decoding and model, in order: decoding ahead of the model, and the model ahead of what follows."""

import time
from collections import deque
from collections.abc import Callable, Container, Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import chain, islice
from typing import TypeVar

from reliseg.data import PIXEL_LIMIT, DataSet, DecodedSample, Sample, WaitingRoom, corrupt_sample, load_clean
from reliseg.errors import ModelError, OutOfMemoryError, ReliSegError, SampleError
from reliseg.models import Model
from reliseg.models.calling import predict_with
from reliseg.prediction import Prediction
from reliseg.run.hashes import ChangedError, InputHashes
from reliseg.run.predict.clean_images import CleanImages
from reliseg.run.predict.model_inputs import model_input, prediction_of_image
from reliseg.runtime.malloc import keep_freed_memory, return_free_memory
from reliseg.runtime.process.openmp import end_idle_threads

A = TypeVar("A")
B = TypeVar("B")


@dataclass(frozen=True, eq=False)
class PredictedSample:
    """A sample with its prediction, projected to the data set's classes; with its image where that is kept."""

    loaded: DecodedSample
    prediction: Prediction
    files_sha256: str = ""
    """Of the files that the prediction was read from; "" where there are none."""


@dataclass(frozen=True, eq=False)
class SampleGroup:
    """Samples that share batches: so many in a row at once, counted from the first one, whatever of them is asked for.

    The last bits of a network's output may depend on what it sees beside an image: so they do not depend on what was
    there already when a run began.
    """

    samples: Iterable[Sample]
    wanted: Container[str] | None = None
    """The ids of those that are asked for; None: all. A batch without any of them is left out."""

    def places(self, batch: int) -> Iterator["_Place"]:
        """Yield the members of all batches of which something is wanted."""
        samples = iter(self.samples)
        while members := list(islice(samples, batch)):
            are_wanted = [self.wanted is None or sample.id in self.wanted for sample in members]
            if any(are_wanted):
                last = len(members) - 1
                yield from (_Place(s, are_wanted[i], i == last) for i, s in enumerate(members))


@dataclass(frozen=True, eq=False)
class PredictionStream:
    """A model, and how samples get to it.

    `workers` threads decode ahead of the model, which predicts at most `batch` neighbours of one size at once. While
    the caller has a batch in hand, a thread predicts the next one: statistics cost a network little, as neither holds
    the interpreter's lock. Decoded images take most of a run's memory: a batch of them waits, and one for each worker,
    but not more than the largest image has pixels.
    """

    model: Model
    workers: int = 1
    batch: int = 1
    hashes: InputHashes = field(default_factory=InputHashes)
    """What the run knows of its files: a sample with other bytes than before is a SampleError."""
    clean: CleanImages = field(default_factory=CleanImages)
    """Images that are corrupted in several ways."""
    name: str = ""
    """The model's, for an OutOfMemoryError, which ends the stream: no batch is made smaller for it."""

    def predictions(
        self,
        dataset: DataSet,
        samples: Iterable[Sample],
        *,
        domain: str = "",
        decode_images: bool = False,
        keep_images: bool = False,
    ) -> Generator[PredictedSample | SampleError, None, None]:
        """Yield the samples in order, as those of one group: see `predictions_of_groups`."""
        return self.predictions_of_groups(
            dataset, [SampleGroup(samples)], domain=domain, decode_images=decode_images, keep_images=keep_images
        )

    def predictions_of_groups(
        self,
        dataset: DataSet,
        groups: Iterable[SampleGroup],
        *,
        domain: str = "",
        decode_images: bool = False,
        keep_images: bool = False,
    ) -> Generator[PredictedSample | SampleError, None, None]:
        """Yield the samples that are wanted, in order; a SampleError in the place of one that cannot be evaluated.

        No batch goes beyond a group. Images are decoded where the model reads them, or if `decode_images` says so. They
        come with the predictions if `decode_images` or `keep_images` says so; otherwise they go no further than the
        model. `domain`, as `DATASET/DOMAIN`, is where stored predictions are looked for, too.
        """
        model = self.model.of_domain(domain)
        room = WaitingRoom(PIXEL_LIMIT)

        def decode(numbered: tuple[int, _Place]) -> _Decoded:
            number, place = numbered
            admit = partial(room.enter, number)
            wanted = model.reads_images or decode_images
            return _Decoded(place, self._decode(model, dataset, place.sample, wanted, admit))

        def predict(batch: Sequence[_Decoded]) -> list[PredictedSample | SampleError]:
            predicted = predict_batch(model, [one.outcome for one in batch], dataset, self.name)
            outcomes = [
                self._with_hash(model, outcome)
                for one, outcome in zip(batch, predicted, strict=True)
                if one.place.is_wanted
            ]
            return outcomes if decode_images or keep_images else [_without_image(o) for o in outcomes]

        pending = self.workers + self.batch - 1
        places = chain.from_iterable(group.places(self.batch) for group in groups)
        decoded = prefetch(decode, enumerate(places), workers=self.workers, max_pending=pending, room=room)
        end_idle_threads()  # those that loaded a network, which would slow the threads that run it
        with keep_freed_memory(), closing(decoded):  # here, whatever thread lets go of it last
            for outcomes in prefetch(predict, _release_memory(_of_one_size(decoded)), workers=1, max_pending=1):
                while outcomes:
                    yield outcomes.pop(0)  # held by nobody but the caller

    def _decode(
        self, model: Model, dataset: DataSet, sample: Sample, image: bool, admit: Callable[[int], None]
    ) -> DecodedSample | SampleError:
        """Return a sample as it was read, or why it cannot be evaluated."""
        taken, before = time.time_ns(), self.hashes.state_of_sample(dataset, sample)
        try:
            clean = self.clean.find(dataset, sample, before) if image else None
            if clean is None:
                clean = load_clean(dataset, sample.clean, image=image, admit=admit)
                if image:
                    self.clean.keep(dataset, clean, sample, before)
            else:
                admit(clean.size[0] * clean.size[1])
            loaded = corrupt_sample(dataset, clean, sample)
            self.hashes.add_sample(dataset, loaded, before, taken)
            self._hash_predictions(model, loaded.sample)  # ahead of the model that reads them
        except SampleError as error:
            return error
        except ChangedError as error:
            return SampleError(sample.id, str(error))
        return loaded

    def _hash_predictions(self, model: Model, sample: Sample) -> str:
        """Return the sha256 of the files that the sample's prediction is read from, or raise a ChangedError."""
        try:
            return self.hashes.of_files(model.files(sample.id))
        except OSError:  # the model says what is wrong with it
            return ""

    def _with_hash(self, model: Model, outcome: PredictedSample | SampleError) -> PredictedSample | SampleError:
        """Return the outcome with the sha256 of what it was read from, if that is still what it was before."""
        if isinstance(outcome, SampleError):
            return outcome
        try:
            return replace(outcome, files_sha256=self._hash_predictions(model, outcome.loaded.sample))
        except ChangedError as error:
            return SampleError(outcome.loaded.sample.id, str(error))


def prefetch(
    function: Callable[[A], B], items: Iterable[A], *, workers: int, max_pending: int, room: WaitingRoom | None = None
) -> Generator[B, None, None]:
    """Yield `function` of each item, in order, computed by threads; at most `max_pending` results wait to be read.

    Where `function` lets the items into a `room`, by their numbers, they are taken out as they are read.
    """
    remaining = iter(items)
    pool = ThreadPoolExecutor(workers)
    waiting: deque[Future[B]] = deque()
    is_interrupted = False
    try:
        waiting.extend(pool.submit(function, i) for i in islice(remaining, max_pending))
        number = 0
        while waiting:
            result = waiting.popleft().result()
            if room is not None:
                room.take(number)
            number += 1
            waiting.extend(pool.submit(function, i) for i in islice(remaining, 1))
            yield result
            del result  # before the next one is waited for
    except KeyboardInterrupt:
        is_interrupted = True  # nobody waits for what a network may take long for
        raise
    finally:
        for future in waiting:
            future.cancel()
        if room is not None:
            room.open()  # those that wait for it would never end
        pool.shutdown(wait=not is_interrupted)


def _without_image(outcome: PredictedSample | SampleError) -> PredictedSample | SampleError:
    if isinstance(outcome, SampleError):
        return outcome
    prediction = replace(outcome.prediction, image=None)
    return replace(outcome, loaded=replace(outcome.loaded, image=None), prediction=prediction)


@dataclass(frozen=True, slots=True)
class _Place:
    """A sample in its batch."""

    sample: Sample
    is_wanted: bool
    is_last: bool


@dataclass(frozen=True, eq=False, slots=True)
class _Decoded:
    place: _Place
    outcome: DecodedSample | SampleError

    @property
    def kind(self) -> object:
        """What is equal for members of a batch that a model sees at once; failures stand alone."""
        return self.outcome.size if isinstance(self.outcome, DecodedSample) else self.outcome


def _of_one_size(decoded: Iterator[_Decoded]) -> Iterator[list[_Decoded]]:
    """Yield the neighbours of one size in a batch, if any of them is wanted."""
    batch: list[_Decoded] = []

    def take() -> Iterator[list[_Decoded]]:
        whole = batch.copy()
        batch.clear()
        if any(one.place.is_wanted for one in whole):
            yield whole

    for one in decoded:
        if batch and batch[-1].kind != one.kind:
            yield from take()
        batch.append(one)
        if one.place.is_last:
            yield from take()


def _release_memory(batches: Iterator[list[_Decoded]]) -> Iterator[list[_Decoded]]:
    """Yield the batches. Where their size changes, memory is given back: kept over many sizes, it would only grow."""
    before = None
    for batch in batches:
        first = batch[0].outcome
        if isinstance(first, DecodedSample) and first.size != before:
            before = first.size
            return_free_memory()
        yield batch


def predict_batch(
    model: Model, group: Sequence[DecodedSample | SampleError], dataset: DataSet, name: str = ""
) -> Iterator[PredictedSample | SampleError]:
    """Yield the outcomes of a batch: shown to the model as the data set says, brought to its classes and sizes.

    Where it fails as a whole, each of its images is predicted alone. Not where it lacks memory: that would be another
    batch than the configuration's.
    """
    loaded = [item for item in group if isinstance(item, DecodedSample)]
    if not loaded:
        yield from (item for item in group if isinstance(item, SampleError))
        return
    try:
        predictions = predict_with(model, [model_input(model, dataset, item) for item in loaded], name)
    except OutOfMemoryError:
        raise
    except ReliSegError as error:
        if len(loaded) == 1:
            yield error if isinstance(error, SampleError) else SampleError(loaded[0].sample.id, str(error))
            return
        for item in loaded:
            yield from predict_batch(model, [item], dataset, name)
        return
    projection = dataset.projection(model.labels)
    for item, prediction in zip(loaded, predictions, strict=True):
        problem = prediction.problem()
        if problem:
            yield SampleError(item.sample.id, f"{problem}; check the model and this image")
        else:
            try:
                whole = prediction_of_image(prediction, item.size)
            except ModelError as error:
                yield SampleError(item.sample.id, str(error))
                continue
            yield PredictedSample(item, replace(whole, projection=projection, image=item.image))
