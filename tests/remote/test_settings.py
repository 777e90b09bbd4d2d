from pathlib import Path

import pytest

from reliseg.errors import ConfigError
from reliseg.remote.settings import CACHE_BYTES, cache_bytes, cache_folder, parse_size, timeout

SIZES = [("0", 0), ("12", 12), ("12 b", 12), ("1.5 GB", 1_500_000_000), ("20g", 20 * 10**9), ("3 kB", 3000)]


@pytest.mark.parametrize(("text", "size"), SIZES)
def test_sizes_are_read_with_their_units(text, size):
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["", "many", "-1 GB", "1 EB", "GB"])
def test_what_is_no_size_is_refused(text):
    with pytest.raises(ConfigError, match="RELISEG_CACHE_SIZE is"):
        parse_size(text)


def test_the_cache_lies_where_the_environment_says(monkeypatch):
    monkeypatch.setenv("RELISEG_CACHE", "/big/disk")
    assert cache_folder() == Path("/big/disk")
    monkeypatch.delenv("RELISEG_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", "/caches")
    assert cache_folder() == Path("/caches/reliseg/remote")
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert cache_folder() == Path.home() / ".cache/reliseg/remote"


def test_the_cache_takes_no_more_than_half_of_the_room_that_is_left(monkeypatch, tmp_path):
    free = {"bytes": 1000}
    monkeypatch.delenv("RELISEG_CACHE_SIZE", raising=False)
    monkeypatch.setattr(
        "reliseg.remote.settings.shutil.disk_usage", lambda _: type("Usage", (), {"free": free["bytes"]})
    )
    assert cache_bytes(tmp_path / "none/yet", 500) == 750
    free["bytes"] = 10**15
    assert cache_bytes(tmp_path, 0) == CACHE_BYTES
    monkeypatch.setenv("RELISEG_CACHE_SIZE", "3 kB")
    assert cache_bytes(tmp_path, 0) == 3000


def test_the_timeout_is_a_number_of_seconds(monkeypatch):
    monkeypatch.delenv("RELISEG_TIMEOUT", raising=False)
    assert timeout() == 20
    monkeypatch.setenv("RELISEG_TIMEOUT", "2.5")
    assert timeout() == 2.5
    for wrong in ("soon", "0", "-1", "nan", "inf"):
        monkeypatch.setenv("RELISEG_TIMEOUT", wrong)
        with pytest.raises(ConfigError, match="RELISEG_TIMEOUT is"):
            timeout()
