"""What stands in a checkpoint's content where its file names code or an object of a class: inert marks."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

Builder: TypeAlias = Callable[..., Any]
"""Makes a plain value of the arguments that stand in a file, after having looked at each."""

_LONGEST = 120
_SCALARS = (str, bytes, float, bool, type(None))
_NO_KEYS = (list, dict, set, bytearray)
_LARGEST_KEY = 1 << 60
"""Whole numbers below are their own hashes; above, a file could choose thousands that share one."""
_OLD_ROOMS = {"__builtin__": "builtins", "copy_reg": "copyreg", "numpy.core": "numpy._core"}
"""Modules by the names of Python 2 and of NumPy 1, and what they are called since."""


class DamagedError(Exception):
    """A file that is not what it has to be; the text is the reason, as the end of a sentence."""


@dataclass(frozen=True, slots=True, eq=False)
class Named:
    """A class or a function that a file names; it was not looked up."""

    name: str


@dataclass(slots=True, eq=False)
class LeftOut:
    """The place of an object of a class, or of what a function would give; it was not made, and not called."""

    name: str
    is_network: bool = False
    """Whether its state is that of a module of torch."""
    kind: str = ""
    """For a tensor that is no plain one: what it is."""


@dataclass(frozen=True)
class Names:
    """The names that a file may hold: those that plain values are made by, and those that only stand in arguments.

    `states` are the types of objects that get a part of their content later.
    """

    builders: Mapping[str, Builder]
    inert: Collection[str] = ()
    states: Mapping[type, Callable[[Any, Any], None]] = field(default_factory=dict)

    def has(self, name: str) -> bool:
        """Tell if a name has a meaning here."""
        return name in self.builders or name in self.inert

    def __or__(self, other: "Names") -> "Names":
        return Names({**self.builders, **other.builders}, {*self.inert, *other.inert}, {**self.states, **other.states})


class Allowance:
    """Bytes that may still be copied: a file may ask for the same copy again and again."""

    def __init__(self, size: int) -> None:
        self._left = 4 * size + (1 << 20)

    def spend(self, size: int) -> None:
        """Take so many bytes of it; a DamagedError where it is used up."""
        self._left -= size
        if self._left < 0:
            raise DamagedError("it makes many copies of what it holds")


def full_name(module: str, name: str) -> str:
    """Return the name of a class or a function as it is called today, shortened where it is long."""
    for old, new in _OLD_ROOMS.items():
        if module == old or module.startswith(f"{old}."):
            module = new + module[len(old) :]
    text = f"{module}.{name}"
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}..."


def is_scalar(value: Any) -> bool:
    """Tell if a key is a plain scalar, which has its hash at once and shares it with few; a DamagedError for no key."""
    if type(value) in _NO_KEYS:
        raise DamagedError("a key that can be none")
    return type(value) in _SCALARS or (type(value) is int and -_LARGEST_KEY < value < _LARGEST_KEY)


def made_dict(items: Sequence[Any]) -> dict[Any, Any]:
    """Return the dict of keys and values in turn, without what stands at other keys than plain scalars."""
    if len(items) % 2:
        raise DamagedError("a key without a value")
    return {key: value for key, value in zip(items[::2], items[1::2], strict=True) if is_scalar(key)}
