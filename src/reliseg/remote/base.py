"""The interface of what holds files outside this machine: a bucket, a host."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import TypeVar

from reliseg.remote.addresses import Address
from reliseg.remote.errors import explained
from reliseg.remote.facts import Facts
from reliseg.remote.settings import timeout

T = TypeVar("T")


class Store(ABC):
    """A bucket or a host. All of its methods raise a FetchError, or an AbsentError where there is no such file."""

    has_md5: bool = True
    """False once a file's MD5 was found to be another number than the store gives out."""

    def __init__(self, scheme: str, host: str) -> None:
        self.scheme = scheme
        self.host = host
        self.timeout = timeout()

    @abstractmethod
    def files(self, folder: str) -> dict[str, Facts]:
        """List the files below a folder at any depth: names below it, with what is known of them."""

    @abstractmethod
    def facts(self, key: str) -> Facts:
        """Return what is known of a file."""

    @abstractmethod
    def read(self, key: str) -> tuple[bytes, Facts | None]:
        """Return the bytes that arrive, unchecked, and what the store says of them, if it says it with them."""

    @abstractmethod
    def write(self, key: str, data: bytes) -> None:
        """Put a file there, whole or not at all, in the place of one that has its name."""

    @abstractmethod
    def remove(self, key: str) -> None:
        """Remove a file; one that is not there is no error."""

    def address(self, key: str) -> Address:
        """Return the address of a file, for messages."""
        return Address(self.scheme, self.host, key)

    def asking(self, key: str, action: Callable[[], T]) -> T:
        """Return what an action gives; whatever it raises becomes a FetchError that names the file."""
        try:
            return action()
        except Exception as error:  # of fsspec, botocore, aiohttp, ssl and the system
            raise explained(error, self.address(key), self.timeout) from error
