"""Web servers: they send files, and say of each its size and when it changed; they list nothing and take nothing."""

from email.utils import parsedate_to_datetime
from typing import Any

import aiohttp
from fsspec.asyn import sync
from fsspec.implementations.http import HTTPFileSystem
from yarl import URL

from reliseg.remote.base import Store
from reliseg.remote.errors import FetchError
from reliseg.remote.facts import Facts

_AS_IT_IS = {"Accept-Encoding": "identity"}
_NO_HEAD = (405, 501)


class WebServer(Store):
    """A host. Names and passwords come from `~/.netrc`, proxies from the environment."""

    def __init__(self, scheme: str, host: str) -> None:
        super().__init__(scheme, host)
        times = aiohttp.ClientTimeout(total=None, sock_connect=min(10.0, self.timeout), sock_read=self.timeout)
        session = {"timeout": times, "trust_env": True}
        self._server = HTTPFileSystem(client_kwargs=session, skip_instance_cache=True)

    def files(self, folder: str) -> dict[str, Facts]:
        """Raise a FetchError: a web server lists nothing."""
        raise FetchError(str(self.address(folder)), "a web server does not list its files", "set listing")

    def facts(self, key: str) -> Facts:
        """Return what the headers of a file say."""
        return self.asking(key, lambda: sync(self._server.loop, self._head, key))

    def read(self, key: str) -> tuple[bytes, Facts | None]:
        """Return the bytes that arrive, and what their headers say."""
        return self.asking(key, lambda: sync(self._server.loop, self._get, key))

    def write(self, key: str, data: bytes) -> None:
        """Raise a FetchError: a web server takes nothing."""
        raise FetchError(str(self.address(key)), "a web server takes no files", "give a place in s3:// or gs://")

    def remove(self, key: str) -> None:
        """Raise a FetchError: nothing is removed from a web server."""
        raise FetchError(str(self.address(key)), "a web server removes no files", "give a place in s3:// or gs://")

    def _url(self, key: str) -> URL:
        return URL(str(self.address(key)), encoded=True)

    async def _head(self, key: str) -> Facts:
        session = await self._server.set_session()
        async with session.head(self._url(key), headers=_AS_IT_IS, allow_redirects=True) as answer:
            if answer.status not in _NO_HEAD:
                answer.raise_for_status()
                return _facts(answer.headers)
        async with session.get(self._url(key), headers=_AS_IT_IS) as answer:
            answer.raise_for_status()
            return _facts(answer.headers)

    async def _get(self, key: str) -> tuple[bytes, Facts]:
        session = await self._server.set_session()
        async with session.get(self._url(key), headers=_AS_IT_IS) as answer:
            answer.raise_for_status()
            return await answer.read(), _facts(answer.headers)


def _facts(headers: Any) -> Facts:
    length = headers.get("Content-Length", "")
    is_encoded = headers.get("Content-Encoding", "identity") != "identity"
    size = int(length) if length.isdecimal() and not is_encoded else None
    try:
        modified = int(parsedate_to_datetime(headers.get("Last-Modified", "")).timestamp() * 1e9)
    except ValueError:
        modified = 0
    return Facts(size, headers.get("ETag", ""), modified)
