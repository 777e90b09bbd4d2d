"""Files that are pickles from their beginning: those of torch before version 1.6, and plain ones."""

from io import BufferedIOBase
from typing import Any

import torch
from torch import Tensor

from reliseg.models.checkpoints.pickle_machine import PickleMachine
from reliseg.models.checkpoints.plain_names import plain_names
from reliseg.models.checkpoints.stand_ins import Allowance, DamagedError
from reliseg.models.checkpoints.tensor_names import Storage, stored_type, tensor_names, view

_TORCH = 0x1950A86A20F9469CFC6C
"""The number that files of torch begin with."""
_VERSION = 1001


def read_pickles(file: BufferedIOBase, size: int, *, inside: bool = False) -> tuple[Any, dict[str, None]]:
    """Return the content of a file of pickles, and the names that were left out of it.

    `inside` says that it stands in another one, which then holds no third.
    """
    allowance, memories = Allowance(size), _Memories(size)
    left_out: dict[str, None] = {}

    def load_storage(inner: BufferedIOBase, inner_size: int) -> Any:
        content, names = read_pickles(inner, inner_size, inside=True)
        left_out.update(names)
        if type(content) is not Storage:
            raise DamagedError("memory that is none")
        return content

    names = plain_names(allowance) | tensor_names(allowance, None if inside else load_storage)
    machine = PickleMachine(file, size, names, memories.storage)
    content = machine.load()
    if type(content) is int and content == _TORCH:
        if machine.load() != _VERSION:
            raise DamagedError("a version of torch's files that is unknown")
        machine.load()  # about the system that wrote it
        content = machine.load()
        memories.fill(file, machine.load())
    elif memories.named:
        raise DamagedError("it refers to memory that is not in it")
    return content, left_out | machine.left_out


class _Memories:
    """What tensors lie in. The file has its content after the tensors, so memory is made first and filled later."""

    def __init__(self, size: int) -> None:
        self._left = size
        self.named: dict[str, tuple[Tensor, int]] = {}

    def storage(self, what: Any) -> Any:
        """Return the memory that a tensor lies in, by the number that the file gives it."""
        if type(what) is tuple and len(what) == 4 and what[0] == "module":
            return what[1]
        if type(what) is not tuple or len(what) != 6 or what[0] != "storage" or type(what[2]) is not str:
            raise DamagedError("it refers to what is no memory")
        _, of, key, _, count, part = what
        kind = stored_type(of)
        if key not in self.named:
            self.named[key] = (self._memory(count, kind), kind.itemsize)
        memory = self.named[key][0]
        if part is None:
            return view(memory, kind, count)
        if type(part) is not tuple or len(part) != 3 or type(part[1]) is not int or part[1] < 0:
            raise DamagedError("it refers to a part of memory that is none")
        return view(memory[part[1] * kind.itemsize :], kind, part[2])

    def fill(self, file: BufferedIOBase, keys: Any) -> None:
        """Read the content of all memory that was named, in the order that the file has it."""
        if type(keys) is not list or not all(type(key) is str for key in keys):
            raise DamagedError("no list of its memory")
        missing = self.named.keys() - set(keys)
        if missing:
            raise DamagedError("it refers to memory that is not in it")
        for key in keys:
            memory, item_size = self.named[key]
            if int.from_bytes(file.read(8), "little") * item_size != memory.numel():
                raise DamagedError("memory of another length than it says")
            if file.readinto(memory.numpy().data) != memory.numel():
                raise DamagedError("it ends too early")

    def _memory(self, count: Any, kind: torch.dtype) -> Tensor:
        """Return new memory for so many numbers; a DamagedError if they are more than the file has."""
        if type(count) is not int or not 0 <= count * kind.itemsize <= self._left:
            raise DamagedError("the memory of a tensor is longer than the file")
        self._left -= count * kind.itemsize
        return torch.empty(count * kind.itemsize, dtype=torch.uint8)
