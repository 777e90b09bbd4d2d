"""Troubles that machines make: calls of the system that fail, damaged files, and processes that end at any instant.

`failing` makes calls fail in this process, `FAULTY` in one that is started: `open`, `write`, `fsync` or
`replace` of files that a run writes, from the n-th call on.
"""

import errno
import io
import os
import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

FAULT = "RELISEG_TEST_FAULT"
CALLS = ("open", "write", "fsync", "replace")


class _Counter:
    """Counts calls, and fails from the n-th one on, once or always."""

    def __init__(self, number: int, code: int, lasting: bool) -> None:
        self.left = number
        self.code = code
        self.lasting = lasting

    def count(self, path: object) -> None:
        self.left -= 1
        if self.left < 0 and (self.lasting or self.left == -1):
            raise OSError(self.code, os.strerror(self.code), *([] if path is None else [str(path)]))


class _FailingFile(io.BufferedWriter):
    """A file of which the n-th write fails, after a half of it was written, as on a full disk."""

    def __init__(self, raw: io.RawIOBase, counter: _Counter) -> None:
        super().__init__(raw)
        self.counter = counter

    def write(self, data: Any) -> int:
        try:
            self.counter.count(None)
        except OSError:
            super().write(bytes(data)[: len(bytes(data)) // 2])
            raise
        return super().write(data)


@contextmanager
def failing(call: str, number: int = 0, code: int = errno.EIO, *, lasting: bool = True) -> Iterator[None]:
    """Let the `number`-th call (from 0) of this kind that writes a file fail with this code, and all later ones."""
    counter, before = _Counter(number, code, lasting), (Path.open, os.fsync, Path.replace)

    def opened(path: Path, mode: str = "r", *arguments: Any, **options: Any) -> Any:
        if mode not in ("xb", "wb"):  # of which the files are that a run writes
            return before[0](path, mode, *arguments, **options)
        if call == "open":
            counter.count(path)
        file = before[0](path, mode, *arguments, **options)
        return _FailingFile(file.detach(), counter) if call == "write" else file

    def fsync(descriptor: int) -> None:
        counter.count(None)
        before[1](descriptor)

    def replace(path: Path, target: Path) -> Path:
        counter.count(path)
        return before[2](path, target)

    patches: list[tuple[object, str, Callable[..., Any]]] = {
        "open": [(Path, "open", opened)],
        "write": [(Path, "open", opened)],
        "fsync": [(os, "fsync", fsync)],
        "replace": [(Path, "replace", replace)],
    }[call]
    originals = [getattr(owner, name) for owner, name, _ in patches]
    for owner, name, function in patches:
        setattr(owner, name, function)
    try:
        yield
    finally:
        for (owner, name, _), original in zip(patches, originals, strict=True):
            setattr(owner, name, original)


FAULTY = "from helpers.faults import main; main()"
"""The command of reliseg with the fault that its environment names."""


def fault_environment(call: str = "", number: int = 0, code: int = 0) -> dict[str, str]:
    """Return an environment of `FAULTY` in which the n-th call of this kind fails; none where it has no name."""
    return {**os.environ} | ({FAULT: f"{call}:{number}:{code}"} if call else {})


def main() -> None:
    """Run the command line of reliseg with the fault that the environment names."""
    from reliseg.cli import main as reliseg

    if FAULT not in os.environ:
        return reliseg()
    call, number, code = os.environ[FAULT].split(":")
    with failing(call, int(number), int(code)):
        return reliseg()


def truncate(path: Path, rng: random.Random) -> None:
    """Cut a file off anywhere."""
    os.truncate(path, rng.randrange(path.stat().st_size))


def flip_bit(path: Path, rng: random.Random) -> None:
    """Turn one bit of a file."""
    data = bytearray(path.read_bytes())
    data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    path.write_bytes(data)


def stored_files(folder: Path) -> list[Path]:
    """Return the files of a run's folder that are not empty, in the order of their names."""
    return sorted(p for p in folder.rglob("*") if p.is_file() and p.stat().st_size)


def wait_until(condition: Callable[[], bool], seconds: float = 60) -> bool:
    """Wait until something holds; tell if it does in this time."""
    end = time.monotonic() + seconds
    while not condition() and time.monotonic() < end:
        time.sleep(0.01)
    return condition()
