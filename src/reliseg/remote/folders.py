"""A folder outside this machine, and the files below it: listed once, fetched when they are read."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from reliseg.errors import DataError
from reliseg.remote.addresses import Address
from reliseg.remote.cache import cache_key, shared_cache
from reliseg.remote.errors import FetchError
from reliseg.remote.facts import Facts
from reliseg.remote.listing import listed_names
from reliseg.remote.stores import store_of
from reliseg.remote.transfer import persistently, received
from reliseg.runtime.regular_files import size_text


@dataclass(frozen=True)
class RemoteFolder:
    """A place outside this machine with the files that are there. Two of one address are equal."""

    address: Address
    listed: Mapping[str, Facts | None] = field(compare=False, repr=False)
    """Path -> what the store's list says of the file; None where a file lists mere names."""

    def __truediv__(self, path: str) -> "RemoteFile":
        return RemoteFile(self, path)

    def __str__(self) -> str:
        return str(self.address)

    def names(self, folder: str) -> tuple[list[str], list[str]]:
        """Return the names of the folders and of the files in `folder`, which is empty or ends with a slash."""
        folders, files = self._tree.get(folder, ({}, []))
        return list(folders), files

    def facts(self, path: str) -> Facts:
        """Return what is known of a file: the list says it, else its store, which is asked once.

        A FetchError if it is not there.
        """
        facts = self.listed.get(path) or self._asked.get(path)
        if facts is None:
            store = store_of(self.address)
            facts = self._asked[path] = persistently(lambda: store.facts(self.address.key(path)))
        return facts

    @cached_property
    def _asked(self) -> dict[str, Facts]:
        return {}

    @cached_property
    def _tree(self) -> dict[str, tuple[dict[str, None], list[str]]]:
        tree: dict[str, tuple[dict[str, None], list[str]]] = {"": ({}, [])}
        for path in self.listed:
            *folders, name = path.split("/")
            place = ""
            for folder in folders:
                tree[place][0][folder] = None
                place = f"{place}{folder}/"
                tree.setdefault(place, ({}, []))
            tree[place][1].append(name)
        return tree


@dataclass(frozen=True)
class RemoteFile:
    """A file below a folder outside this machine."""

    folder: RemoteFolder
    path: str

    def __str__(self) -> str:
        return str(self.folder.address.below(self.path))

    @property
    def facts(self) -> Facts:
        """What is known of it; a FetchError if it is not there."""
        return self.folder.facts(self.path)

    def state(self) -> str:
        """Return what changes with its content; a FetchError where its store does not tell."""
        if not self.facts.tells_changes:
            raise FetchError(str(self), "its server tells neither a version nor a time", "it is read again each time")
        return self.facts.state()

    def read(self, limit: int) -> bytes:
        """Return its bytes, from the cache or from its store; a FetchError says why they cannot be had.

        `limit` is the largest number of bytes that is accepted.
        """
        facts = self.facts
        if facts.size is not None and facts.size > limit:
            reason = f"it has {size_text(facts.size)}, and the limit is {size_text(limit)}"
            raise FetchError(str(self), reason, "give a smaller file")
        cache, key = shared_cache(), cache_key(str(self), facts)
        content = cache.get(key)
        if content is None:
            address = self.folder.address
            content = received(store_of(address), address.key(self.path), facts)
            cache.put(key, content)
        return content


class Roots:
    """Folders outside this machine that are opened together: each is listed once."""

    def __init__(self) -> None:
        self._open: dict[tuple[Address, str | None, Path], RemoteFolder] = {}

    def open(self, address: Address, listing: str | None = None, folder: Path = Path()) -> RemoteFolder:
        """Return a folder with its list of files; a DataError where it cannot be had, or is empty.

        `listing` is the file that lists them, an address or a path from `folder` on; the store is asked without it.
        """
        key = address, listing, folder
        if key not in self._open:
            self._open[key] = RemoteFolder(address, _listed(address, listing, folder))
        return self._open[key]


def _listed(address: Address, listing: str | None, folder: Path) -> Mapping[str, Facts | None]:
    if listing is not None:
        return dict.fromkeys(listed_names(listing, folder))
    if not address.is_store:
        raise DataError(f"root {address}: a web server does not list its files; set listing: a file of one path a line")
    store = store_of(address)
    try:
        found = persistently(lambda: store.files(address.path))
    except FetchError as error:
        raise DataError(f"root {error}") from error
    if not found:
        raise DataError(f"root {address} holds no file; correct it")
    return found
