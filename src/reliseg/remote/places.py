"""Folders and files that lie here or outside this machine."""

from pathlib import Path
from typing import TypeAlias

from reliseg.remote.addresses import Address, is_address
from reliseg.remote.folders import RemoteFile, RemoteFolder

Root: TypeAlias = Path | RemoteFolder
"""A folder; `root / path` is a place below it."""
Place: TypeAlias = Path | RemoteFile


def root_from_text(text: str) -> Path | Address:
    """Return the folder, or the place outside this machine, that a text names; a ConfigError for an unknown kind."""
    return Address.of(text) if is_address(text) else Path(text)


def root_name(root: Root) -> str:
    """Return the one name of a folder, whichever way leads to it: its resolved path, or its address."""
    return str(root.resolve()) if isinstance(root, Path) else str(root)
