"""Samples through decoding and model, in order: decoding ahead of the model, and the model ahead of what follows."""

from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import groupby, islice
from typing import TypeAlias, TypeVar

from reliseg.data import DataSet, DecodedSample, Sample, load
from reliseg.errors import ModelError, SampleError
from reliseg.labels import Projection
from reliseg.models import Input, Model
from reliseg.plan.plan import Target
from reliseg.prediction import Prediction
from reliseg.runtime.malloc import keep_freed_memory, return_free_memory
from reliseg.runtime.openmp import end_idle_threads

A = TypeVar("A")
B = TypeVar("B")


@dataclass(frozen=True, eq=False)
class Predicted:
    """A sample with its prediction, projected to the data set's classes; with its image, where that was read."""

    loaded: DecodedSample
    prediction: Prediction


Saver: TypeAlias = Callable[[Target, Predicted], None]
"""Writes files of a sample."""


def prefetch(function: Callable[[A], B], items: Iterable[A], *, workers: int, max_pending: int) -> Iterator[B]:
    """`function` of each item, in order, computed by threads; at most `max_pending` results wait to be read."""
    remaining = iter(items)
    with ThreadPoolExecutor(workers) as pool:
        waiting: deque[Future[B]] = deque(pool.submit(function, i) for i in islice(remaining, max_pending))
        try:
            while waiting:
                result = waiting.popleft().result()
                waiting.extend(pool.submit(function, i) for i in islice(remaining, 1))
                yield result
                del result  # before the next one is waited for
        finally:
            for future in waiting:
                future.cancel()


def predictions(
    model: Model,
    dataset: DataSet,
    samples: Iterable[Sample],
    *,
    workers: int,
    batch: int,
    images: bool = False,
    saved: bool = False,
) -> Generator[Predicted | SampleError, None, None]:
    """The samples in order; a SampleError in the place of one that cannot be evaluated.

    Images are decoded where the model reads them, or if `images` are asked for; otherwise they go no further than the
    model, unless they are `saved`. While the caller has a batch in hand, a thread predicts the next one: statistics
    cost a network little, as neither holds the interpreter's lock. Decoded images take most of a run's memory: a batch
    of them waits, and what each worker has in hand.
    """
    projection = dataset.projection(model.labels)

    def decoded(sample: Sample) -> DecodedSample | SampleError:
        try:
            return load(dataset, sample, image=model.reads_images or images)
        except SampleError as error:
            return error

    def predicted(group: Sequence[DecodedSample | SampleError]) -> list[Predicted | SampleError]:
        found = list(_predicted(model, group, projection=projection))
        return found if images or saved else [_without_image(outcome) for outcome in found]

    groups = _batches(prefetch(decoded, samples, workers=workers, max_pending=workers + batch - 1), batch)
    end_idle_threads()  # those that loaded a network, which would slow the threads that run it
    with keep_freed_memory():
        for found in prefetch(predicted, _lean(groups), workers=1, max_pending=1):
            while found:
                yield found.pop(0)  # kept by nobody but the caller


def _without_image(outcome: Predicted | SampleError) -> Predicted | SampleError:
    if isinstance(outcome, SampleError):
        return outcome
    return Predicted(replace(outcome.loaded, image=None), replace(outcome.prediction, image=None))


def _batches(stream: Iterator[DecodedSample | SampleError], batch: int) -> Iterator[list[DecodedSample | SampleError]]:
    """Runs of at most `batch` neighbours of one size; failures stand alone."""

    def kind(item: DecodedSample | SampleError) -> object:
        return item.size if isinstance(item, DecodedSample) else item.sample

    for _, run in groupby(stream, key=kind):
        while group := list(islice(run, batch)):
            yield group


def _lean(groups: Iterator[list[DecodedSample | SampleError]]) -> Iterator[list[DecodedSample | SampleError]]:
    """The groups. Where their size changes, memory is given back: kept over many sizes, it would only grow."""
    before = None
    for group in groups:
        first = group[0]
        if isinstance(first, DecodedSample) and first.size != before:
            before = first.size
            return_free_memory()
        yield group


def _predicted(
    model: Model, group: Sequence[DecodedSample | SampleError], *, projection: Projection
) -> Iterator[Predicted | SampleError]:
    loaded = [item for item in group if isinstance(item, DecodedSample)]
    if not loaded:
        yield from (item for item in group if isinstance(item, SampleError))
        return
    try:
        found = model.predict([Input(item.sample.id, item.size, item.image) for item in loaded])
    except (SampleError, ModelError) as error:
        if len(loaded) == 1:
            yield error if isinstance(error, SampleError) else SampleError(loaded[0].sample.id, str(error))
            return
        for item in loaded:  # one of a batch failed: find out which, keep the others
            yield from _predicted(model, [item], projection=projection)
        return
    for item, prediction in zip(loaded, found, strict=True):
        problem = prediction.problem()
        if problem:
            yield SampleError(item.sample.id, f"{problem}; check the model and this image")
        else:
            yield Predicted(item, replace(prediction.project(projection), image=item.image))
