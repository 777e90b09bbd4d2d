from collections.abc import Callable
from pathlib import Path

import pytest
from helpers import s3_server
from helpers.street import Street, make_street

import reliseg
from reliseg.plan import shards
from reliseg.remote import stores


@pytest.fixture
def bucket(s3: s3_server.Server, tmp_path: Path) -> str:
    """A bucket that is empty."""
    name = f"b{abs(hash(tmp_path))}"
    s3_server.put(s3, name, {})
    s3.heal()
    return name


@pytest.fixture(scope="session")
def _files_of_finished() -> dict[str, bytes]:
    """What a finished run leaves in a bucket, by name, when the first test has asked for it."""
    return {}


@pytest.fixture
def finished(street: Street, s3: s3_server.Server, bucket: str, _files_of_finished: dict[str, bytes]) -> str:
    """The address of a run that a machine has finished, which is not the one of the test."""
    out = f"s3://{bucket}/runs/a"
    if not _files_of_finished:
        reliseg.run_config(street.config, out)
        _files_of_finished |= s3_server.stored(s3, bucket)
    s3_server.put(s3, bucket, _files_of_finished)
    s3.heal()
    return out


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """What continues on a machine of this name: it has a cache of its own."""

    def go_to(name: str) -> None:
        monkeypatch.setenv("RELISEG_CACHE", str(tmp_path / name))
        stores._open.cache_clear()

    return go_to


@pytest.fixture(autouse=True)
def _small_shards(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shards, "SHARD_SIZE", 4)


@pytest.fixture(scope="session")
def street(tmp_path_factory: pytest.TempPathFactory) -> Street:
    """Of two shards in the domains that are fitted on and that are referred to, and one in the other."""
    return make_street(tmp_path_factory.mktemp("street"), cal=5, day=5, dusk=2)


@pytest.fixture(scope="session")
def whole(street: Street) -> bytes:
    """The results of a run in a folder."""
    before, shards.SHARD_SIZE = shards.SHARD_SIZE, 4
    reliseg.run_config(street.config, street.root / "whole")
    shards.SHARD_SIZE = before
    return (street.root / "whole" / "results.csv").read_bytes()
