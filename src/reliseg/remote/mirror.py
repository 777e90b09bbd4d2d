"""A folder of files outside this machine with a copy here: what is made here is put there, file by file."""

import hashlib
from contextlib import suppress
from pathlib import Path

from reliseg.errors import ConfigError
from reliseg.remote.addresses import Address
from reliseg.remote.errors import FetchError
from reliseg.remote.facts import Facts
from reliseg.remote.stores import store_of
from reliseg.remote.transfer import persistently, received
from reliseg.runtime.atomic_files import write_atomically


class Mirror:
    """An address of an object store and a local folder; a file has the same name below both.

    All methods raise a FetchError where the store cannot be had. The store is listed once: what others put there later
    is not seen before `forget`.
    """

    def __init__(self, url: str, folder: Path) -> None:
        self.address = Address.of(url)
        self.folder = folder
        if not self.address.is_store:
            raise ConfigError(f"{url}: a web server takes no files; give a place in s3:// or gs://, or a folder")
        self._store = store_of(self.address)
        self._listed: dict[str, Facts] | None = None

    def names(self, prefix: str = "") -> list[str]:
        """Return the names of the files there that begin with `prefix`, sorted."""
        return sorted(name for name in self._files() if name.startswith(prefix))

    def sizes(self) -> dict[str, int]:
        """Return the bytes of the files there."""
        return {name: facts.size or 0 for name, facts in self._files().items()}

    def fetch(self, name: str) -> Path:
        """Return the local path of a file that is there, fetched unless the copy here is equal.

        An AbsentError where the store has no such file.
        """
        path, key = self.folder / name, self.address.key(name)
        facts = self._files().get(name) or persistently(lambda: self._store.facts(key))
        self._files()[name] = facts
        if not self._is_equal(path, facts):
            content = received(self._store, key, facts)
            write_atomically(path, lambda file: file.write(content))
        return path

    def put(self, path: Path) -> None:
        """Put a local file there: others see it whole or not at all."""
        name = path.relative_to(self.folder).as_posix()
        key, content = self.address.key(name), path.read_bytes()

        def attempt() -> Facts:
            self._store.write(key, content)
            facts = self._store.facts(key)
            if facts.size != len(content):
                reason = f"it has {facts.size} bytes after {len(content)} were put there"
                raise FetchError(str(self.address.below(name)), reason, "run again", may_pass=True)
            return facts

        self._files()[name] = persistently(attempt)

    def holds(self, path: Path) -> bool:
        """Tell if the store is known to hold the same bytes as a local file."""
        facts = self._files().get(path.relative_to(self.folder).as_posix())
        return facts is not None and self._is_equal(path, facts)

    def remove(self, name: str) -> None:
        """Remove a file there and here; one that is not there is no error."""
        persistently(lambda: self._store.remove(self.address.key(name)))
        self._files().pop(name, None)
        (self.folder / name).unlink(missing_ok=True)

    def forget(self) -> None:
        """Forget the list: it is asked for again when it is needed."""
        self._listed = None

    def _files(self) -> dict[str, Facts]:
        if self._listed is None:
            self._listed = persistently(lambda: self._store.files(self.address.path))
        return self._listed

    def _is_equal(self, path: Path, facts: Facts) -> bool:
        with suppress(OSError):
            if facts.md5 and self._store.has_md5 and path.stat().st_size == facts.size:
                with path.open("rb") as file:
                    return hashlib.file_digest(file, "md5").hexdigest() == facts.md5
        return False
