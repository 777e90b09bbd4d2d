"""The store that an address lies in, opened once in a process; what is not installed for it is said."""

import os
from functools import cache
from importlib.util import find_spec

from reliseg.errors import MissingExtraError
from reliseg.remote.addresses import Address
from reliseg.remote.base import Store

_PACKAGES = {"s3": ("s3fs", "remote"), "gs": ("gcsfs", "gcs"), "https": ("aiohttp", "remote")}
"""What a scheme needs, and the extra that brings it."""


def store_of(address: Address) -> Store:
    """Return the store that an address lies in, the same one for all of its files."""
    return _open(address.scheme, address.host, os.getpid())


@cache
def _open(scheme: str, host: str, process: int, /) -> Store:  # connections do not survive a fork
    package, extra = _PACKAGES.get(scheme, _PACKAGES["https"])
    for name in ("fsspec", package):
        if find_spec(name) is None:
            raise MissingExtraError(name, extra, f"{scheme}://{host}")
    if scheme in ("s3", "gs"):
        from reliseg.remote.object_store import ObjectStore

        return ObjectStore(scheme, host)
    from reliseg.remote.web_server import WebServer

    return WebServer(scheme, host)
