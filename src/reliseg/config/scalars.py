"""Scalars: a file gives text, and the schema says what a text means at its place.

`0016E5` is a scene where a name is asked for, and no number; `16` is a number where a number is asked for. Numbers and
words are those of YAML 1.2's core rules. `Any` in the schema is read by these rules too, and `AS_WRITTEN` not at all.
"""

import math
import re
from collections.abc import Mapping
from dataclasses import is_dataclass
from operator import index
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

from pydantic import BaseModel

from reliseg.runtime.text_files import quoted

AS_WRITTEN = "as written"
"""Marks `Annotated[Any, AS_WRITTEN]`: numbers in their plainest form (`7`, not `007` or `0x7`) are numbers, all else
is text."""
_NULL = ("", "~", "null", "Null", "NULL")
_TRUE, _FALSE = ("true", "True", "TRUE"), ("false", "False", "FALSE")
_DECIMAL = re.compile(r"[-+]?[0-9]+", re.ASCII)
_OCTAL, _HEXADECIMAL = re.compile(r"0o[0-7]+"), re.compile(r"0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?", re.ASCII)
_INFINITE = re.compile(r"[-+]?(?:\.inf|\.Inf|\.INF)|\.nan|\.NaN|\.NAN")
_PLAINEST = re.compile(r"0|[1-9][0-9]{0,8}")
_DIGITS = 300
_ORDER = (NoneType, bool, int, float)
"""Of alternatives, those that few texts fit come first."""


class Plain(str):
    """A scalar that stands in a file without quotes: its text."""

    __slots__ = ()


def core_value(text: str) -> bool | int | float | str | None:
    """Return what a plain scalar means by YAML 1.2's core rules; a ValueError for a number that is too large."""
    if text in _NULL:
        return None
    if text in _TRUE or text in _FALSE:
        return text in _TRUE
    for pattern, base in ((_DECIMAL, 10), (_OCTAL, 8), (_HEXADECIMAL, 16)):
        if pattern.fullmatch(text):
            if len(text) > _DIGITS:
                raise ValueError(f"a number of {len(text)} digits is too long; put it in quotes if it is a name")
            return int(text if base == 10 else text[2:], base)
    if _INFINITE.fullmatch(text):
        return float(text.replace(".", "").lower())
    if _FLOAT.fullmatch(text):
        value = float(text)
        if math.isinf(value):
            raise ValueError(f"{quoted(text)} is larger than any number; write .inf, or quotes if it is a name")
        return value
    return str(text)


def read_as(value: Any, kind: Any) -> Any:
    """Return a value as a place of the schema reads it; what does not fit stays as it is, to be refused there.

    `kind` is the annotation of the place. Lists become tuples, and the other way round, as the annotation says.
    """
    origin, arguments = get_origin(kind), get_args(kind)
    if origin is Annotated:
        return _as_written(value) if AS_WRITTEN in arguments[1:] else read_as(value, arguments[0])
    if origin in (Union, UnionType):
        return _read_as_one_of(value, arguments)
    if kind is Any:
        return _read_core(value)
    if isinstance(value, str):
        return _read_text_as(value, kind)
    if isinstance(value, list | tuple) and origin in (list, tuple):
        repeated = arguments[0] if origin is list or arguments[1:] == (...,) else None
        each = [repeated] * len(value) if repeated is not None else [*arguments, *([Any] * len(value))]
        return origin(read_as(item, one) for item, one in zip(value, each, strict=False))
    if isinstance(value, Mapping) and isinstance(kind, type) and is_dataclass(kind):
        kinds = get_type_hints(kind)
        return {k: read_as(v, kinds[k]) if k in kinds else v for k, v in value.items()}
    if isinstance(value, Mapping) and origin is dict:
        return {str(k) if isinstance(k, str) else k: read_as(v, arguments[1]) for k, v in value.items()}
    return _read_number_as(value, kind)


def _read_as_one_of(value: Any, kinds: tuple[Any, ...]) -> Any:
    if str in kinds and isinstance(value, str) and not isinstance(value, Plain):
        return read_as(value, str)  # in quotes
    bare = [get_args(kind)[0] if get_origin(kind) is Annotated else kind for kind in kinds]
    for kind in sorted(bare, key=lambda kind: (kind is str, _ORDER.index(kind) if kind in _ORDER else len(_ORDER))):
        read = read_as(value, kind)
        if _fits(read, kind):
            return read
    return value


def _fits(value: Any, kind: Any) -> bool:
    origin = get_origin(kind) or kind
    if origin is Literal:
        return value in get_args(kind)
    if isinstance(origin, type) and (issubclass(origin, BaseModel) or is_dataclass(origin)):
        return isinstance(value, Mapping | origin)
    return kind is Any or (isinstance(origin, type) and type(value) is origin)


def _read_text_as(text: str, kind: Any) -> Any:
    """Return a scalar of a file, or a text of a program, as this kind; itself where it is none."""
    is_plain = isinstance(text, Plain)
    if kind is str:
        if is_plain and text in ("", "~"):
            return None  # nothing: a name of these letters needs quotes
        _check_text(text)
        return str(text)
    if is_plain and text in _NULL:
        return None
    value: object = str(text)
    if kind in (bool, int, float) and len(text) <= _DIGITS:
        number = _core_or_text(text)
        if kind is bool:
            return number if isinstance(number, bool) else value
        return value if isinstance(number, bool | str | NoneType) else _read_number_as(number, kind)
    return value


def _core_or_text(text: str) -> object:
    try:
        return core_value(text)
    except ValueError:
        return text


def _read_number_as(value: Any, kind: Any) -> Any:
    """Return a number of a program: whole ones of any type (3.0, NumPy's) as int where a whole number is asked for."""
    if kind is int and type(value) not in (bool, int):
        if isinstance(value, float):
            return int(value) if value.is_integer() else value
        if hasattr(value, "__index__") and not isinstance(value, bool):
            return index(value)
    if kind is float and type(value) is int:
        return _float(value)
    return value


def _float(value: int) -> float:
    try:
        return float(value)
    except OverflowError:
        return math.inf


def _read_core(value: Any) -> Any:
    """Return a part of a file by the core rules; values of a program as they are."""
    if isinstance(value, Plain):
        return core_value(value)
    if isinstance(value, str):
        _check_text(value)
        return value
    if isinstance(value, list):
        return [_read_core(item) for item in value]
    if isinstance(value, dict):
        return _distinct([(_read_core(k), k, _read_core(v)) for k, v in value.items()])
    return value


def _as_written(value: Any) -> Any:
    if isinstance(value, Plain):
        return int(value) if _PLAINEST.fullmatch(value) else str(value)
    if hasattr(value, "tolist"):  # NumPy's
        return value.tolist()
    if isinstance(value, list | tuple | range):
        return [_as_written(item) for item in value]
    if isinstance(value, Mapping):
        return _distinct([(str(k) if isinstance(k, int) else k, k, _as_written(v)) for k, v in value.items()], str)
    return value


def _distinct(entries: list[tuple[Any, Any, Any]], kind: type = object) -> dict[Any, Any]:
    """Return the mapping of these keys and values; a ValueError where two keys mean the same."""
    mapping: dict[Any, Any] = {}
    written: dict[Any, Any] = {}
    for key, text, value in entries:
        key = str(key) if kind is str and isinstance(key, str) else key
        if key in mapping:
            raise ValueError(f"the keys {written[key]} and {text} are the same; give one of them")
        mapping[key], written[key] = value, text
    return mapping


def _check_text(text: str) -> None:
    """Raise a ValueError for what no file, and no name, can hold."""
    if "\0" in text:
        raise ValueError(f"{quoted(text)} holds the character U+0000, which no name can hold; remove it")
    if any("\ud800" <= letter <= "\udfff" for letter in text):
        raise ValueError(f"{quoted(text)} holds bytes that are not UTF-8, which no configuration can hold; rename it")
