"""Files of torch that are archives: since version 1.6. Each tensor's memory is a part of its own."""

import sys
from io import BytesIO
from pathlib import Path
from typing import Any, cast
from zipfile import ZipExtFile, ZipFile, ZipInfo

import torch
from torch import Tensor

from reliseg.errors import ModelError, one_line
from reliseg.models.checkpoints.pickle_machine import PickleMachine
from reliseg.models.checkpoints.plain_names import plain_names
from reliseg.models.checkpoints.stand_ins import Allowance, DamagedError
from reliseg.models.checkpoints.tensor_names import Storage, stored_type, tensor_names, view
from reliseg.runtime.regular_files import size_text

_PROGRAMS = {
    "/constants.pkl": "TorchScript",
    "serialized_exported_program.json": "torch.export",
    "/models/model.json": "torch.export",
    "/archive_format": "torch.export",
}
"""Ends of names in archives of programs, and what wrote them."""
_MOST_UNPACKED = 20
"""Times the size of its file that an archive may unpack to. Torch's own is not compressed."""
_MOST_TENSORS = 40_000
"""Parts of an archive. The largest networks have some thousands, and an optimizer three times as many."""
_CONTENT = "/data.pkl"


def check_archive(path: Path) -> None:
    """Raise a ModelError for an archive that is a program, or that is damaged."""
    program, problem = program_in(path), archive_problem(path)
    if program:
        raise ModelError(
            f"weights {path}: a {program} program, not a state dict; leave out weights, and write kind: exported, "
            f"where: {path.name}"
        )
    if problem:
        raise ModelError(f"weights {path}: {problem}")


def program_in(path: Path) -> str | None:
    """Return what wrote the program in an archive, `torch.export` or `TorchScript`; None where there is none."""
    try:
        with ZipFile(path) as archive:
            names = archive.namelist()
    except Exception:  # whatever a damaged archive makes of its reader: that is another question
        return None
    return next((writer for end, writer in _PROGRAMS.items() if any(name.endswith(end) for name in names)), None)


def archive_problem(path: Path) -> str | None:
    """Return the end of an error line if an archive is damaged, or unpacks to many times its size; None if it is whole.

    Torch may have been told to write no checksums: they are all 0 then.
    """
    try:
        with ZipFile(path) as archive:
            members = archive.infolist()
            size, unpacked = path.stat().st_size, sum(member.file_size for member in members)
            if unpacked > _MOST_UNPACKED * size:
                return f"unpacks from {size_text(size)} to {size_text(unpacked)}; not read"
            if len(members) > _MOST_TENSORS:
                return f"holds {len(members)} parts; save the state dict alone: torch.save(model.state_dict(), path)"
            damaged = archive.testzip() if any(member.CRC for member in members) else None
    except Exception as error:  # whatever a damaged archive makes of its reader
        return f"a damaged archive ({one_line(error)}); copy it again"
    return None if damaged is None else f"damaged, as the checksum of {damaged} is another one; copy it again"


def read_archive(path: Path) -> tuple[Any, dict[str, None]]:
    """Return the content of an archive that `check_archive` let pass, and the names that were left out of it."""
    with ZipFile(path) as archive:
        return _Archive(archive).load()


class _Archive:
    def __init__(self, archive: ZipFile) -> None:
        self._archive = archive
        self._members = {member.filename: member for member in archive.infolist()}
        contents = [name for name in self._members if name.endswith(_CONTENT) and name.count("/") == 1]
        if not contents:
            raise DamagedError("an archive without data.pkl")
        self._folder = contents[0].removesuffix(_CONTENT)
        self._memories: dict[str, Tensor] = {}
        member = self._members.get(f"{self._folder}/byteorder")
        order = self._bytes(member) if member is not None else b"little"
        if order not in (b"little", b"big"):
            raise DamagedError("an order of bytes that is unknown")
        self._is_swapped = order != sys.byteorder.encode()

    def load(self) -> tuple[Any, dict[str, None]]:
        content = self._bytes(self._members[self._folder + _CONTENT])
        allowance = Allowance(len(content))
        names = plain_names(allowance) | tensor_names(allowance)
        machine = PickleMachine(BytesIO(content), len(content), names, self._storage)
        return machine.load(), machine.left_out

    def _storage(self, what: Any) -> Storage:
        """Return the memory that a tensor lies in, read when it is first named."""
        if type(what) is not tuple or len(what) != 5 or what[0] != "storage" or type(what[2]) is not str:
            raise DamagedError("it refers to what is no memory")
        _, of, key, _, count = what
        kind = stored_type(of)
        if key not in self._memories:
            member = self._members.get(f"{self._folder}/data/{key}")
            if member is None:
                raise DamagedError("it refers to memory that is not in it")
            self._memories[key] = self._memory(member, kind)
        return view(self._memories[key], kind, count)

    def _memory(self, member: ZipInfo, kind: torch.dtype) -> Tensor:
        memory = torch.empty(member.file_size, dtype=torch.uint8)
        into = memory.numpy().data
        with cast(ZipExtFile, self._archive.open(self._unchecked(member))) as file:
            while len(into):
                count = file.readinto(into)
                if not count:
                    raise DamagedError("memory that ends too early")
                into = into[count:]
        if self._is_swapped and kind.itemsize > 1:
            _swap(memory, kind)
        return memory

    def _bytes(self, member: ZipInfo) -> bytes:
        return self._archive.read(self._unchecked(member))

    @staticmethod
    def _unchecked(member: ZipInfo) -> ZipInfo:
        """Return a part without its checksum, which was looked at, and is 0 where torch was told to write none."""
        member.CRC = None  # type: ignore[assignment]
        return member


def _swap(memory: Tensor, kind: torch.dtype) -> None:
    """Turn round the bytes of each number; those of complex ones are two numbers."""
    size = kind.itemsize // (2 if kind.is_complex else 1)
    numbers = memory[: len(memory) // size * size].numpy().reshape(-1, size)
    numbers[:] = numbers[:, ::-1].copy()
