"""Files here or outside this machine, through one gateway: named, told apart, and read alike."""

from pathlib import Path
from typing import TypeAlias

from reliseg.remote.addresses import Address, is_address
from reliseg.remote.folders import RemoteFile, RemoteFolder
from reliseg.runtime.regular_files import read_regular

Root: TypeAlias = Path | RemoteFolder
"""A folder; `root / path` is a place below it."""
Place: TypeAlias = Path | RemoteFile


def root_from_text(text: str) -> Path | Address:
    """Return the folder, or the place outside this machine, that a text names; a ConfigError for an unknown kind."""
    return Address.of(text) if is_address(text) else Path(text)


def read_place(place: Place, limit: int) -> bytes:
    """Return the bytes of a file, at most `limit`; an OSError says why they cannot be had."""
    return read_regular(place, limit) if isinstance(place, Path) else place.read(limit)


def state_of(place: Place) -> str:
    """Return what changes with a file's content, without reading it: size, times and inode, or the store's version.

    These are numbers between commas, times in nanoseconds at the second and the third place. An OSError where the file
    is not there.
    """
    if not isinstance(place, Path):
        return place.state()
    facts = place.stat()
    return f"{facts.st_size},{facts.st_mtime_ns},{facts.st_ctime_ns},{facts.st_ino}"


def place_name(place: Place | Root) -> str:
    """Return the one name of a file or folder, wherever this process is: its absolute path, or its address."""
    return str(place.absolute()) if isinstance(place, Path) else str(place)
