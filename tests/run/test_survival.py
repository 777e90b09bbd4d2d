"""Each trouble has one outcome: the run says it in one line that names what to do, and the same command goes on."""

import errno
import os
import random
import shutil
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers.faults import CALLS, failing, flip_bit, stored_files, truncate
from helpers.plans import SilentModel
from helpers.street import Street, make_street

import reliseg
from reliseg.cli import main
from reliseg.errors import ConfigError, IncompleteError, OutOfMemoryError, lacks_memory
from reliseg.labels import label_space
from reliseg.models import Input
from reliseg.prediction import Prediction
from reliseg.run.folder import RunFolder, hold_run_folder


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Street:
    return make_street(tmp_path_factory.mktemp("street"), cal=2, day=9, dusk=3)


@pytest.fixture(scope="module")
def whole(world: Street, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run that nothing disturbs."""
    out = tmp_path_factory.mktemp("whole") / "run"
    assert run(world, out) == (0, "")
    return out


@pytest.fixture(scope="module")
def expected(whole: Path) -> bytes:
    return (whole / "results.csv").read_bytes()


def run(street: Street, out: Path, *options: str) -> tuple[int, str]:
    """Run the command in this process; return its exit code and its last line of errors."""
    said: list[str] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["reliseg", "run", str(street.config), "--out", str(out), *options])
        patch.setattr("reliseg.cli._complain", said.append)
        with pytest.raises(SystemExit) as ended:
            main()
    assert len(said) <= 1, said
    return int(ended.value.code or 0), "".join(said)


@pytest.mark.slow
@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EROFS, errno.EACCES])
def test_a_disk_that_refuses_stops_the_run_with_the_file_and_the_same_command_goes_on(
    world: Street, expected: bytes, tmp_path: Path, code: int
) -> None:
    out = tmp_path / "run"
    for number, call in enumerate(CALLS):
        with failing(call, 3 + number, code):
            exit_code, said = run(world, out)
        assert exit_code == 1
        assert said.startswith(str(out)), said
        assert said.endswith(f"{os.strerror(code)}; check path, permissions and disk space, then start again")
        assert not [path for path in stored_files(out) if path.suffix == ".tmp"]
    assert run(world, out) == (0, "")
    assert (out / "results.csv").read_bytes() == expected


@pytest.mark.slow
@pytest.mark.parametrize("damage", [truncate, flip_bit])
def test_whatever_is_damaged_in_a_run_is_computed_again_or_named(
    world: Street, whole: Path, expected: bytes, tmp_path: Path, damage: Callable[[Path, random.Random], None]
) -> None:
    files = stored_files(whole)
    for number, path in enumerate(random.Random(damage.__name__).sample(files, 3)):
        out = tmp_path / str(number)
        shutil.copytree(whole, out)
        damage(out / path.relative_to(whole), random.Random(number))
        exit_code, said = run(world, out)
        if exit_code:  # a configuration that is another one now, for example
            assert str(out) in said
            assert exit_code in (1, 2)
        else:
            assert (out / "results.csv").read_bytes() == expected, path


@pytest.mark.slow
def test_an_image_that_changes_while_the_run_goes_on_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    street = make_street(tmp_path / "street", cal=2, day=9, dusk=3)
    victim = street.logits("train", 1004)

    def advance(terminal: object, *arguments: Any) -> None:
        if not changed:
            changed.append(os.utime(victim, ns=(1, 1)))
            np.savez(victim, **dict(np.load(street.logits("train", 1005))))

    changed: list[None] = []
    monkeypatch.setattr("reliseg.report.terminal.Terminal.advance", advance)
    exit_code, said = run(street, tmp_path / "run")
    assert changed
    assert (exit_code, said) == (0, "") or (exit_code == 1 and "changed while the run went on" in said)


@pytest.mark.slow
def test_a_file_that_cannot_be_read_costs_its_domain_and_nothing_else(tmp_path: Path) -> None:
    street = make_street(tmp_path / "street", cal=2, day=9, dusk=3)
    whole = street.logits("train", 1004).read_bytes()
    street.logits("train", 1004).write_bytes(whole[:-20])
    exit_code, said = run(street, tmp_path / "run")
    assert exit_code == 1
    assert "net on street/day: could not evaluate 1 sample" in said
    assert {row.domain for row in reliseg.Results.read(tmp_path / "run")} == {"dusk"}
    exit_code, said = run(street, tmp_path / "run", "--on-error", "skip")
    assert (exit_code, said.endswith("its numbers are over the other samples")) == (1, True)
    rows = reliseg.Results.read(tmp_path / "run")
    assert {(row.domain, row.skipped) for row in rows} == {("day", 1), ("dusk", 0)}
    assert {row.n_images for row in rows.where(domain="day", metric="miou")} == {8}
    street.logits("train", 1004).write_bytes(whole)
    assert run(street, tmp_path / "run") == (0, "")
    assert {row.domain for row in reliseg.Results.read(tmp_path / "run")} == {"day", "dusk"}


class Hungry(SilentModel):
    """Gives the classes of a camvid image, and an error from so many images on, or from the so-manieth call."""

    def __init__(self, error: BaseException, images: int = 1) -> None:
        super().__init__()
        object.__setattr__(self, "labels", label_space("camvid"))
        object.__setattr__(self, "error", error)
        object.__setattr__(self, "images", images)
        object.__setattr__(self, "calls", [])

    def predict(self, inputs: Sequence[Input]) -> list[Prediction]:
        self.calls.append(len(inputs))  # type: ignore[attr-defined]
        if len(inputs) >= self.images:  # type: ignore[attr-defined]
            raise self.error  # type: ignore[attr-defined]
        return [Prediction(np.zeros((11, 6, 8), np.float32), i.size) for i in inputs]


class FakeCudaError(RuntimeError):
    """What torch raises is an error of this kind too."""


ERRORS = {
    "MemoryError": MemoryError("Unable to allocate 3.00 GiB"),
    "torch": FakeCudaError("CUDA out of memory. Tried to allocate 20.00 MiB. GPU 0 has 10 MiB"),
    "hip": RuntimeError("HIP out of memory. Tried to allocate"),
    "mps": RuntimeError("MPS backend out of memory (MPS allocated: 1 GB)"),
    "cpu": RuntimeError("[enforce fail at alloc_cpu.cpp:117] DefaultCPUAllocator: can't allocate memory: you tried"),
    "cublas": RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
    "onnx": RuntimeError("BFCArena::AllocateRawInternal Failed to allocate memory for requested buffer of size 64"),
}


def data(street: Street) -> Any:
    return reliseg.open_dataset("camvid", street.root / "data", name="street", domains={"day": {"split": "train"}})


@pytest.mark.parametrize("kind", ERRORS)
@pytest.mark.parametrize(("batch", "advice"), [(1, "set slide"), (4, "set batch to less than 4")])
def test_a_network_that_lacks_memory_ends_the_run_with_the_setting_to_change(world, tmp_path, kind, batch, advice):
    model = Hungry(ERRORS[kind], images=batch)
    with pytest.raises(OutOfMemoryError) as ended:
        reliseg.evaluate({"hungry": model}, data(world), batch=batch, out=tmp_path / "run", workers=1)
    (line,) = ended.value.lines
    assert line.startswith("model hungry: not enough memory for ")
    assert advice in line
    assert ended.value.exit_code == 1
    assert model.calls[-1] == batch  # it is not tried with fewer


def test_the_memory_error_of_torch_is_known(world, tmp_path):
    torch = pytest.importorskip("torch")
    error = torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")
    with pytest.raises(OutOfMemoryError, match=r"4 images of height 24, width 32 \(CUDA out of memory\); set batch"):
        reliseg.evaluate({"hungry": Hungry(error, 4)}, data(world), batch=4, out=tmp_path / "run")


def test_any_other_error_of_a_batch_is_asked_of_each_image_and_costs_its_own(world, tmp_path):
    model = Hungry(RuntimeError("no batches, please"), images=2)
    assert len(reliseg.evaluate({"net": model}, data(world), batch=4, out=tmp_path / "run"))
    assert 1 in model.calls
    with pytest.raises(IncompleteError, match="no images, please"):
        reliseg.evaluate({"net": Hungry(RuntimeError("no images, please"))}, data(world), out=tmp_path / "other")


def test_an_error_that_comes_from_one_of_memory_is_one_of_memory():
    for error in ERRORS.values():
        outer = ValueError("a library's own words")
        outer.__cause__ = error
        assert lacks_memory(outer)
        outer.__cause__ = outer
        assert not lacks_memory(outer)


def test_a_run_that_was_killed_before_it_had_a_configuration_does_not_spoil_its_folder(tmp_path):
    (tmp_path / "status").mkdir()
    for name in (".lock", ".00000000-1f-0.tmp", "inputs.sqlite", "inputs.sqlite-journal", "status/host-1.json"):
        (tmp_path / name).write_text("")
    for shared in (False, True):
        with hold_run_folder(RunFolder(tmp_path), shared=shared):
            pass
    (tmp_path / "mine.txt").write_text("")
    with pytest.raises(ConfigError, match="is not empty and holds no run"):
        hold_run_folder(RunFolder(tmp_path)).__enter__()
