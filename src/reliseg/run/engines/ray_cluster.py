"""The connection to Ray: a cluster that is there, or one that is started on this machine and ended with the run."""

import os
import shutil
import signal
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, redirect_stdout
from pathlib import Path
from types import ModuleType
from typing import Any

from reliseg.errors import ConfigError, MissingExtraError, count_text, one_line

_LOCAL = "local"
_CONNECT_SECONDS = 5.0
_TRIES, _PAUSE = 5, 0.1
_STORE_BYTES = 80 << 20
"""Memory for what workers send each other, the least that Ray takes: tasks of a run send a few hundred bytes."""


@contextmanager
def ray_cluster(address: str | None, cpus: int) -> Iterator[ModuleType]:
    """Connect to Ray while within: to this address, or to what RAY_ADDRESS names, or to a cluster of its own.

    A cluster of its own is this machine alone, has at least so many CPUs to give away, is not to be reached from
    outside, and ends with the block. Ray prints to the output what happens to its workers; the run says so itself.
    """
    address = address or os.environ.get("RAY_ADDRESS") or _LOCAL
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_TQDM_PATCH_PRINT", "0")  # else Python's print is another one from then on
    if address == _LOCAL:
        os.environ.setdefault("RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER", "0")  # else 127.0.0.1 becomes the outward address
    ray = _import_ray()
    with ExitStack() as stack:
        stack.enter_context(redirect_stdout(stack.enter_context(Path(os.devnull).open("w"))))
        options: dict[str, Any] = {}
        if address == _LOCAL:
            folder = stack.enter_context(_short_folder())
            options = {"num_cpus": max(_usable_cpus(), cpus), "object_store_memory": _STORE_BYTES}
            options |= {"include_dashboard": False, "_node_ip_address": "127.0.0.1", "_temp_dir": folder}
        stack.callback(ray.shutdown)
        _connect(ray, address, options)
        yield ray


def resources_text(resources: Mapping[str, float]) -> str:
    """Return resources for a message: `2 CPU and 0.5 GPU`."""
    return " and ".join(f"{amount:g} {name}" for name, amount in resources.items() if amount)


def nodes_text(nodes: list[dict[str, Any]]) -> str:
    """Return what the nodes of a cluster have, alike ones together: `2 nodes with 4 CPU and 1 GPU`."""
    alive = [node["Resources"] for node in nodes if node["Alive"]]
    kinds = [resources_text({name: has.get(name, 0) for name in ("CPU", "GPU")}) or "no CPU" for has in alive]
    return ", ".join(f"{count_text(kinds.count(kind), 'node')} with {kind}" for kind in dict.fromkeys(kinds))


def _import_ray() -> ModuleType:
    try:
        import ray
    except ModuleNotFoundError as error:
        if error.name != "ray":
            raise
        raise MissingExtraError("ray", "ray", "--engine ray") from error
    return ray


def _connect(ray: ModuleType, address: str, options: Mapping[str, Any]) -> None:
    """Connect; SIGTERM goes on meaning what it did, where Ray would end the process by it."""
    _knock(address)
    in_main = threading.current_thread() is threading.main_thread()
    before = signal.getsignal(signal.SIGTERM)
    try:
        ray.init(address, log_to_driver=False, logging_level="error", **options)
    except (OSError, ValueError, RuntimeError) as error:
        raise _no_cluster_error(address, one_line(error)) from error
    finally:
        if in_main:
            signal.signal(signal.SIGTERM, before)


def _knock(address: str) -> None:
    """Raise a ConfigError where nothing listens at `HOST:PORT`: Ray itself would try for minutes, deaf to Ctrl-C."""
    host, _, port = address.rpartition(":")
    if not host or not port.isdigit() or "://" in host:
        return
    try:
        socket.create_connection((host, int(port)), timeout=_CONNECT_SECONDS).close()
    except (OSError, OverflowError) as error:
        raise _no_cluster_error(address, one_line(error)) from error


def _no_cluster_error(address: str, reason: str) -> ConfigError:
    way = "give the --address of a cluster that runs, or none to start one on this machine"
    return ConfigError(f"--engine ray: cannot connect to Ray at {address} ({reason}); {way}")


def _usable_cpus() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@contextmanager
def _short_folder() -> Iterator[str]:
    """Make a folder for Ray's sockets and logs: a socket's path has at most 107 bytes, so it is not in TMPDIR."""
    folder = tempfile.mkdtemp(prefix="reliseg-ray-", dir=None if sys.platform == "win32" else "/tmp")
    try:
        yield folder
    finally:
        for _ in range(_TRIES):  # processes that are ending still write there
            shutil.rmtree(folder, ignore_errors=True)
            if not Path(folder).exists():
                break
            time.sleep(_PAUSE)
