"""An object store and a web server on loopback, within the process, with faults where tests ask for them."""

import re
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Literal

Fault = Literal["500", "503", "hang", "drop", "short", "slow", "other"]
"""`short` sends half of the body, `slow` sends it in pieces, `other` sends other bytes of the same length."""
HANG = 3.0
SECRETS = {"AWS_ACCESS_KEY_ID": "nobody", "AWS_SECRET_ACCESS_KEY": "nothing", "AWS_DEFAULT_REGION": "us-east-1"}
_UNSET = ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL_S3", "HTTP_PROXY", "HTTPS_PROXY", "http_proxy")
Application = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


@dataclass
class _Planned:
    fault: Fault
    method: str
    path: re.Pattern[str]
    left: int


@dataclass
class Server:
    """A server that is running: what it was asked, and what it is to do wrong."""

    url: str
    requests: list[tuple[str, str]] = field(default_factory=list)
    """Method and path of each, in their order."""
    _planned: list[_Planned] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    stopped: threading.Event = field(default_factory=threading.Event)

    def fail(self, fault: Fault, times: int = 1 << 30, *, method: str = "GET", path: str = "") -> None:
        """Let requests of this method, whose path holds `path` (a pattern), fail so many times; always by default."""
        self._planned.append(_Planned(fault, method, re.compile(path), times))

    def heal(self) -> None:
        """Do nothing wrong any more, and forget what was asked."""
        self._planned.clear()
        self.requests.clear()

    def asked(self, method: str = "", path: str = "") -> int:
        """Return how many requests there were of this method whose path holds `path`."""
        return sum(method in ("", m) and re.search(path, p) is not None for m, p in self.requests)

    def paths(self, method: str) -> Counter[str]:
        """Return how often each path was asked for."""
        return Counter(path for m, path in self.requests if m == method)

    def next_fault(self, method: str, path: str) -> Fault | None:
        """Return what goes wrong with this request, and count it."""
        with self._lock:
            self.requests.append((method, path))
            for planned in self._planned:
                if planned.left > 0 and planned.method == method and planned.path.search(path):
                    planned.left -= 1
                    return planned.fault
        return None


def _faulty(application: Application, server: Server) -> Application:
    def answer(environment: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        path = environment["PATH_INFO"] + ("?" + environment["QUERY_STRING"] if environment["QUERY_STRING"] else "")
        fault = server.next_fault(environment["REQUEST_METHOD"], path)
        if fault in ("500", "503"):
            start(f"{fault} Out of order", [("Content-Length", "0")])
            return [b""]
        if fault == "hang":
            server.stopped.wait(HANG)
        if fault in ("hang", "drop"):
            environment["werkzeug.socket"].shutdown(socket.SHUT_RDWR)
            raise ConnectionAbortedError  # werkzeug says nothing of it
        if fault is None:
            return application(environment, start)
        return _spoilt(fault, b"".join(application(environment, start)), environment)

    return answer


def _spoilt(fault: Fault, body: bytes, environment: Mapping[str, Any]) -> Iterator[bytes]:
    if fault == "slow":
        for i in range(0, len(body), len(body) // 5 + 1):
            time.sleep(0.05)
            yield body[i : i + len(body) // 5 + 1]
    elif fault == "short":
        yield body[: len(body) // 2]
        environment["werkzeug.socket"].shutdown(socket.SHUT_RDWR)
    else:
        yield bytes(byte ^ 0xFF for byte in body)


@contextmanager
def _running(application: Application) -> Iterator[Server]:
    from werkzeug.serving import WSGIRequestHandler, make_server

    class Silent(WSGIRequestHandler):
        def log(self, *_: object) -> None:
            pass

    server = Server("")
    made = make_server("127.0.0.1", 0, _faulty(application, server), threaded=True, request_handler=Silent)
    made.daemon_threads, made.block_on_close = True, False  # type: ignore[attr-defined]
    server.url = f"http://127.0.0.1:{made.server_port}"
    thread = threading.Thread(target=made.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.stopped.set()
        made.shutdown()
        thread.join()
        made.server_close()


@contextmanager
def object_store() -> Iterator[Server]:
    """Run an empty S3."""
    from moto.server import DomainDispatcherApplication, create_backend_app

    with _running(DomainDispatcherApplication(create_backend_app)) as server:
        yield server


@contextmanager
def web_server(folder: Path, *, versions: bool = True) -> Iterator[Server]:
    """Run a web server of the files below a folder; without `versions` it tells neither an ETag nor a time."""

    def application(environment: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        path = folder / environment["PATH_INFO"].encode("latin-1").decode().lstrip("/")
        if not path.is_file():
            start("404 Not Found", [("Content-Length", "0")])
            return [b""]
        content = path.read_bytes()
        headers = [("Content-Length", str(len(content)))]
        if versions:
            headers.append(("ETag", f'"{path.stat().st_mtime_ns:x}-{len(content):x}"'))
        start("200 OK", headers)
        return [content if environment["REQUEST_METHOD"] == "GET" else b""]

    with _running(application) as server:
        yield server


def environment(server: Server, cache: Path) -> dict[str, str]:
    """Return the environment in which the server is S3, with credentials that are none, and a cache of its own."""
    return SECRETS | {
        "AWS_ENDPOINT_URL": server.url,
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": "/dev/null",
        "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
        "RELISEG_CACHE": str(cache),
        "RELISEG_TIMEOUT": "0.4",
    }


def removed_from_environment() -> tuple[str, ...]:
    """Return what a user may have set, and would lead elsewhere."""
    return _UNSET


def put(server: Server, bucket: str, files: Mapping[str, bytes]) -> None:
    """Make the bucket, if there is none, and put files there."""
    client = _client(server)
    client.create_bucket(Bucket=bucket)
    for name, content in files.items():
        client.put_object(Bucket=bucket, Key=name, Body=content)


def empty(server: Server, bucket: str) -> None:
    """Make the bucket, if there is none, and remove all files in it."""
    client = _client(server)
    client.create_bucket(Bucket=bucket)
    for name in names(server, bucket):
        client.delete_object(Bucket=bucket, Key=name)


def stored(server: Server, bucket: str) -> dict[str, bytes]:
    """Return all files of a bucket."""
    client = _client(server)
    return {name: client.get_object(Bucket=bucket, Key=name)["Body"].read() for name in names(server, bucket)}


def names(server: Server, bucket: str) -> set[str]:
    """Return the names of all files of a bucket."""
    return {entry["Key"] for entry in _client(server).list_objects_v2(Bucket=bucket).get("Contents", [])}


def content_of(server: Server, bucket: str, name: str) -> bytes:
    """Return one file of a bucket."""
    content: bytes = _client(server).get_object(Bucket=bucket, Key=name)["Body"].read()
    return content


def _client(server: Server) -> Any:
    return _client_of(server.url)


@cache
def _client_of(url: str) -> Any:
    import boto3

    keys = {"aws_access_key_id": "nobody", "aws_secret_access_key": "nothing", "region_name": "us-east-1"}
    return boto3.client("s3", endpoint_url=url, **keys)
