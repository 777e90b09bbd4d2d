"""Addresses of places outside this machine: `s3://bucket/prefix`, `gs://bucket/prefix`, `https://host/prefix`."""

import re
from dataclasses import dataclass
from urllib.parse import quote, unquote, urlsplit

from reliseg.errors import ConfigError
from reliseg.runtime.text_files import quoted

STORES = ("s3", "gs")
"""Object stores: they list what they hold, and take files."""
WEB = ("https", "http")
"""Web servers: they do neither."""
_PLAIN = "/~!$&'()*+,;=:@"
"""What needs no escape in the path of a web address, beside letters and digits."""
_ADDRESS = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+)://(.*)", re.DOTALL)
LOST_SLASH = re.compile(r"(s3|gs|https?):/(?!/)")
"""What a path makes of an address."""


@dataclass(frozen=True)
class Address:
    """A place outside this machine. `host` is the bucket of an object store.

    `path` has no slash at its ends, and no escapes: a web address has `%20` where it has a space.
    """

    scheme: str
    host: str
    path: str = ""

    @classmethod
    def of(cls, text: str) -> "Address":
        """Parse a text; a ConfigError says what is wrong with it."""
        match = _ADDRESS.fullmatch(text)
        scheme = match[1].lower() if match else ""
        if match is None or scheme not in (*STORES, *WEB):
            known = ", ".join(f"{s}://" for s in (*STORES, *WEB))
            raise ConfigError(f"{quoted(text)} begins with none of {known}; correct it, or give the path of a folder")
        host, _, path = match[2].partition("/")
        if not host:
            raise ConfigError(f"{quoted(text)} names no {'bucket' if scheme in STORES else 'host'}; add it")
        if scheme in WEB:
            _check_web_address(text)
        if ".." in path.split("/"):
            raise ConfigError(f"{quoted(text)} holds ..; write the address without it")
        path = unquote(path) if scheme in WEB else path
        return cls(scheme, host, path.strip("/"))

    @property
    def is_store(self) -> bool:
        """True for an object store, false for a web server."""
        return self.scheme in STORES

    def key(self, name: str) -> str:
        """Return the path of a file below this place, from the bucket or host on."""
        return f"{self.path}/{name}" if self.path else name

    def below(self, name: str) -> "Address":
        """Return the place of this name below this one."""
        return Address(self.scheme, self.host, self.key(name))

    def __str__(self) -> str:
        path = self.path if self.is_store else quote(self.path, safe=_PLAIN)
        return f"{self.scheme}://{self.host}" + (f"/{path}" if path else "")


def is_address(text: str) -> bool:
    """Tell if a text names a place outside this machine, known or not: `s3://..`."""
    return _ADDRESS.match(text) is not None


def run_address(text: str) -> Address | None:
    """Return the address that a run is called by, or None for a path; a ConfigError for one that was made a path."""
    if LOST_SLASH.match(text):
        raise ConfigError(f"{text}: an address has two slashes; write {text.replace(':/', '://', 1)} as a text")
    return Address.of(text) if is_address(text) else None


def _check_web_address(text: str) -> None:
    parts = urlsplit(text)
    if parts.query or parts.fragment:
        raise ConfigError(f"{quoted(text)} has a part behind ? or #; give the address of a folder")
    if "@" in parts.netloc:
        raise ConfigError(
            f"the address of {parts.hostname} holds a name or a password, which results would repeat; write it into "
            "~/.netrc, and remove it here"
        )
