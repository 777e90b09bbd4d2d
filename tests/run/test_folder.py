"""A run's folder: whose it is, and what the refusal of another says."""

import os
from dataclasses import replace
from pathlib import Path

import pytest
from helpers.plans import SilentModel, dataset_of, plan_of, target_of

from reliseg.errors import ConfigError
from reliseg.plan.plan import Fit, ModelSource, Plan
from reliseg.plan.shards import shards
from reliseg.run.folder import RunFolder, check_lengths, check_writable, differences, lock_run_folder
from reliseg.runtime.atomic_files import write_text


def test_a_folder_is_claimed_and_claimed_again(tmp_path: Path) -> None:
    for _ in range(2):
        with lock_run_folder(RunFolder(tmp_path / "a" / "run"), "seed: 0"):
            assert (tmp_path / "a" / "run" / "config.yaml").read_text() == "seed: 0"


def test_another_run_is_refused_by_what_differs(tmp_path: Path) -> None:
    before = "seed: 0\ntest: {'on': [a/b]}\n"
    with lock_run_folder(RunFolder(tmp_path), before):
        pass
    now = "seed: 0\ntest: {'on': [a/b, a/c]}\n"
    with (
        pytest.raises(ConfigError, match=r"its config\.yaml differs in test\.on; undo that"),
        lock_run_folder(RunFolder(tmp_path), now),
    ):
        pass
    assert (tmp_path / "config.yaml").read_text() == before
    (tmp_path / "config.yaml").write_text("{")
    with (
        pytest.raises(ConfigError, match=r"its config\.yaml differs; undo that"),
        lock_run_folder(RunFolder(tmp_path), before),
    ):
        pass


def test_a_folder_of_something_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    with (
        pytest.raises(ConfigError, match="is not empty and holds no run"),
        lock_run_folder(RunFolder(tmp_path), "seed: 0"),
    ):
        pass
    assert [p.name for p in tmp_path.iterdir()] == ["mine.txt"]
    with (
        pytest.raises(ConfigError, match="cannot be written"),
        lock_run_folder(RunFolder(tmp_path / "mine.txt"), "seed: 0"),
    ):
        pass


def test_differences_are_named_by_their_place() -> None:
    before = "a: 1\nb: [{c: 1, d: 2}, {c: 1}]\ne: [1]\n"
    assert differences(before, before) == []
    assert differences(before, "a: 1\nb: [{c: 1, d: 3}, {c: 2}]\ne: [1, 2]\nf: 0\n") == ["b.0.d", "b.1.c", "e", "f"]
    assert differences('{"a": [1]}', "a: [1]") == []
    assert differences("a: {b: 16, c: on}", "a: {b: '16', c: 'on'}") == ["a.b"]
    assert differences("a: 1", "a: 1.0") == ["a"]


def plan_with(scene: str = "s", domains: int = 1, model: str = "net", stem: str = "x") -> Plan:
    """A plan that fits on these domains together and tests on the first."""
    names = [f"d{i:03d}" for i in range(domains)]
    dataset = dataset_of({name: [f"{scene}/{name}{stem}"] for name in names})
    fit = Fit(tuple(target_of(dataset, name) for name in names), ("ts",))
    plan = plan_of(dataset, fits=[fit], tests=names[:1])
    return replace(plan, models=(ModelSource(model, lambda: SilentModel()),))


@pytest.mark.parametrize(
    ("plan", "problem"),
    [
        (
            plan_with(domains=30),
            r"ts@world-d000\+world-d001\+world-d002\+worl...: a name of 3.. bytes in the run's folder, and",
        ),
        (
            plan_with(model="m" * 256),
            "mmmm...: a name of 256 bytes in the run's folder, and the limit is 255; choose a sh",
        ),
    ],
)
def test_names_that_are_too_long_are_refused_before_the_run(tmp_path: Path, plan: Plan, problem: str) -> None:
    with pytest.raises(ConfigError, match=problem):
        check_lengths(RunFolder(tmp_path), plan)


def test_a_path_that_is_too_long_is_refused_before_the_run(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path.joinpath(*["f" * 200] * 19))
    check_lengths(folder, plan_with())
    with pytest.raises(
        ConfigError, match=r"--out: a path of 4\d\d\d bytes would be needed, and the limit is 4095; shorten it"
    ):
        check_lengths(folder, plan_with(stem="x" * 200))


@pytest.mark.parametrize("scene", ["s" * 255, "\u00e9" * 127, "\u8857" * 85])
def test_the_longest_scenes_and_stems_that_a_data_set_may_have_can_be_written(tmp_path: Path, scene: str) -> None:
    plan, folder = plan_with(scene, stem="x" * 227), RunFolder(tmp_path)
    check_lengths(folder, plan)
    (target,) = plan.tests
    base = folder.export("net", target, target.domain.samples[0].id)
    (shard,) = shards(target)
    for path in (
        base.with_name(f"{base.name}_color.png"),
        folder.shard("net", shard),
        folder.sample_record("net", shard),
    ):
        write_text(path, "whole")
        assert path.is_relative_to(tmp_path)


def test_a_folder_that_cannot_be_made_or_written_is_refused_and_none_is_made(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    check_writable(tmp_path / "a" / "b")
    assert list(tmp_path.iterdir()) == [tmp_path / "file"]
    for place in ("file", "file/a"):
        with pytest.raises(ConfigError, match="file is not a folder; give another --out"):
            check_writable(tmp_path / place)
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    with pytest.raises(ConfigError, match=r"cannot be written \(permission denied\); give another --out"):
        check_writable(tmp_path / "a")


@pytest.mark.parametrize(
    "content", [b"\xff\xfe\x00", b"", b"[" * 100_000, None], ids=["bytes", "empty", "deep", "pipe"]
)
def test_a_damaged_configuration_in_the_folder_is_another_run(tmp_path, content):
    folder = RunFolder(tmp_path)
    if content is None:
        os.mkfifo(folder.config)
    else:
        folder.config.write_bytes(content)
    with pytest.raises(ConfigError, match="give another --out") as refused, lock_run_folder(folder, "seed: 1\n"):
        pass
    assert "differs in ;" not in str(refused.value)


def test_a_run_that_was_killed_before_it_had_a_configuration_does_not_spoil_its_folder(tmp_path):
    (tmp_path / ".lock").write_text("")
    (tmp_path / ".00000000-1f-0.tmp").write_text("se")
    with lock_run_folder(RunFolder(tmp_path), "seed: 0\n"):
        assert (tmp_path / "config.yaml").read_text() == "seed: 0\n"
