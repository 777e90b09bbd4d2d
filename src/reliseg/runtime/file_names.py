r"""Names of files as text: a form for comparing and for ids, one that shows what a terminal hides, and which are fit.

macOS stores `é` as `e` and an accent (NFD), other systems as one character (NFC); a name in Latin-1 holds bytes that
are no UTF-8, which Python reads as lone surrogates (`\udce9`).
"""

import re
import unicodedata
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

NAME_BYTES = 255
"""The longest name of a file or folder on nearly every file system, in bytes."""
PATH_BYTES = 4095
"""The longest path that the system takes."""
ADDED_BYTES = 24
"""What names of files may gain when they are written, like `_color.png`."""

_PLAIN = re.compile(r"[\w+-][\w.+-]*")
_UNDECODABLE = re.compile("[\udc80-\udcff]")
_UNPRINTABLE = ("Cc", "Cs", "Zl", "Zp")
"""Control characters, lone surrogates, and what breaks lines."""


def normal_name(name: str) -> str:
    """Return the form in which names are compared: NFC, with bytes that are no UTF-8 read as Latin-1."""
    if name.isascii():
        return name
    return unicodedata.normalize("NFC", _UNDECODABLE.sub(lambda match: chr(ord(match[0]) - 0xDC00), name))


def existing_forms(folder: Path, name: str) -> tuple[str, ...]:
    """Return the forms of a normal name (of a file below a folder) that exist: its parts as they are, NFD, or Latin-1.

    Where the file system makes no difference between forms, they lead to one file, and the first one stands for it.
    """
    if name.isascii():
        return _existing(folder, [name])
    found = [""]
    for part in name.split("/"):
        found = [form for before in found for form in _existing(folder, [before + f for f in _forms(part)])]
        found = [f"{form}/" for form in found]
    return tuple(form[:-1] for form in found)


def _forms(part: str) -> list[str]:
    """Return the ways in which one name may be stored that is `part` in its normal form."""
    if part.isascii():
        return [part]
    forms = [part, unicodedata.normalize("NFD", part)]
    with suppress(UnicodeEncodeError):
        forms.append(part.encode("latin-1").decode("utf-8", "surrogateescape"))
    return [form for form in forms if normal_name(form) == part]


def _existing(folder: Path, forms: Iterable[str]) -> tuple[str, ...]:
    """Return the forms that exist, one of those that lead to the same file."""
    found: dict[tuple[int, int], str] = {}
    for form in forms:
        with suppress(OSError, ValueError):
            status = (folder / form).lstat()
            found.setdefault((status.st_dev, status.st_ino), form)
    return tuple(found.values())


def escaped_name(name: str) -> str:
    r"""Return the name in printable ASCII: `e\u0301`, `\u00e9`, and `\xe9` for a byte that is no UTF-8."""
    return "".join(c if " " <= c <= "~" else _escape(c) for c in name)


def distinct_names(first: str, second: str) -> tuple[str, str]:
    """Return two names for a message: escaped if they would look the same."""
    if normal_name(first) == normal_name(second):
        return escaped_name(first), escaped_name(second)
    return first, second


def name_bytes(name: str) -> int:
    """Return how long a name is in a file system."""
    return len(name.encode("utf-8", "surrogateescape"))


def name_problem(name: str, limit: int = NAME_BYTES) -> str | None:
    """Return why a file or folder must not have this name, which comes from outside; None if it may."""
    if not name:
        return "is empty"
    if name in (".", ".."):
        return "leads to another folder"
    for character in "/\\":
        if character in name:
            return f"holds {character}, which separates folders"
    for character in "" if name.isprintable() else name:
        if unicodedata.category(character) in _UNPRINTABLE:
            return f"holds {_escape(character)}, which cannot be printed"
    if name_bytes(name) > limit:
        return f"has {name_bytes(name)} bytes, and the limit is {limit}"
    return None


def plain_name_problem(name: str) -> str | None:
    """Return why a model, a data set or a domain must not have this name, which a user chooses; None if it may."""
    if not _PLAIN.fullmatch(name):
        return "is not a plain name; use letters, digits and . _ + -, and do not begin with a dot"
    return name_problem(name)


def _escape(character: str) -> str:
    code = ord(character)
    if _UNDECODABLE.match(character):
        return f"\\x{code - 0xDC00:02x}"
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"
