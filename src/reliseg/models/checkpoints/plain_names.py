"""The names by which pickles hold plain containers and arrays of NumPy, and how these are made without calling them."""

from math import prod
from typing import Any, TypeAlias

import numpy as np

from reliseg.models.checkpoints.stand_ins import (
    Allowance,
    Builder,
    DamagedError,
    LeftOut,
    Named,
    Names,
    is_scalar,
    made_dict,
)

_Array: TypeAlias = "np.ndarray[Any, Any]"

_NUMBERS = frozenset(["b1", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f2", "f4", "f8", "c8", "c16"])
_MOST_AXES = 32
_NOTHING: tuple[Any, ...] = ()
_LATIN = ("latin1", "latin-1")
_ORDERS = ("=", "<", ">", "|")


def plain_names(allowance: Allowance) -> Names:
    """Return the names of plain containers and of NumPy's arrays and numbers."""
    containers, arrays = _Containers(allowance), _Arrays(allowance)
    builders: dict[str, Builder] = {
        "collections.OrderedDict": containers.dictionary,
        "collections.defaultdict": lambda factory=None: {},
        "collections.Counter": containers.dictionary,
        "builtins.dict": containers.dictionary,
        "builtins.list": containers.items,
        "builtins.tuple": lambda items=(): tuple(containers.items(items)),
        "builtins.set": lambda items=(): set(filter(is_scalar, containers.items(items))),
        "builtins.frozenset": lambda items=(): frozenset(filter(is_scalar, containers.items(items))),
        "builtins.bytes": lambda: b"",
        "builtins.bytearray": containers.changeable_bytes,
        "builtins.complex": lambda real, imaginary: complex(float(real), float(imaginary)),
        "_codecs.encode": containers.encoded,
        "copyreg._reconstructor": lambda of, base, state: LeftOut(of.name if type(of) is Named else "object"),
        "copyreg.__newobj__": lambda of, *arguments: LeftOut(of.name if type(of) is Named else "object"),
        "numpy.dtype": lambda code, *how: _NumberType(code),
        "numpy._core.multiarray._reconstruct": arrays.empty,
        "numpy._core.multiarray.scalar": arrays.scalar,
        "numpy._core.numeric._frombuffer": arrays.of_buffer,
    }
    return Names(
        builders,
        inert=("numpy.ndarray", "builtins.object"),
        states={np.ndarray: arrays.fill, _NumberType: _NumberType.set_order},
    )


class _Containers:
    def __init__(self, allowance: Allowance) -> None:
        self._allowance = allowance

    def dictionary(self, content: Any = _NOTHING) -> dict[Any, Any]:
        """Return a dict of another one, or of a list of pairs, as Python 2 wrote an OrderedDict."""
        if content is _NOTHING:
            return {}
        if type(content) is dict:
            self._allowance.spend(64 * len(content))
            return dict(content)
        pairs = self.items(content)
        if not all(type(pair) in (list, tuple) and len(pair) == 2 for pair in pairs):
            raise DamagedError("a dict of other things than pairs")
        return made_dict([part for pair in pairs for part in pair])

    def items(self, content: Any = ()) -> list[Any]:
        """Return the items of a plain container in a new list."""
        if type(content) not in (list, tuple, set, frozenset):
            raise DamagedError("a container of no items")
        self._allowance.spend(64 * len(content))
        return list(content)

    def encoded(self, text: Any, encoding: Any = "latin1") -> bytes:
        """Return the bytes that protocols 0 to 2 write as a text."""
        if type(text) is not str or encoding not in _LATIN:
            raise DamagedError("bytes of another encoding")
        self._allowance.spend(len(text))
        return text.encode("latin-1")

    def changeable_bytes(self, content: Any = b"", encoding: Any = "latin1") -> bytearray:
        if type(content) is str:
            content = self.encoded(content, encoding)
        if type(content) is not bytes:
            raise DamagedError("bytes of other things")
        self._allowance.spend(len(content))
        return bytearray(content)


class _NumberType:
    """A type of NumPy's; the order of its bytes comes as its state."""

    def __init__(self, code: Any) -> None:
        self.code, self.order = code, "="

    def set_order(self, state: Any) -> None:
        if type(state) is not tuple or len(state) < 2 or state[1] not in _ORDERS:
            raise DamagedError("an order of bytes that is none")
        self.order = state[1]

    def plain(self) -> "np.dtype[Any] | None":
        """Return the type if it is one of plain numbers."""
        is_plain = type(self.code) is str and self.code in _NUMBERS
        return np.dtype(f"{self.order}{self.code}") if is_plain else None


class _Arrays:
    def __init__(self, allowance: Allowance) -> None:
        self._allowance = allowance

    def empty(self, of: Any, shape: Any = (0,), code: Any = b"b") -> "_Array | LeftOut":
        """Return the array that gets its content as its state; a mark for a class that only inherits from arrays."""
        if type(of) is not Named or of.name != "numpy.ndarray":
            return LeftOut(of.name if type(of) is Named else "array")
        return np.empty(0, np.int8)

    def fill(self, array: _Array, state: Any) -> None:
        """Give an array its content; one of objects, texts or records stays empty."""
        if type(state) is not tuple or len(state) != 5 or state[0] != 1 or type(state[2]) is not _NumberType:
            raise DamagedError("an array without its numbers")
        _, shape, number_type, by_columns, content = state
        numbers = number_type.plain()
        if numbers is None:
            return
        if type(content) is str:  # of Python 2
            content = content.encode("latin-1")
        self._check(content, numbers, shape)
        self._allowance.spend(len(content))
        array.__setstate__((1, shape, numbers, bool(by_columns), bytes(content)))  # type: ignore[arg-type]

    def of_buffer(self, content: Any, number_type: Any, shape: Any, order: Any) -> "_Array | LeftOut":
        """Return the array of some bytes, as protocol 5 writes it."""
        numbers = number_type.plain() if type(number_type) is _NumberType else None
        if numbers is None or order not in ("C", "F"):
            return LeftOut("numpy.ndarray")
        self._check(content, numbers, shape)
        return np.frombuffer(content, numbers).reshape(shape, order=order)

    def scalar(self, number_type: Any, content: Any = b"") -> Any:
        """Return a number of NumPy as one of Python."""
        numbers = number_type.plain() if type(number_type) is _NumberType else None
        if numbers is None:
            return LeftOut("numpy.generic")
        if type(content) is str:
            content = content.encode("latin-1")
        self._check(content, numbers, ())
        return np.frombuffer(content, numbers)[0].item()

    def _check(self, content: Any, numbers: "np.dtype[Any]", shape: Any) -> None:
        """Raise a DamagedError if an array's content is not as long as its shape says."""
        is_shape = type(shape) is tuple and len(shape) <= _MOST_AXES
        if not is_shape or not all(type(side) is int and side >= 0 for side in shape):
            raise DamagedError("an array of no shape")
        if type(content) not in (bytes, bytearray) or len(content) != prod(shape) * numbers.itemsize:
            raise DamagedError("an array whose numbers are too many or too few")
