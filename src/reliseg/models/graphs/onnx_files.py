"""The files that an ONNX graph is made of: it may keep its weights in others, which it names.

The graph is a message of Protocol Buffers. Of it only the ways to these names are followed, so that no package for ONNX
is needed, and a damaged file says so in one line.
"""

import mmap
from collections.abc import Iterator
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import TypeAlias

from reliseg.errors import ModelError
from reliseg.models.base import kind_hint
from reliseg.runtime.printable import printable
from reliseg.runtime.regular_files import open_regular, reason_of, regular_size

Content: TypeAlias = memoryview
Value: TypeAlias = int | memoryview

_PARTS = {
    "model": {7: "graph", 25: "function"},
    "function": {7: "node"},
    "graph": {1: "node", 5: "tensor", 15: "sparse"},
    "node": {5: "attribute"},
    "attribute": {5: "tensor", 6: "graph", 10: "tensor", 11: "graph", 22: "sparse", 23: "sparse"},
    "sparse": {1: "tensor", 2: "tensor"},
    "tensor": {},
}
"""Of each message of onnx.proto, the fields that lead to tensors, by their numbers, and the messages in them."""
_ENTRY, _IS_ELSEWHERE, _KEY, _VALUE = 13, 14, 1, 2
"""Fields of a tensor: where it lies, and whether it lies elsewhere; and of an entry of the former."""
_DEEPEST = 40
_POINTER = b"version https://git-lfs"


class DamagedGraphError(ValueError):
    """Bytes that are no message of Protocol Buffers."""


def graph_files(model: str, path: Path) -> list[Path]:
    """Return the files of a graph, itself first; a ModelError where one cannot be had, or lies outside its folder."""
    name = f"model {model}: {path}"
    try:
        with open_regular(path) as file:
            if file.read(len(_POINTER)) == _POINTER:
                raise ModelError(f"{name}: a pointer of Git LFS in the place of the file; fetch it with git lfs pull")
            if not file.seek(0, 2):
                raise ModelError(f"{name}: an empty file; copy it again")
            places = dict.fromkeys(_external_places(memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))))
    except OSError as error:
        raise ModelError(f"{name}: {reason_of(error)}; give an ONNX file") from error
    except DamagedGraphError as error:
        raise ModelError(
            f"{name}: not an ONNX graph, or a damaged one ({error}); copy or export it again"
            f"{kind_hint(path, here='onnx')}"
        ) from error
    return [path, *(_beside(name, path.parent, place) for place in places)]


def _beside(name: str, folder: Path, place: str) -> Path:
    """Return the path of a file of weights, which a graph names by its place below its own folder."""
    parts = PurePosixPath(place.replace("\\", "/"))
    if not place or parts.is_absolute() or PureWindowsPath(place).drive or ".." in parts.parts:
        shown = printable(place) or "nothing"
        raise ModelError(
            f"{name}: keeps weights in {shown}, outside its own folder; save it with its weights beside it"
        )
    path = folder / parts
    try:
        regular_size(path)
    except OSError as error:
        raise ModelError(
            f"{name}: its file of weights {printable(place)} cannot be had ({reason_of(error)}); copy it there"
        ) from error
    return path


def _external_places(model: Content) -> Iterator[str]:
    """Yield the places of files that tensors are kept in."""
    waiting: list[tuple[str, Content, int]] = [("model", model, 0)]
    while waiting:
        kind, message, depth = waiting.pop()
        if depth > _DEEPEST:
            raise DamagedGraphError(f"{depth} messages inside one another")
        if kind == "tensor":
            yield from _place_of_tensor(message)
        for field, value in _fields(message):
            part = _PARTS[kind].get(field)
            if part and not isinstance(value, int):
                waiting.append((part, value, depth + 1))


def _place_of_tensor(message: Content) -> Iterator[str]:
    """Yield the file that a tensor is kept in, if it is kept in one."""
    fields = list(_fields(message))
    if (_IS_ELSEWHERE, 1) not in fields:
        return
    for entry in (dict(_fields(v)) for f, v in fields if f == _ENTRY and not isinstance(v, int)):
        if _text(entry.get(_KEY)) == "location":
            yield _text(entry.get(_VALUE))


def _text(value: Value | None) -> str:
    return bytes(value).decode("utf-8", "replace") if isinstance(value, memoryview) else ""


def _fields(message: Content) -> Iterator[tuple[int, Value]]:
    """Yield the fields of a message: their numbers, and integers or bytes."""
    at = 0
    while at < len(message):
        tag, at = _integer(message, at)
        field, form = tag >> 3, tag & 7
        if form == 0:
            value, at = _integer(message, at)
            yield field, value
            continue
        if form == 2:
            length, at = _integer(message, at)
        elif form in (1, 5):
            length = 8 if form == 1 else 4
        else:
            raise DamagedGraphError(f"byte {at} begins no field")
        if length > len(message) - at:
            raise DamagedGraphError("it ends in the middle of a field")
        yield field, message[at : at + length]
        at += length


def _integer(message: Content, at: int) -> tuple[int, int]:
    """Return an integer of variable length, and where it ends."""
    value = 0
    for shift in range(0, 70, 7):
        if at >= len(message):
            raise DamagedGraphError("it ends in the middle of a number")
        byte = message[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
    raise DamagedGraphError(f"byte {at} continues too long a number")
