"""What a torch module computes with: its tensors, and of an object in memory all that is in it and around it."""

import hashlib
import sys
import sysconfig
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from types import BuiltinFunctionType, CodeType, FunctionType, MethodType, ModuleType
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

_INSTALLED = tuple({sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")})
"""Code that lies there counts by its name."""
_NO_CODE = ("__dict__", "__weakref__", "__doc__", "__module__")
_OF_THE_PROCESS = ("logging", "threading", "_thread")
"""Packages of what a module may hold, and does not compute with."""
_MOST_VALUES = 100_000
_PLAIN = (bool, int, float, complex, str, bytes, type(None), torch.dtype, torch.device, np.generic, range)


def tensors_sha256(module: Any) -> str:
    """Return the sha256 of all that the module's state dict holds, and of its other buffers."""
    digest = hashlib.sha256(type(module).__qualname__.encode())
    state = dict(module.state_dict())
    buffers = dict(module.named_buffers()) if hasattr(module, "named_buffers") else {}
    for name, value in (buffers | state).items():
        digest.update(name.encode() + _bytes(value))
    return digest.hexdigest()


def content_sha256(module: nn.Module) -> str:
    """Return the sha256 of what a module in memory computes with.

    That is the code of its layers and their attributes, and the functions and values that the code names, wherever
    they are. Code of installed packages counts by its name, what cannot be looked into by its type.
    """
    walk = _Walk()
    walk.add(module)
    return str(walk.digest.hexdigest())


def _bytes(value: Any) -> bytes:
    """Return type, shape and content of a state dict's value: a tensor of any type, or what a layer adds to it."""
    if not isinstance(value, Tensor) or value.layout != torch.strided or value.is_quantized:
        return repr(value).encode()
    content = value.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().tobytes()
    return f" {tuple(value.shape)} {value.dtype}".encode() + content


@dataclass
class _Walk:
    """Takes values, and the values that they consist of, into a digest; each once."""

    digest: Any = field(default_factory=hashlib.sha256)
    seen: dict[int, Any] = field(default_factory=dict)
    """What was taken, by its address, and so kept: no address is used twice."""

    def add(self, value: Any) -> None:
        """Take a value in."""
        waiting = [value]
        while waiting and len(self.seen) < _MOST_VALUES:
            one = waiting.pop()
            if isinstance(one, _PLAIN):
                self._update(f"{type(one).__name__} {one!r}".encode())
            elif id(one) not in self.seen:
                self.seen[id(one)] = one
                waiting += reversed(list(self._parts(one)))

    def _update(self, content: bytes) -> None:
        self.digest.update(b"%d " % len(content) + content)

    def _parts(self, value: Any) -> Iterator[Any]:
        """Take in what a value is, and yield what it consists of."""
        self._update(type(value).__qualname__.encode())
        if isinstance(value, Tensor):
            self._update(_bytes(value))
        elif isinstance(value, np.ndarray) and not value.dtype.hasobject:
            self._update(f"{value.shape} {value.dtype} ".encode() + value.tobytes())
        elif isinstance(value, Mapping):
            yield from (part for item in value.items() for part in item)
        elif isinstance(value, list | tuple):
            yield from value
        elif isinstance(value, set | frozenset):
            yield from sorted(value, key=repr)
        elif isinstance(value, FunctionType | BuiltinFunctionType | type | ModuleType):
            yield from self._parts_of_code(value)
        elif type(value).__module__.partition(".")[0] not in _OF_THE_PROCESS:
            yield type(value)
            if isinstance(value, torch.jit.ScriptModule):
                yield getattr(value, "code", "")
            yield dict(getattr(value, "__dict__", {}))
            yield [getattr(value, name, None) for name in _INNER.get(type(value), ())]

    def _parts_of_code(self, value: Any) -> Iterator[Any]:
        self._update(f"{getattr(value, '__module__', '')} {getattr(value, '__qualname__', '')}".encode())
        if isinstance(value, BuiltinFunctionType | ModuleType) or _is_installed(value):
            return
        if isinstance(value, type):
            yield from value.__bases__
            yield {key: part for key, part in vars(value).items() if key not in _NO_CODE}
            return
        names, constants = _contents(value.__code__)
        yield from (names, constants, value.__defaults__, value.__kwdefaults__)
        yield from (cell.cell_contents for cell in value.__closure__ or () if _is_filled(cell))
        yield from (value.__globals__[name] for name in dict.fromkeys(names) if name in value.__globals__)


_INNER: Mapping[type, tuple[str, ...]] = {
    partial: ("func", "args", "keywords"),
    MethodType: ("__func__", "__self__"),
    property: ("fget",),
    staticmethod: ("__func__",),
    classmethod: ("__func__",),
}
"""What holds other values elsewhere than in its `__dict__`."""


def _contents(code: CodeType) -> tuple[list[str], list[Any]]:
    """Return the names that code uses, and its instructions and constants, with those of functions in it."""
    inner = [_contents(c) for c in code.co_consts if isinstance(c, CodeType)]
    names = [*code.co_names, *(name for part, _ in inner for name in part)]
    constants = [c for c in code.co_consts if not isinstance(c, CodeType)]
    return names, [code.co_code, *constants, *(c for _, part in inner for c in part)]


def _is_filled(cell: Any) -> bool:
    try:
        cell.cell_contents  # noqa: B018
    except ValueError:
        return False
    return True


def _is_installed(value: Any) -> bool:
    """Tell if a function or class is of an installed package, or of Python itself."""
    name = getattr(value, "__module__", None)
    module = None if name == "__main__" else sys.modules.get(str(name))
    if module is None:
        return False
    file = getattr(module, "__file__", None)
    return file is None or file.startswith(_INSTALLED)
