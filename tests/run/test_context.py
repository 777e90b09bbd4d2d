"""What a model's run hands on: how samples get to the model, and who is told."""

from pathlib import Path

from helpers.plans import SilentModel, dataset_of, plan_of
from helpers.runs import model_run

from reliseg.runtime.progress import Silent


def test_the_stream_is_as_the_settings_say() -> None:
    dataset = dataset_of({"day": ["a b/1", "a b/2"]})
    model, progress = SilentModel(), Silent()
    run = model_run(Path("out"), plan_of(dataset, batch=3), model, workers=5, progress=progress)
    assert run.context.store.folder == Path("out/statistics")
    assert (run.stream.model, run.stream.workers, run.stream.batch) == (model, 5, 3)
    assert run.progress is progress
