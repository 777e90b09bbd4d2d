"""Files copied so that the copy is whole, or not there."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from reliseg.runtime.atomic_files import write_atomically
from reliseg.runtime.regular_files import open_regular

_CHUNK = 1 << 20


class DamagedError(Exception):
    """A file that is not what it should be."""


def copy_file(source: Path, target: Path, is_whole: Callable[[Path], bool]) -> int:
    """Copy a file if `is_whole` says so of the copy, before that has its name; return its size in bytes.

    A DamagedError where it is not whole, a FileNotFoundError where there is no source any more.
    """
    sizes: list[int] = []

    def write(file: BinaryIO) -> None:
        with open_regular(source) as original:
            shutil.copyfileobj(original, file, _CHUNK)
        file.flush()
        sizes.append(file.tell())
        if not is_whole(Path(file.name)):
            raise DamagedError

    write_atomically(target, write)
    return sizes[0]
