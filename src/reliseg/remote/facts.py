"""What a store says of a file without sending it."""

import hashlib
import re
from dataclasses import dataclass

_MD5 = re.compile(r'"?([0-9a-f]{32})"?')


@dataclass(frozen=True, slots=True)
class Facts:
    """The size of a file, and what changes with its content. Whatever is not known is None, "" or 0."""

    size: int | None = None
    version: str = ""
    """An ETag, or the number of a generation."""
    modified: int = 0
    """When it was written, in nanoseconds."""
    md5: str = ""
    """The MD5 of the content, most likely: stores that encrypt give out other numbers that look the same."""

    @classmethod
    def of_tag(cls, size: int | None, tag: str, modified: int) -> "Facts":
        """Return the facts of a file with an ETag, which is the MD5 of what was written in one part."""
        match = _MD5.fullmatch(tag)
        return cls(size, tag, modified, match[1] if match else "")

    @property
    def tells_changes(self) -> bool:
        """True if other content would show here."""
        return bool(self.version or self.modified)

    def state(self) -> str:
        """Return size, time of change (twice, as file systems have two) and version, as numbers between commas.

        A version changes with every change, so that times do not matter beside it.
        """
        changed = 0 if self.version else self.modified
        version = int.from_bytes(hashlib.sha256(self.version.encode()).digest()[:8])
        return f"{self.size},{changed},{changed},{version}"
