"""A file as it is in its store: all of its bytes, of the version that was listed, or an error. Never a part of it."""

import hashlib
import time
from collections.abc import Callable
from typing import TypeVar

from reliseg.errors import count_text
from reliseg.remote.base import Store
from reliseg.remote.errors import FetchError
from reliseg.remote.facts import Facts

T = TypeVar("T")

WAITS = (0.2, 1.0)
"""Seconds before the second and the third attempt."""


def persistently(action: Callable[[], T]) -> T:
    """Return what an action gives; it is tried three times where it fails for a reason that may pass."""
    for wait in WAITS:
        try:
            return action()
        except FetchError as error:
            if not error.may_pass:
                raise
        time.sleep(wait)
    return action()


def received(store: Store, key: str, facts: Facts) -> bytes:
    """Return the bytes of a file that is as these facts say; a FetchError where other or fewer bytes arrive."""
    before: set[str] = set()

    def attempt() -> bytes:
        data, told = store.read(key)
        problem = _problem(store, data, facts, before)
        if problem or told is None:
            told = None if not problem and _is_sure(store, data, facts) else store.facts(key)
        if told is not None and told != facts:
            raise FetchError(str(store.address(key)), "it changed since it was listed", "run again")
        if problem:
            raise FetchError(str(store.address(key)), problem, "run again, or check the network", may_pass=True)
        return data

    return persistently(attempt)


def _problem(store: Store, data: bytes, facts: Facts, before: set[str]) -> str:
    """Return why these are not the bytes of the file; nothing if they may be. `before` holds the MD5 of those refused.

    Where the store gives out another number than the MD5, the same bytes come again.
    """
    if facts.size is not None and len(data) != facts.size:
        return f"{count_text(len(data), 'byte')} arrived in the place of {facts.size}"
    if not facts.md5 or not store.has_md5:
        return ""
    md5 = hashlib.md5(data, usedforsecurity=False).hexdigest()
    if md5 == facts.md5:
        return ""
    if md5 in before:
        store.has_md5 = False
        return ""
    before.add(md5)
    return "other bytes arrived than its checksum says"


def _is_sure(store: Store, data: bytes, facts: Facts) -> bool:
    """Tell if the bytes are known to be those of the version that the facts are of."""
    return bool(facts.md5) and store.has_md5
