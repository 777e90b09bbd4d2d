"""Text from outside in Markdown: shown as it is, whatever it holds."""

import re

from reliseg.runtime.printable import printable

_UNSAFE = re.compile(r"[`|\\]|^ | $")
"""What ends a span of code or a cell of a table, or is lost at its ends."""
_PUNCTUATION = re.compile(r"[ -/:-@\[-`{-~]")
_MARKUP = re.compile(r"[!-$&'*+/:<-@\[-`{-~]|\.(?=[^\W\d])")
"""What may be markup in a sentence, or make a link of it."""


def code_text(text: str) -> str:
    """Return a name as code, on one line: nothing in it is a link, HTML, a mention of somebody or the end of a cell."""
    line = printable(text)
    if not line:
        return ""
    if not _UNSAFE.search(line):
        return f"`{line}`"
    return f"<code>{_PUNCTUATION.sub(_as_number, line)}</code>"


def sentence_text(text: str) -> str:
    """Return a sentence as plain text, on one line: nothing in it is markup, also where it quotes a name."""
    return _MARKUP.sub(_as_number, printable(text))


def _as_number(character: re.Match[str]) -> str:
    return f"&#{ord(character[0])};"
