"""Samples lie where what determines them says: nobody replaces those of others, and several may write the same."""

from pathlib import Path

import pytest
from helpers.runs import run_of
from helpers.street import Street, make_street

import reliseg
from reliseg.plan.parts import Part, Stage
from reliseg.run.execute import Run
from reliseg.run.fit import shard_sampling
from reliseg.run.fit.fitting import Fitting
from reliseg.run.fit.requests import SampleRequest
from reliseg.run.fit.sample_files import SampleFiles
from reliseg.run.stages import PartOfRun, conclude

IMAGES = 5


@pytest.fixture
def street(tmp_path: Path) -> Street:
    return make_street(tmp_path / "street", cal=IMAGES, day=3, dusk=1)


@pytest.fixture
def sampled(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The samples that are stored, in their order."""
    seen: list[str] = []
    entry = shard_sampling.ShardSampling._entry

    def counted(self, outcome, *given):
        seen.append(outcome.loaded.sample.id)
        return entry(self, outcome, *given)

    monkeypatch.setattr(shard_sampling.ShardSampling, "_entry", counted)
    return seen


def run(street: Street, out: Path, **changes: object) -> Run:
    """A run of the street, whose checkpoints are after every image."""
    street.write(street.content() | changes)
    return run_of(street.config, out, checkpoint=0.0)


def stages(whole: Run, *names: Stage) -> None:
    for stage in names:
        PartOfRun(whole, stage, Part()).execute()


def test_a_request_has_files_of_its_own(tmp_path: Path) -> None:
    one = SampleFiles.of(tmp_path, SampleRequest(3, {"a": True, "b": False}))
    assert one == SampleFiles.of(tmp_path, SampleRequest(3, {"b": False, "a": True}))
    assert one.name != SampleFiles.of(tmp_path, SampleRequest(4, {"a": True, "b": False})).name
    for path in (one.record, one.part(0, "ab").with_suffix(".json"), one.part(0, "cd").with_suffix(".json")):
        path.write_text("")
    assert list(SampleFiles.all_in(tmp_path)) == [one]
    assert one.parts(0) == [one.part(0, "ab"), one.part(0, "cd")]
    assert one.parts(1) == []


@pytest.mark.slow
def test_two_configurations_in_turns_do_not_sample_again(street: Street, sampled: list[str], tmp_path: Path) -> None:
    out = tmp_path / "out"
    for number, seed in enumerate((0, 5, 0, 5)):
        stages(run(street, out, seed=seed), "sample")
        assert len(sampled) == IMAGES * min(number + 1, 2)
    stages(run(street, out, seed=5), "fit", "evaluate")
    stages(run(street, out, seed=0), "sample", "fit", "evaluate")
    assert len(sampled) == 2 * IMAGES
    assert not (out / "samples").exists()
    for seed in (0, 5):
        conclude(run(street, out, seed=seed))
        reliseg.run_config(street.config, tmp_path / f"fresh{seed}")
        assert (out / "results.csv").read_bytes() == (tmp_path / f"fresh{seed}" / "results.csv").read_bytes()


@pytest.mark.slow
@pytest.mark.parametrize("before", [0, 2])
@pytest.mark.parametrize("at", [1, 3])
def test_the_same_part_twice_at_once_ends_well(
    street: Street, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, before: int, at: int
) -> None:
    """One samples all of it when the other has written some of it; where both began after the same, or anew."""
    reliseg.run_config(street.config, tmp_path / "fresh")
    out, write = tmp_path / "out", shard_sampling.write_sample_record
    written = 0

    def interrupted(*given: object) -> None:
        nonlocal written
        write(*given)
        written += 1
        if written == before:
            raise KeyboardInterrupt

    def overtaken(*given: object) -> None:
        nonlocal written
        write(*given)
        written += 1
        if written == at:
            stages(run(street, out), "sample")

    if before:
        monkeypatch.setattr(shard_sampling, "write_sample_record", interrupted)
        with pytest.raises(KeyboardInterrupt):
            stages(run(street, out), "sample")
        written = 0
    monkeypatch.setattr(shard_sampling, "write_sample_record", overtaken)
    stages(run(street, out), "sample")
    assert written > at
    stages(run(street, out), "fit", "evaluate")
    assert not (out / "samples").exists()
    conclude(run(street, out))
    assert (out / "results.csv").read_bytes() == (tmp_path / "fresh" / "results.csv").read_bytes()


@pytest.mark.slow
def test_the_same_fit_twice_at_once_ends_well(street: Street, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    out, fit = tmp_path / "out", Fitting._fit
    stages(run(street, out), "sample")

    def overtaken(self, one):
        monkeypatch.setattr(Fitting, "_fit", fit)
        stages(run(street, out), "fit")  # to the end: what both read is discarded
        return fit(self, one)

    monkeypatch.setattr(Fitting, "_fit", overtaken)
    stages(run(street, out), "fit", "evaluate")
    assert conclude(run(street, out)).to_csv() == reliseg.run_config(street.config, tmp_path / "fresh").to_csv()
