"""Text from outside: what a file of words says, whichever way an editor saved it, and what is wrong in one line."""

import re
from pathlib import Path

from reliseg.runtime.regular_files import read_regular

_MARKS = ((b"\xef\xbb\xbf", "utf-8"), (b"\xff\xfe", "utf-16-le"), (b"\xfe\xff", "utf-16-be"))
_NO_TEXT = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Control characters, and what is no character at all: neither YAML nor TOML may hold them."""
_SHOWN = 60


class UnreadableTextError(ValueError):
    """Bytes that are no text, or a text that is not of its language; begins with `line N: `."""


def read_text(path: Path, limit: int) -> str:
    """Return the text of a regular file of at most `limit` bytes; an OSError or an UnreadableTextError says why not."""
    return decode_text(read_regular(path, limit))


def decode_text(data: bytes) -> str:
    """Return the text of these bytes: UTF-8, or UTF-16 with its mark. A mark is no part of the text."""
    mark, encoding = next((m for m in _MARKS if data.startswith(m[0])), (b"", "utf-8"))
    data = data[len(mark) :]
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        line = data[: error.start].decode(encoding, "replace").count("\n") + 1
        raise UnreadableTextError(
            f"line {line}: the byte 0x{data[error.start]:02x} is not {encoding.upper()[:6].rstrip('-')}; "
            "save the file as UTF-8"
        ) from error
    check_characters(text)
    return text


def check_characters(text: str) -> None:
    """Raise an UnreadableTextError where a text holds a control character."""
    if wrong := _NO_TEXT.search(text):
        line, code = line_of(text, wrong.start()), ord(wrong[0])
        raise UnreadableTextError(f"line {line}: the character U+{code:04X} has no place in a text; remove it")


def line_of(text: str, position: int) -> int:
    """Return the number of the line, from 1, of a position."""
    return text.count("\n", 0, position) + 1


def quoted(value: object) -> str:
    """Return a value as a message shows it: in quotes where it is a text, and shortened where it is long."""
    text = value if isinstance(value, str) else _plain_text(value)
    short = text if len(text) <= _SHOWN else f"{text[: _SHOWN - 3]}..."
    return repr(short) if isinstance(value, str) else short


def _plain_text(value: object) -> str:
    if isinstance(value, int) and value.bit_length() > 1024:  # the system refuses to write out more than 4300 digits
        return f"a number of about {value.bit_length() * 3 // 10} digits"
    try:
        return " ".join(repr(value).split())
    except (ValueError, RecursionError):
        return f"a {type(value).__name__}"
