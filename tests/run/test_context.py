"""What a model's run hands on: paths below its name, and how samples get to the model."""

from pathlib import Path

from helpers.plans import SilentModel, dataset_of, plan_of, target_of

from reliseg.plan.shards import shards
from reliseg.run.context import ModelRun, RunContext
from reliseg.run.folder import RunFolder
from reliseg.runtime.progress import Silent


def test_a_model_has_shards_of_its_own_and_the_stream_the_settings_say() -> None:
    dataset = dataset_of({"day": ["a b/1", "a b/2"]})
    model, progress = SilentModel(), Silent()
    run = ModelRun(RunContext(RunFolder(Path("out")), 5, progress), plan_of(dataset, batch=3), "net", model)
    (shard,) = shards(target_of(dataset, "day"))
    assert run.shard(shard) == Path("out/statistics/net/world/day/a b", f"{shard.name}.zip")
    assert (run.stream.model, run.stream.workers, run.stream.batch) == (model, 5, 3)
    assert run.progress is progress
