"""Text from outside (names of files, messages of other programs) made safe for a terminal."""

import unicodedata
from typing import TextIO

_INVISIBLE = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
"""Control characters; those that turn the direction of writing or have no width; lone surrogates; ends of lines."""


def printable(text: str) -> str:
    r"""Return the text on one line, without anything that a terminal obeys or hides: such characters become `\x1b`.

    All others stay, and printable text as it is.
    """
    return text if text.isprintable() else "".join(map(_visible, text))


def replace_unprintable(stream: TextIO | None) -> None:
    """Let a stream write the characters that its encoding lacks as their numbers, in the place of an error."""
    reconfigure = getattr(stream, "reconfigure", None)
    if reconfigure is not None:
        reconfigure(errors="backslashreplace")


def _visible(character: str) -> str:
    if "\udc80" <= character <= "\udcff":  # a byte of a name that is no UTF-8
        return f"\\x{ord(character) - 0xDC00:02x}"
    return repr(character)[1:-1] if unicodedata.category(character) in _INVISIBLE else character
