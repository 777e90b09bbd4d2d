"""A run's folder: whose it is, and what the refusal of another says."""

import errno
import os
from dataclasses import replace
from pathlib import Path

import pytest
from helpers.faults import failing
from helpers.plans import SilentModel, dataset_of, plan_of, target_of

from reliseg.errors import ConfigError
from reliseg.plan.plan import Fit, ModelSource, Plan
from reliseg.run.folder import RunFolder, check_lengths, check_writable, hold_run_folder
from reliseg.runtime.atomic_files import write_text


def test_a_folder_answers_one_configuration_after_the_other(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path / "a" / "run")
    for text in ("seed: 0", "seed: 0", "seed: 1"):
        with hold_run_folder(folder):
            folder.claim(text)
            assert folder.config.read_text() == text


def test_a_configuration_that_is_asked_again_is_not_written_again(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    folder.claim("seed: 0")
    before = folder.config.stat()
    folder.claim("seed: 0")
    assert (before.st_ino, before.st_mtime_ns) == (folder.config.stat().st_ino, folder.config.stat().st_mtime_ns)


@pytest.mark.parametrize(
    ("code", "error"), [(errno.EIO, OSError), (errno.ENOSPC, OSError), (errno.EACCES, ConfigError)]
)
@pytest.mark.parametrize("call", ["open", "write"])
def test_another_folder_is_asked_for_where_this_one_is_the_trouble_and_not_the_disk(tmp_path, code, error, call):
    with failing(call, 0, code), pytest.raises(error) as caught:
        RunFolder(tmp_path).claim("seed: 0")
    if error is ConfigError:
        assert str(caught.value).endswith("cannot be written (permission denied); give another --out")
    else:
        assert caught.value.errno == code


def test_a_folder_of_something_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    with (
        pytest.raises(ConfigError, match="is not empty and holds no run"),
        hold_run_folder(RunFolder(tmp_path)),
    ):
        pass
    assert [p.name for p in tmp_path.iterdir()] == ["mine.txt"]
    with (
        pytest.raises(ConfigError, match="cannot be written"),
        hold_run_folder(RunFolder(tmp_path / "mine.txt")),
    ):
        pass


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
    path = base.with_name(f"{base.name}_color.png")
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
def test_a_damaged_configuration_in_the_folder_is_replaced(tmp_path, content):
    folder = RunFolder(tmp_path)
    if content is None:
        os.mkfifo(folder.config)
    else:
        folder.config.write_bytes(content)
    with hold_run_folder(folder):
        folder.claim("seed: 1\n")
    assert folder.config.read_text() == "seed: 1\n"


def test_a_run_that_was_killed_before_it_had_a_configuration_does_not_spoil_its_folder(tmp_path):
    (tmp_path / ".lock").write_text("")
    (tmp_path / ".00000000-1f-0.tmp").write_text("se")
    folder = RunFolder(tmp_path)
    with hold_run_folder(folder):
        folder.claim("seed: 0\n")
    assert folder.config.read_text() == "seed: 0\n"
