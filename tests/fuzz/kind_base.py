"""A kind of file: how it is made and damaged, what reliseg reads, and what is in it in truth."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any, ClassVar

SIZE = (12, 16)


@dataclass
class Kind(ABC):
    """A kind of file."""

    folder: Path
    file: ClassVar[str]
    """Its path below the folder."""

    @abstractmethod
    def originals(self) -> Sequence[bytes]:
        """Return files as they should be."""

    @abstractmethod
    def damage(self, random: Random, data: bytes) -> bytes:
        """Return the file with some damage."""

    @abstractmethod
    def read(self) -> Any:
        """Return what reliseg makes of the file; None where it counts as not there; raise what it raises."""

    @abstractmethod
    def check(self, data: bytes, found: Any) -> None:
        """Fail if what was read is not what the bytes say by an independent reading."""

    @property
    def path(self) -> Path:
        return self.folder / self.file
