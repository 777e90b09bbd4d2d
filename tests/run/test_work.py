"""A model at work, stage by stage: what went before is asked for by name, what cannot be done leaves the rest."""

from collections.abc import Callable
from pathlib import Path

import pytest
from helpers.devices import Notes
from helpers.runs import model_run, piece_files
from helpers.street import Street, make_street

from reliseg.config.schema import read_config
from reliseg.errors import ConfigError
from reliseg.plan import shards
from reliseg.plan.build import plan_from_config
from reliseg.plan.parts import Stage, Unit, units
from reliseg.run.context import ModelRun
from reliseg.run.evaluate.device_kernels import Kernels
from reliseg.run.fit.refusals import read_refusal
from reliseg.run.predict.stream import PredictionStream
from reliseg.run.work import ModelWork, ready_to_compute

REFUSED = "cluster_ts(k=2,seed=1)"


@pytest.fixture(autouse=True)
def _small_shards(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shards, "SHARD_SIZE", 2)


@pytest.fixture
def street(tmp_path: Path) -> Street:
    return make_street(tmp_path / "street", cal=3, day=3, dusk=1)


@pytest.fixture
def work(street: Street) -> Callable[[], ModelWork]:
    """Makes the model ready as a new process does: it knows what lies in the folder alone."""

    def ready() -> ModelWork:
        plan = plan_from_config(read_config(street.config), street.root)
        run = model_run(street.root / "out", plan, plan.models[0].load(), progress=Notes())
        return ModelWork(run, Kernels(print))

    return ready


def of_stage(run: ModelRun, stage: Stage) -> list[Unit]:
    return units(run.plan, stage)


def test_a_fit_that_is_not_sampled_and_an_evaluation_that_is_not_fitted_name_the_stage_before(
    work: Callable[[], ModelWork],
) -> None:
    for stage, problem in (
        ("fit", "net: 2 shards of street/cal are not sampled; run --stage sample first"),
        ("evaluate", "net: the calibrations on street/cal are not fitted; run --stage fit first"),
    ):
        one = work()
        with pytest.raises(ConfigError) as raised:
            one.carry_out(stage, of_stage(one.run, stage))  # type: ignore[arg-type]
        assert str(raised.value) == problem
    one = work()
    one.carry_out("sample", of_stage(one.run, "sample")[:1])
    with pytest.raises(ConfigError, match="net: 1 shard of street/cal is not sampled; run --stage sample first"):
        one.carry_out("fit", of_stage(one.run, "fit"))


def test_stages_by_units_are_what_all_at_once_is(work: Callable[[], ModelWork], street: Street) -> None:
    stages: tuple[Stage, ...] = ("sample", "fit", "evaluate")
    for stage in stages:
        for number in range(len(of_stage(work().run, stage))):
            one = work()
            one.carry_out(stage, [of_stage(one.run, stage)[number]])
            assert (one.problems, one.failures) == ([], {})
    out = street.root / "out"
    by_units = {path.relative_to(out): path.read_bytes() for path in piece_files(out)}
    assert not list(out.glob("samples/*"))  # all is fitted
    for path in piece_files(out):
        path.unlink()
    one = work()
    with ready_to_compute(one.run.plan, one.run.progress):
        one.calibrate()
        one.evaluate()
    assert list(one.run.records) == ["ts@street/cal"]
    assert {path.relative_to(out): path.read_bytes() for path in piece_files(out)} == by_units


def test_shards_that_are_not_asked_for_are_not_evaluated(work: Callable[[], ModelWork], street: Street) -> None:
    one = work()
    one.calibrate()
    unit = of_stage(one.run, "evaluate")[0]
    assert unit.shard
    one.evaluate([unit.shard])
    found = piece_files(street.root / "out")
    assert {stored.head.named["domain"] for stored in found.values()} == {str(unit.target)}
    ids = {sample.id for sample in unit.shard.samples}
    assert all(set(stored.head.hashes) == ids for stored in found.values())
    one.evaluate([])
    assert piece_files(street.root / "out").keys() == found.keys()


def test_a_method_that_refuses_leaves_the_others_and_is_not_tried_again(
    work: Callable[[], ModelWork], street: Street, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = street.content()
    content["calibration"][0]["methods"] = ["ts", REFUSED]
    street.write(content)
    one = work()
    one.calibrate()
    (line,) = one.problems
    assert line.startswith("net on street/cal: ")
    assert "without a feature" in line
    assert line.endswith("; no results with this calibration")
    assert list(one.run.records) == ["ts@street/cal"]
    one.evaluate()
    used = {stored.head.named["calibration"] for stored in piece_files(street.root / "out").values()}
    assert used == {"identity", "ts@street/cal"}

    monkeypatch.setattr(PredictionStream, "predictions_of_groups", None)
    for go_on in (ModelWork.calibrate, ModelWork.use_stored_calibrations):
        again = work()
        go_on(again)
        assert again.problems == [line]
    again = work()
    again.carry_out("fit", of_stage(again.run, "fit"))
    assert again.problems == [line]


@pytest.mark.parametrize("damage", ["", "{}", '{"refusal": {"why": "a"}, "sha256": "0"}'])
def test_a_method_whose_refusal_is_damaged_is_tried_again(
    work: Callable[[], ModelWork], street: Street, damage: str
) -> None:
    content = street.content()
    content["calibration"][0]["methods"] = [REFUSED]
    street.write(content)
    one = work()
    one.calibrate()
    (path,) = street.root.glob("out/fitted/*/refused.json")
    whole = path.read_bytes()
    path.write_text(damage)
    with pytest.raises(ConfigError, match="the calibrations on street/cal are not fitted"):
        work().use_stored_calibrations()
    again = work()
    again.calibrate()
    assert again.problems == one.problems
    assert path.read_bytes() == whole
    assert read_refusal(path.parent)


def test_a_calibration_split_with_a_sample_that_cannot_be_read_is_said_and_the_rest_is_evaluated(
    work: Callable[[], ModelWork], street: Street
) -> None:
    path = street.logits("val", 1)
    path.write_bytes(path.read_bytes()[:50])
    one = work()
    one.calibrate()
    (line,) = one.problems
    assert line.startswith("net on street/cal: could not evaluate 1 sample ")
    assert line.endswith("; no calibration is fitted on this split")
    one.evaluate()
    assert {str(target) for target in one.failures} <= {"street/cal"}
    domains = {stored.head.named["domain"] for stored in piece_files(street.root / "out").values()}
    assert domains >= {"street/day", "street/dusk"}
    sampled = work()
    sampled.carry_out("sample", of_stage(sampled.run, "sample"))
    assert sampled.problems == [line]


def test_samples_that_fail_are_told_by_domain(work: Callable[[], ModelWork], street: Street) -> None:
    path = street.logits("train", 1001)
    path.write_bytes(path.read_bytes()[:50])
    one = work()
    one.calibrate()
    one.evaluate()
    assert [str(target) for target in one.failures] == ["street/day"]
    (line,) = one.failure_lines()
    assert line.startswith("net on street/day: could not evaluate 1 sample (s143/s143_1001: ")
