"""A file of texts by key that costs a run time where it is lost, damaged, locked or full, and nothing else.

Each text is sealed with its key, so that a damaged one is not believed. Several processes may have the file open: each
may lose what another one wrote.
"""

import hashlib
import sqlite3
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Literal, TypeAlias, TypeVar

A = TypeVar("A")

Table: TypeAlias = Literal["inputs", "texts"]
"""Short ones, which are read all at once; long ones, which are looked up one by one."""

_SEAL_BYTES = 16
_TABLES = (
    "CREATE TABLE IF NOT EXISTS inputs (key BLOB PRIMARY KEY, entry BLOB) WITHOUT ROWID",
    "CREATE TABLE IF NOT EXISTS texts (key BLOB PRIMARY KEY, entry BLOB)",
)
_WRITE = "INSERT OR REPLACE INTO {} (key, entry) VALUES (?, ?)"
_PATIENCE_SECONDS = 5.0
"""How long another process may hold the file: writing what is new takes milliseconds."""
_IN_USE_OR_FULL = frozenset(
    (
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_NOMEM,
        sqlite3.SQLITE_PERM,
        sqlite3.SQLITE_NOLFS,
        sqlite3.SQLITE_PROTOCOL,
        sqlite3.SQLITE_INTERRUPT,
    )
)
"""Errors that tell nothing against what the file holds: it is left as it is. After any other one it is begun anew."""


class MemoryFile:
    """Texts by key, in a file; without one it holds nothing. For one thread at a time."""

    def __init__(self, file: Path | None) -> None:
        self._file = file
        self._connection: sqlite3.Connection | None = None

    def rows(self, table: Table) -> dict[bytes, object]:
        """Return all that a table holds, still sealed; nothing where that cannot be read."""

        def read(connection: sqlite3.Connection) -> dict[bytes, object]:
            return dict(connection.execute(f"SELECT key, entry FROM {table}").fetchall())

        return self._try(read) or {}

    def find(self, table: Table, key: bytes) -> object:
        """Return what a table holds for a key, still sealed; None where there is nothing, or it cannot be read."""

        def read(connection: sqlite3.Connection) -> list[tuple[object]]:
            return connection.execute(f"SELECT entry FROM {table} WHERE key = ?", (key,)).fetchall()

        return next((entry for (entry,) in self._try(read) or []), None)

    def write(self, texts: Mapping[Table, Mapping[bytes, str]]) -> bool:
        """Write texts in the place of those that have their keys; tell if that succeeded."""

        def write(connection: sqlite3.Connection) -> bool:
            for table, by_key in texts.items():
                connection.executemany(_WRITE.format(table), ((key, seal(key, by_key[key])) for key in by_key))
            connection.commit()
            return True

        return bool(self._try(write))

    def close(self) -> None:
        """Close the file; it is opened again if it is used."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _try(self, use: Callable[[sqlite3.Connection], A]) -> A | None:
        """Return what `use` makes of the file; None if it is in use or full, or once more damaged after a new begin."""
        if self._file is None:
            return None
        for _ in range(2):
            try:
                if self._connection is None:
                    self._connection = _connect(self._file)
                return use(self._connection)
            except sqlite3.Error as error:
                self.close()  # what was not committed is undone
                if getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF in _IN_USE_OR_FULL:
                    return None
            except (OSError, TypeError):
                self.close()
            with suppress(OSError):
                for suffix in ("", "-journal"):
                    self._file.with_name(self._file.name + suffix).unlink(missing_ok=True)
        return None


def seal(key: bytes, text: str) -> bytes:
    """Return a text as it is kept: after a checksum of the key and itself."""
    content = text.encode(errors="surrogatepass")
    return hashlib.blake2b(content, digest_size=_SEAL_BYTES, key=key).digest() + content


def unseal(key: bytes, entry: object) -> str | None:
    """Return the text of an entry; None where it is damaged, or was kept for another key."""
    if not isinstance(entry, bytes):
        return None
    content = entry[_SEAL_BYTES:]
    if hashlib.blake2b(content, digest_size=_SEAL_BYTES, key=key).digest() != entry[:_SEAL_BYTES]:
        return None
    return content.decode(errors="surrogatepass")


def _connect(file: Path) -> sqlite3.Connection:
    file.parent.mkdir(parents=True, exist_ok=True)
    connection = sqlite3.connect(file, timeout=_PATIENCE_SECONDS, check_same_thread=False)
    try:
        connection.execute("PRAGMA synchronous = OFF")  # what a power cut leaves damaged is noticed
        for table in _TABLES:
            connection.execute(table)
        for name in ("inputs", "texts"):
            connection.execute(f"SELECT key, entry FROM {name} LIMIT 1").fetchall()
    except sqlite3.Error:
        connection.close()
        raise
    return connection
