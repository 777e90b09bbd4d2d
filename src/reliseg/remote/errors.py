"""What goes wrong outside this machine, in one line: the cause, and the next step."""

import errno
from typing import Any
from urllib.parse import urlsplit

from reliseg.errors import error_text, one_line
from reliseg.remote.addresses import Address

_CREDENTIALS = {
    "s3": "set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY; for a public bucket FSSPEC_S3_ANON=true",
    "gs": "run `gcloud auth application-default login`; for a public bucket set FSSPEC_GS_TOKEN=anon",
}
_NETRC = "write a name and a password for this host into ~/.netrc"
_NO_CREDENTIALS = frozenset({"NoCredentialsError", "DefaultCredentialsError", "CredentialRetrievalError"})
_UNKNOWN_NAME = frozenset({"ClientConnectorDNSError", "gaierror"})
_NO_TRUST = frozenset({"ClientConnectorCertificateError", "ClientSSLError", "SSLError"})
_TIMEOUTS = frozenset({"ReadTimeoutError", "ConnectTimeoutError", "TimeoutError", "FSTimeoutError"})
_UNREACHABLE = frozenset({"EndpointConnectionError", "ClientConnectorError", "ProxyConnectionError"})
_BROKEN_OFF = frozenset(
    {"HTTPClientError", "ClientPayloadError", "IncompleteRead", "ClientConnectionError", "ResponseParserError"}
)
_DAMAGED = frozenset({"FlexibleChecksumError"})
_OUT_OF_ORDER = (getattr(errno, "EREMOTEIO", errno.EIO), errno.EIO, errno.EBUSY)
"""What s3fs makes of status 500 and 503."""
_DENIED = (401, 403)
_ABSENT = (404, 410)


class FetchError(OSError):
    """Something outside this machine cannot be had. `strerror` is the cause, `advice` the next step."""

    def __init__(self, place: str, reason: str, advice: str, *, may_pass: bool = False) -> None:
        super().__init__(errno.EIO, reason, place)
        self.advice = advice
        self.may_pass = may_pass
        """True if the next attempt may succeed, and nobody has made several yet."""

    def __str__(self) -> str:
        return f"{self.filename}: {self.strerror}; {self.advice}"

    def __reduce__(self) -> Any:
        return _restored, (str(self.filename), str(self.strerror), self.advice, self.may_pass)


class AbsentError(FetchError):
    """There is no such file, or no such bucket."""


def _restored(place: str, reason: str, advice: str, may_pass: bool) -> FetchError:
    return FetchError(place, reason, advice, may_pass=may_pass)


def explained(error: BaseException, address: Address, timeout: float) -> FetchError:
    """Return what an exception of fsspec, botocore or aiohttp means; `timeout` is how many seconds were waited."""
    if isinstance(error, FetchError):
        return error
    place, names = str(address), _names(error)
    status = getattr(error, "status", None)
    if names & _NO_CREDENTIALS:
        return FetchError(place, "no credentials are known", _credentials(address))
    if isinstance(error, PermissionError) or status in _DENIED:
        said = f" ({one_line(error)})" if isinstance(error, PermissionError) and str(error) else ""
        return FetchError(place, f"access is denied{said}", f"check the rights, or {_credentials(address)}")
    if isinstance(error, FileNotFoundError) or status in _ABSENT:
        return AbsentError(place, *_absence(error, address))
    return _of_connection(error, names, place, timeout) or _of_answer(error, place, status)


def _of_connection(error: BaseException, names: set[str], place: str, timeout: float) -> FetchError | None:
    if names & _UNKNOWN_NAME:
        return FetchError(place, "nobody knows this host", "correct the address, or check the network", may_pass=True)
    if names & _NO_TRUST:
        return FetchError(place, f"its certificate is not trusted ({one_line(error)})", "check the address")
    if names & _TIMEOUTS:
        advice = "try again later, or set RELISEG_TIMEOUT to more seconds"
        return FetchError(place, f"no answer within {timeout:g} s", advice, may_pass=True)
    if names & _UNREACHABLE:
        where = urlsplit(str(getattr(error, "kwargs", {}).get("endpoint_url", "")))  # as botocore tells it
        server = f"{where.scheme}://{where.netloc}" if where.netloc else "the server"
        advice = "check the network, and AWS_ENDPOINT_URL" if place.startswith("s3:") else "check the network"
        return FetchError(place, f"{server} cannot be reached", advice, may_pass=True)
    if names & _DAMAGED:
        reason = "other bytes arrived than its checksum says"
        return FetchError(place, reason, "run again, or check the network", may_pass=True)
    if names & _BROKEN_OFF:
        return FetchError(place, "the connection broke off", "run again", may_pass=True)
    return None


def _of_answer(error: BaseException, place: str, status: int | None) -> FetchError:
    if status is not None:
        may_pass = status >= 500 or status == 429
        advice = "run again later" if may_pass else "correct the address"
        return FetchError(place, f"the server answers with status {status}", advice, may_pass=may_pass)
    if isinstance(error, OSError) and error.strerror:
        may_pass = error.errno in _OUT_OF_ORDER
        advice = "run again later" if may_pass else "check the address"
        return FetchError(place, f"the store answers: {error.strerror}", advice, may_pass=may_pass)
    return FetchError(place, error_text(error), "check the address, and the settings of the store in the environment")


def _absence(error: BaseException, address: Address) -> tuple[str, str]:
    if address.is_store and "bucket does not exist" in str(error).lower():
        return f"there is no bucket {address.host}", "correct the address, or AWS_ENDPOINT_URL"
    return "there is no such file", "correct the address, or add the file"


def _credentials(address: Address) -> str:
    return _CREDENTIALS.get(address.scheme, _NETRC)


def _names(error: BaseException) -> set[str]:
    """Return the names of the classes of an error and of what caused it: their packages need not be installed."""
    names: set[str] = set()
    while error is not None:
        names |= {c.__name__ for c in type(error).__mro__}
        error = error.__cause__  # type: ignore[assignment]
    return names
