"""An object store on loopback as fixtures: import both where tests ask for `s3`."""

from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from helpers import s3_server
from reliseg.remote import stores, transfer


@pytest.fixture(scope="session")
def running() -> Iterator[s3_server.Server]:
    pytest.importorskip("s3fs")
    pytest.importorskip("moto")
    with pytest.MonkeyPatch.context() as patch, s3_server.object_store() as server:
        _read_descriptions_once(patch)
        yield server


def _read_descriptions_once(patch: pytest.MonkeyPatch) -> None:
    """Let each file that describes a service be read once: else a tenth of a second for every client that begins."""
    from botocore.loaders import JSONFileLoader

    read = cache(JSONFileLoader().load_file)
    patch.setattr(JSONFileLoader, "load_file", lambda loader, path: read(path))


@pytest.fixture
def s3(running: s3_server.Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[s3_server.Server]:
    """An S3 on loopback that the environment names, with nothing wrong yet."""
    for name in s3_server.removed_from_environment():
        monkeypatch.delenv(name, raising=False)
    for name, value in s3_server.environment(running, tmp_path / "cache").items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(transfer, "WAITS", (0.01, 0.02))
    stores._open.cache_clear()
    running.heal()
    yield running
    running.heal()
    stores._open.cache_clear()
