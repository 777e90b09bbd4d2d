"""A reader of pickles that runs nothing: plain values, and marks in the place of all that a file names.

Python's own would do: `find_class` decides what is called. But it believes a file's sizes, and a key of nested tuples
keeps it busy for ever. This one makes no more objects than the file has bytes, and its keys are plain scalars.
"""

import codecs
import pickle
import struct
from collections.abc import Callable
from functools import partial
from io import BufferedIOBase
from typing import Any, ClassVar

from reliseg.models.checkpoints.stand_ins import DamagedError, LeftOut, Named, Names, full_name, is_scalar, made_dict

_MOST_STEPS = 5_000_000
"""A tensor takes about forty: this is a checkpoint of more than a hundred thousand. It takes seconds and under 1 GB."""
_MOST_LEFT_OUT = 1000
_MOST_SETS = 1_000_000
_LONGEST_LINE = 1 << 20
_LONGEST_NUMBER = 1000
"""Bytes of a whole number, or digits where it is written out."""
_MOST_ARGUMENTS = 16
_SMALL = 1 << 12
_TOO_EARLY = "it ends too early"
_TOO_MANY = "it has too many parts"


class PickleMachine:
    """Reads pickles from a file of `size` bytes, one after the other; `persistent` makes what has a number in a file.

    `left_out` are the names in them that stand for no plain value.
    """

    def __init__(self, file: BufferedIOBase, size: int, names: Names, persistent: Callable[[Any], Any]) -> None:
        self.left_out: dict[str, None] = {}
        self._file, self._size, self._names = file, size, names
        self._persistent = persistent
        self._read = file.read
        self._number_of_steps = self._number_of_sets = 0
        self._forget()

    def load(self) -> Any:
        """Return what the next pickle holds; a DamagedError if it is none."""
        self._forget()
        read, steps = self._read, self._STEPS
        try:
            for number in range(self._number_of_steps, _MOST_STEPS):
                code = read(1)
                if code == b".":
                    self._number_of_steps = number + 1
                    return self._stack.pop()
                step = steps.get(code)
                if step is None:
                    raise DamagedError(f"a pickle has no byte 0x{code.hex()}" if code else _TOO_EARLY)
                step(self)
        except (IndexError, KeyError, TypeError, ValueError, OverflowError) as error:
            raise DamagedError("no pickle, or one that was changed") from error
        raise DamagedError(_TOO_MANY)

    def _forget(self) -> None:
        self._stack: list[Any] = []
        self._below: list[list[Any]] = []
        self._memo: dict[int, Any] = {}

    def _since_mark(self) -> list[Any]:
        items, self._stack = self._stack, self._below.pop()
        return items

    def _take(self, count: int) -> bytes:
        """Return so many bytes of the file. A large number is believed only if so many are left."""
        if count > _SMALL and count > self._size - self._file.tell():
            raise DamagedError(_TOO_EARLY)
        data = self._read(count)
        if len(data) != count:
            raise DamagedError(_TOO_EARLY)
        return data

    def _whole(self, width: int) -> int:
        """Return a number of a few bytes. Where the file ends in it, it ends at the next step too."""
        return int.from_bytes(self._read(width), "little")

    def _line(self) -> bytes:
        line = self._file.readline(_LONGEST_LINE)
        if line[-1:] != b"\n":
            raise DamagedError(_TOO_EARLY)
        return line[:-1]

    def _name_line(self) -> str:
        return self._line().decode()

    # Numbers and texts

    def _push(self, *, value: Any) -> None:
        self._stack.append(value)

    def _push_written_int(self) -> None:
        text = self._line()
        self._stack.append(text == b"01" if text in (b"00", b"01") else _int_of(text))

    def _push_written_long(self) -> None:
        self._stack.append(_int_of(self._line().removesuffix(b"L")))

    def _push_written_float(self) -> None:
        self._stack.append(float(self._line()))

    def _push_signed(self) -> None:
        self._stack.append(int.from_bytes(self._read(4), "little", signed=True))

    def _push_whole(self, width: int) -> None:
        self._stack.append(int.from_bytes(self._read(width), "little"))

    def _push_long(self, width: int) -> None:
        length = self._whole(width)
        if length > _LONGEST_NUMBER:
            raise DamagedError(f"a whole number of {length} bytes")
        self._stack.append(int.from_bytes(self._take(length), "little", signed=True))

    def _push_float(self) -> None:
        self._stack += struct.unpack(">d", self._take(8))

    def _push_text(self, width: int) -> None:
        self._stack.append(self._take(self._whole(width)).decode("utf-8", "surrogatepass"))

    def _push_written_text(self) -> None:
        self._stack.append(self._line().decode("raw-unicode-escape"))

    def _push_old_text(self, width: int) -> None:
        """Push a text of Python 2. It may be bytes: each character is one."""
        self._stack.append(self._take(self._whole(width)).decode("latin-1"))

    def _push_written_old_text(self) -> None:
        line = self._line()
        if len(line) < 2 or line[0] != line[-1] or line[:1] not in (b"'", b'"'):
            raise DamagedError("a text without quotes")
        content, _ = codecs.escape_decode(line[1:-1])
        self._stack.append(content.decode("latin-1"))

    def _push_bytes(self, width: int) -> None:
        self._stack.append(self._take(self._whole(width)))

    def _push_bytearray(self) -> None:
        self._stack.append(bytearray(self._take(self._whole(8))))

    # Containers

    def _mark(self) -> None:
        self._below.append(self._stack)
        self._stack = []

    def _pop(self) -> None:
        if self._stack:
            self._stack.pop()
        else:
            self._since_mark()

    def _drop(self) -> None:
        self._since_mark()

    def _push_again(self) -> None:
        self._stack.append(self._stack[-1])

    def _push_new(self, *, kind: Callable[[], Any]) -> None:
        self._stack.append(kind())

    def _push_set(self) -> None:
        """Push a set; an empty one takes two hundred bytes for one in the file."""
        self._number_of_sets += 1
        if self._number_of_sets > _MOST_SETS:
            raise DamagedError(_TOO_MANY)
        self._stack.append(set())

    def _push_tuple_of(self, *, count: int) -> None:
        items = tuple(self._stack[-count:])
        if len(items) < count:
            raise DamagedError("a tuple of nothing")
        self._stack[-count:] = [items]

    def _push_all(self, *, kind: Callable[[list[Any]], Any]) -> None:
        items = self._since_mark()
        self._stack.append(kind(items))

    def _append(self) -> None:
        item = self._stack.pop()
        _extend(self._stack[-1], [item])

    def _append_all(self) -> None:
        items = self._since_mark()
        _extend(self._stack[-1], items)

    def _set_item(self) -> None:
        value, key = self._stack.pop(), self._stack.pop()
        _set_items(self._stack[-1], [key, value])

    def _set_all(self) -> None:
        items = self._since_mark()
        _set_items(self._stack[-1], items)

    def _add_all(self) -> None:
        items = self._since_mark()
        _add_members(self._stack[-1], items)

    # What is referred to again

    def _get(self, width: int) -> None:
        self._stack.append(self._memo[int.from_bytes(self._read(width), "little")])

    def _get_written(self) -> None:
        self._stack.append(self._memo[_int_of(self._line())])

    def _put(self, width: int) -> None:
        self._memo[int.from_bytes(self._read(width), "little")] = self._stack[-1]

    def _put_written(self) -> None:
        self._memo[_int_of(self._line())] = self._stack[-1]

    def _put_next(self) -> None:
        self._memo[len(self._memo)] = self._stack[-1]

    # What has a name

    def _push_named(self, module: Any, name: Any) -> None:
        if type(module) is not str or type(name) is not str:
            raise DamagedError("a name that is no text")
        full = full_name(module, name)
        if not self._names.has(full) and len(self.left_out) < _MOST_LEFT_OUT:
            self.left_out[full] = None
        self._stack.append(Named(full))

    def _push_named_by_lines(self) -> None:
        module = self._name_line()
        self._push_named(module, self._name_line())

    def _push_named_by_stack(self) -> None:
        name, module = self._stack.pop(), self._stack.pop()
        self._push_named(module, name)

    def _push_named_by_number(self, width: int) -> None:
        self._push_named("extension", str(self._whole(width)))

    def _push_persistent(self) -> None:
        self._stack.append(self._persistent(self._stack.pop()))

    def _push_persistent_line(self) -> None:
        self._stack.append(self._persistent(self._name_line()))

    def _call(self) -> None:
        arguments = self._stack.pop()
        self._stack[-1] = self._made(self._stack[-1], arguments)

    def _call_with_keywords(self) -> None:
        keywords, arguments = self._stack.pop(), self._stack.pop()
        what = self._stack[-1]
        self._stack[-1] = _left_out(what) if keywords else self._made(what, arguments)

    def _call_by_lines(self) -> None:
        arguments = tuple(self._since_mark())
        self._push_named_by_lines()
        self._stack[-1] = self._made(self._stack[-1], arguments)

    def _call_since_mark(self) -> None:
        what, *arguments = self._since_mark()
        self._stack.append(self._made(what, tuple(arguments)))

    def _made(self, what: Any, arguments: Any) -> Any:
        """Return the plain value that a name and its arguments stand for, or a mark where there is none."""
        builder = self._names.builders.get(what.name) if type(what) is Named else None
        if type(arguments) is not tuple:
            raise DamagedError("arguments that are no tuple")
        if builder is None or len(arguments) > _MOST_ARGUMENTS:
            return _left_out(what)
        return builder(*arguments)

    def _give_state(self) -> None:
        """Give an object its state: some of NumPy's need it, all others are complete without, or left out."""
        state, target = self._stack.pop(), self._stack[-1]
        take = self._names.states.get(type(target))
        if take is not None:
            take(target, state)
        elif type(target) is LeftOut:
            target.is_network |= _is_of_module(state)

    # What has no meaning here

    def _check_protocol(self) -> None:
        if self._whole(1) > pickle.HIGHEST_PROTOCOL:
            raise DamagedError("a protocol of pickles that is unknown")

    def _skip(self, *, count: int) -> None:
        self._take(count)

    _STEPS: ClassVar[dict[bytes, Callable[["PickleMachine"], None]]] = {
        b"N": partial(_push, value=None),
        b"\x88": partial(_push, value=True),
        b"\x89": partial(_push, value=False),
        b"I": _push_written_int,
        b"L": _push_written_long,
        b"F": _push_written_float,
        b"J": _push_signed,
        b"K": partial(_push_whole, width=1),
        b"M": partial(_push_whole, width=2),
        b"\x8a": partial(_push_long, width=1),
        b"\x8b": partial(_push_long, width=4),
        b"G": _push_float,
        b"\x8c": partial(_push_text, width=1),
        b"X": partial(_push_text, width=4),
        b"\x8d": partial(_push_text, width=8),
        b"V": _push_written_text,
        b"U": partial(_push_old_text, width=1),
        b"T": partial(_push_old_text, width=4),
        b"S": _push_written_old_text,
        b"C": partial(_push_bytes, width=1),
        b"B": partial(_push_bytes, width=4),
        b"\x8e": partial(_push_bytes, width=8),
        b"\x96": _push_bytearray,
        b"(": _mark,
        b"0": _pop,
        b"1": _drop,
        b"2": _push_again,
        b")": partial(_push, value=()),
        b"\x85": partial(_push_tuple_of, count=1),
        b"\x86": partial(_push_tuple_of, count=2),
        b"\x87": partial(_push_tuple_of, count=3),
        b"t": partial(_push_all, kind=tuple),
        b"]": partial(_push_new, kind=list),
        b"l": partial(_push_all, kind=list),
        b"a": _append,
        b"e": _append_all,
        b"}": partial(_push_new, kind=dict),
        b"d": partial(_push_all, kind=made_dict),
        b"s": _set_item,
        b"u": _set_all,
        b"\x8f": _push_set,
        b"\x90": _add_all,
        b"\x91": partial(_push_all, kind=lambda items: frozenset(filter(is_scalar, items))),
        b"h": partial(_get, width=1),
        b"j": partial(_get, width=4),
        b"g": _get_written,
        b"q": partial(_put, width=1),
        b"r": partial(_put, width=4),
        b"p": _put_written,
        b"\x94": _put_next,
        b"c": _push_named_by_lines,
        b"\x93": _push_named_by_stack,
        b"\x82": partial(_push_named_by_number, width=1),
        b"\x83": partial(_push_named_by_number, width=2),
        b"\x84": partial(_push_named_by_number, width=4),
        b"P": _push_persistent_line,
        b"Q": _push_persistent,
        b"R": _call,
        b"\x81": _call,
        b"\x92": _call_with_keywords,
        b"i": _call_by_lines,
        b"o": _call_since_mark,
        b"b": _give_state,
        b"\x80": _check_protocol,
        b"\x95": partial(_skip, count=8),
        b"\x98": partial(_skip, count=0),
    }
    """The steps of protocols 0 to 5 by their codes, as `pickletools` lists them; all but buffers in other files."""


def _int_of(text: bytes) -> int:
    if len(text) > _LONGEST_NUMBER:
        raise DamagedError(f"a whole number of {len(text)} digits")
    return int(text)


def _extend(target: Any, items: list[Any]) -> None:
    if type(target) is list:
        target += items
    elif type(target) is not LeftOut:
        raise DamagedError("items of what is no list")


def _add_members(target: Any, items: list[Any]) -> None:
    if type(target) is set:
        target.update(filter(is_scalar, items))
    elif type(target) is not LeftOut:
        raise DamagedError("members of what is no set")


def _set_items(target: Any, items: list[Any]) -> None:
    if type(target) is dict:
        target.update(made_dict(items))
    elif type(target) is not LeftOut:
        raise DamagedError("keys of what is no dict")


def _left_out(what: Any) -> LeftOut:
    """Return the mark for what something gives that is not called."""
    if not isinstance(what, Named | LeftOut):
        raise DamagedError("a call of what has no name")
    return LeftOut(what.name)


def _is_of_module(state: Any) -> bool:
    """Tell if a state is that of a module of torch."""
    return type(state) is dict and "_modules" in state and "_parameters" in state
