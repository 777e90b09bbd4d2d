"""Buckets of S3 and Google Cloud Storage, by way of fsspec: their own packages find credentials and retry requests."""

import base64
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime
from typing import Any

import fsspec

from reliseg.remote.base import Store
from reliseg.remote.errors import AbsentError
from reliseg.remote.facts import Facts

REQUESTS = 2
"""How often botocore makes a request that fails for a reason that may pass: each page of a long list for itself."""


class ObjectStore(Store):
    """A bucket."""

    def __init__(self, scheme: str, host: str) -> None:
        super().__init__(scheme, host)
        kept_apart = {"use_listings_cache": False, "skip_instance_cache": True}  # a listing is asked for once, and kept
        options = self._s3_options() if scheme == "s3" else {}
        self._files = self.asking("", lambda: fsspec.filesystem(scheme, **options, **kept_apart))
        if scheme == "s3":
            self._files.retries = 1  # its own attempts would be made for each of botocore's, and twice over

    def files(self, folder: str) -> dict[str, Facts]:
        """List the files below a folder."""
        root = self._path(folder).rstrip("/")
        found = self.asking(folder, lambda: self._files.find(root, detail=True))
        names = {name.removeprefix(f"{root}/"): entry for name, entry in found.items() if name != root}
        return {name: _facts(entry) for name, entry in names.items() if entry["type"] == "file" and _is_path(name)}

    def facts(self, key: str) -> Facts:
        """Return what is known of a file."""
        return self.asking(key, lambda: _facts(self._files.info(self._path(key))))

    def read(self, key: str) -> tuple[bytes, Facts | None]:
        """Return the bytes that arrive."""
        return self.asking(key, lambda: self._files.cat_file(self._path(key))), None

    def write(self, key: str, data: bytes) -> None:
        """Put an object there: nobody sees a part of it."""
        self.asking(key, lambda: self._files.pipe_file(self._path(key), data))

    def remove(self, key: str) -> None:
        """Remove an object."""
        with suppress(AbsentError):
            self.asking(key, lambda: self._files.rm_file(self._path(key)))

    def _path(self, key: str) -> str:
        return f"{self.host}/{key}"

    def _s3_options(self) -> dict[str, Any]:
        times = {"connect_timeout": min(10.0, self.timeout), "read_timeout": self.timeout}
        retries = {"max_attempts": REQUESTS - 1, "mode": "standard"}  # s3 counts those after the first one
        return {"max_concurrency": 1, "config_kwargs": {**times, "retries": retries}}


def _facts(entry: Mapping[str, Any]) -> Facts:
    modified = _nanoseconds(entry.get("LastModified", entry.get("mtime", entry.get("updated"))))
    if "generation" in entry:  # of Google's
        md5 = base64.b64decode(entry.get("md5Hash") or "").hex()
        return Facts(int(entry["size"]), str(entry["generation"]), modified, md5)
    return Facts.of_tag(int(entry["size"]), str(entry.get("ETag") or ""), modified)


def _nanoseconds(time: object) -> int:
    if isinstance(time, str) and time:
        time = datetime.fromisoformat(time)
    return int(time.timestamp() * 1e9) if isinstance(time, datetime) else 0


def _is_path(name: str) -> bool:
    """Tell if an object can be a file below a folder: stores also hold names like `a//b`, and `a/` for a folder."""
    return not {"", ".", ".."}.intersection(name.split("/"))
