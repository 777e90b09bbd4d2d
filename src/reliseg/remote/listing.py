"""Files that list what a place holds, one relative path a line: for web servers, and for stores too large to list."""

from pathlib import Path

from reliseg.errors import DataError
from reliseg.remote.addresses import Address, is_address
from reliseg.remote.errors import FetchError
from reliseg.remote.stores import store_of
from reliseg.remote.transfer import received
from reliseg.runtime.regular_files import read_regular, reason_of
from reliseg.runtime.text_files import UnreadableTextError, decode_text, quoted

_LIMIT = 1 << 28
"""Bytes: two million paths."""


def listed_names(listing: str, folder: Path) -> list[str]:
    """Return the paths that a file lists, each once; a DataError says what is wrong with it.

    `listing` is the address of the file, or its path from `folder` on.
    """
    where = f"listing {listing}"
    try:
        text = decode_text(_content(listing, folder))
    except FetchError as error:
        raise DataError(f"listing {error}") from error
    except OSError as error:
        raise DataError(f"{where}: cannot be read ({reason_of(error)}); give a file of one path a line") from error
    except UnreadableTextError as error:
        raise DataError(f"{where}: {error}") from error
    names: dict[str, None] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        name = line.strip().removeprefix("./")
        if {"", ".", ".."}.intersection(name.split("/")) and name:
            raise DataError(f"{where}: line {number}: {quoted(name)} is no path below the root; write FOLDER/NAME")
        if name:
            names[name] = None
    if not names:
        raise DataError(f"{where}: it lists no file; write one path a line")
    return list(names)


def _content(listing: str, folder: Path) -> bytes:
    if not is_address(listing):
        return read_regular(folder / Path(listing).expanduser(), _LIMIT)
    address = Address.of(listing)
    store = store_of(address)
    return received(store, address.path, store.facts(address.path))
