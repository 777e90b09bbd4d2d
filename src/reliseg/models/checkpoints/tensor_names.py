"""The names by which files of torch hold tensors, and how these are made upon the memory that was read for them."""

import io
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from reliseg.models.checkpoints.stand_ins import Allowance, DamagedError, LeftOut, Named, Names

# a copy is made at once: other threads may import parts of torch meanwhile
_TYPES = {str(kind): kind for kind in vars(torch).copy().values() if isinstance(kind, torch.dtype)}
"""Types of numbers by their names: `torch.float32`."""
_STORED = {
    "Double": torch.float64,
    "Float": torch.float32,
    "Half": torch.float16,
    "BFloat16": torch.bfloat16,
    "Long": torch.int64,
    "Int": torch.int32,
    "Short": torch.int16,
    "Char": torch.int8,
    "Byte": torch.uint8,
    "Bool": torch.bool,
    "ComplexDouble": torch.complex128,
    "ComplexFloat": torch.complex64,
    "QUInt8": torch.uint8,
    "QInt8": torch.int8,
    "QInt32": torch.int32,
    "Untyped": torch.uint8,
}
STORAGES = {f"{room}.{name}Storage": kind for name, kind in _STORED.items() for room in ("torch", "torch.cuda")} | {
    "torch.storage.UntypedStorage": torch.uint8
}
"""Classes of memory in files, and the type of the numbers there; those of quantised tensors are whole ones."""
_OTHER_KINDS = {
    "_rebuild_sparse_tensor": "a sparse tensor",
    "_rebuild_sparse_csr_tensor": "a sparse tensor",
    "_rebuild_nested_tensor": "a nested tensor",
    "_rebuild_qtensor": "a quantised tensor",
    "_rebuild_meta_tensor_no_storage": "a tensor without content (device meta)",
    "_rebuild_wrapper_subclass": "a tensor of a class of its own",
}
_CHANGED = "a tensor whose numbers are to be conjugated or negated"
_LARGEST = 1 << 62
_MOST_AXES = 64


@dataclass(frozen=True, eq=False)
class Storage:
    """A part of memory that tensors lie in: so many numbers of one type."""

    numbers: Tensor
    count: int


def stored_type(of: Any) -> torch.dtype:
    """Return the type of the numbers in a class of memory; a DamagedError if a file has another thing there."""
    kind = STORAGES.get(of.name) if type(of) is Named else None
    if kind is None:
        raise DamagedError("a tensor without a type")
    return kind


def view(memory: Tensor, kind: torch.dtype, count: Any) -> Storage:
    """Return so many numbers from the beginning of some bytes; a DamagedError where there are fewer."""
    if type(count) is not int or not 0 <= count * kind.itemsize <= memory.numel():
        raise DamagedError("the memory of a tensor is shorter than it says")
    return Storage(memory[: count * kind.itemsize].view(kind), count)


def tensor_names(allowance: Allowance, load_storage: Callable[[io.BytesIO, int], Any] | None = None) -> Names:
    """Return the names of tensors. `load_storage` reads memory that is written into a pickle as a file of its own."""

    def storage_of_bytes(content: Any) -> Any:
        if type(content) is not bytes or load_storage is None:
            raise DamagedError("memory that is no file")
        allowance.spend(2 * len(content))
        return load_storage(io.BytesIO(content), len(content))

    builders: dict[str, Callable[..., Any]] = {
        "torch.Size": _size,
        "torch._utils._rebuild_tensor": _strided,
        "torch._utils._rebuild_tensor_v2": _tensor,
        "torch._utils._rebuild_tensor_v3": _tensor_of_type,
        "torch._utils._rebuild_parameter": _first,
        "torch._utils._rebuild_parameter_with_state": _first,
        "torch._utils._rebuild_device_tensor_from_cpu_tensor": _first,
        "torch.storage._load_from_bytes": storage_of_bytes,
    }
    for name, kind in _OTHER_KINDS.items():
        builders[f"torch._utils.{name}"] = _marks(f"torch._utils.{name}", kind)

    def of_class(rebuild: Any, of: Any, arguments: Any, state: Any = None) -> Any:
        """Return the plain tensor below one of a class of its own."""
        builder = builders.get(rebuild.name) if type(rebuild) is Named else None
        if builder is None or builder is of_class or type(arguments) is not tuple:
            return LeftOut(of.name if type(of) is Named else "torch.Tensor", kind="a tensor of a class of its own")
        return builder(*arguments)

    builders["torch._tensor._rebuild_from_type_v2"] = of_class
    inert = {*STORAGES, *_TYPES, "torch.Tensor", "torch.nn.parameter.Parameter", "torch.nn.parameter.Buffer"}
    inert |= {"torch.device", "torch.sparse_coo", "torch.strided", "torch.serialization._get_layout"}
    return Names(builders, inert)


def _size(sides: Any = ()) -> tuple[Any, ...]:
    if type(sides) not in (list, tuple):
        raise DamagedError("a size of no sides")
    return tuple(sides)


def _first(tensor: Any, *rest: Any) -> Any:
    return tensor


def _marks(name: str, kind: str) -> Callable[..., LeftOut]:
    return lambda *arguments: LeftOut(name, kind=kind)


def _tensor(
    storage: Any, offset: Any, size: Any, stride: Any, requires_grad: Any, hooks: Any, changes: Any = None
) -> Tensor | LeftOut:
    """Return a tensor in some memory; a DamagedError if it reaches beyond. `changes` are those of its numbers."""
    return LeftOut("torch.Tensor", kind=_CHANGED) if changes else _strided(storage, offset, size, stride)


def _tensor_of_type(*arguments: Any) -> Tensor | LeftOut:
    """Return a tensor whose type has no class of memory: the arguments of `_tensor`, with the type before the last."""
    storage, offset, size, stride, _, _, of, *changes = arguments
    kind = _TYPES.get(of.name) if type(of) is Named else None
    if type(storage) is not Storage or kind is None:
        raise DamagedError("a tensor without memory or type")
    memory = storage.numbers.view(torch.uint8)
    whole = view(memory, kind, memory.numel() // kind.itemsize)
    return LeftOut("torch.Tensor", kind=_CHANGED) if any(changes) else _strided(whole, offset, size, stride)


def _strided(storage: Any, offset: Any, size: Any, stride: Any) -> Tensor:
    if type(storage) is not Storage:
        raise DamagedError("a tensor without memory")
    if type(size) is not tuple or type(stride) is not tuple or len(size) != len(stride) or len(size) > _MOST_AXES:
        raise DamagedError("a tensor without a shape")
    count, reach = 1, 1
    for part in (offset, *size, *stride):
        if type(part) is not int or not 0 <= part < _LARGEST:
            raise DamagedError("a tensor without a shape")
    for side, step in zip(size, stride, strict=True):
        count *= side
        reach += (side - 1) * step
    if count >= _LARGEST:
        raise DamagedError("a tensor without a shape")
    if not count:
        return storage.numbers.new_empty(size)
    if offset + reach > storage.count:
        raise DamagedError("a tensor reaches beyond its memory")
    return storage.numbers.as_strided(size, stride, storage.numbers.storage_offset() + offset)
