import os
import threading
import time

import pytest

from reliseg.remote.cache import Cache, cache_key, held_bytes, shared_cache
from reliseg.remote.facts import Facts


def key(number: int) -> str:
    return f"{number:02x}{number:062x}"


def test_what_was_put_is_there_and_what_was_not_is_none(tmp_path):
    cache = Cache(tmp_path, 1000)
    cache.put(key(1), b"content")
    assert cache.get(key(1)) == b"content"
    assert cache.get(key(2)) is None
    assert Cache(tmp_path, 1000).get(key(1)) == b"content"


DAMAGES = [lambda b: b[:-1], lambda b: b[:-1] + bytes([b[-1] ^ 1]), lambda b: b"", lambda b: b"x"]


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_file_is_not_used_and_goes(tmp_path, damage):
    cache = Cache(tmp_path, 1000)
    cache.put(key(1), b"content")
    (file,) = (f for f in tmp_path.rglob("*") if f.is_file())
    file.write_bytes(damage(file.read_bytes()))
    assert cache.get(key(1)) is None
    assert not file.exists()


def test_it_is_bounded_and_what_was_not_used_for_longest_goes_first(tmp_path):
    cache = Cache(tmp_path, 10 * 116)
    for number in range(10):
        cache.put(key(number), bytes(100))
        os.utime(cache._path(key(number)), (1000 + number, 1000 + number))
    assert cache.get(key(0)) is not None  # used now
    cache.put(key(10), bytes(100))
    assert held_bytes(tmp_path) <= 10 * 116
    assert [cache.get(key(number)) is None for number in (0, 1, 10)] == [False, True, False]


def test_what_another_process_puts_counts_too(tmp_path):
    ours, others = Cache(tmp_path, 3200), Cache(tmp_path, 3200)
    for number in range(0, 60, 2):
        ours.put(key(number), bytes(100))
        others.put(key(number + 1), bytes(100))
    assert held_bytes(tmp_path) <= 3200 + 2 * (3200 // 16 + 116)


def test_a_content_larger_than_the_cache_is_not_kept(tmp_path):
    Cache(tmp_path, 10).put(key(1), bytes(100))
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written_is_no_error(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    cache = Cache(tmp_path / "file", 1000)
    cache.put(key(1), b"content")
    assert cache.get(key(1)) is None


def test_what_a_killed_process_left_goes_after_a_day(tmp_path):
    (tmp_path / "00").mkdir()
    old, new = tmp_path / "00/old.tmp", tmp_path / "00/new.tmp"
    for file in (old, new):
        file.write_bytes(b"x")
    os.utime(old, (time.time() - 90_000,) * 2)
    Cache(tmp_path, 1000).put(key(1), b"content")
    assert (old.exists(), new.exists()) == (False, True)


def test_threads_that_put_one_content_leave_it_whole(tmp_path):
    cache, content = Cache(tmp_path, 10**9), os.urandom(200_000)
    threads = [threading.Thread(target=cache.put, args=(key(1), content)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert cache.get(key(1)) == content
    assert held_bytes(tmp_path) == 200_016


def test_another_version_is_another_key():
    versions = (Facts(3, "a", 5), Facts(4, "a", 5), Facts(3, "b", 5), Facts(3, "", 5), Facts(3, "", 6), Facts(3))
    assert len({cache_key(url, facts) for url in ("s3://b/x", "s3://b/y") for facts in versions}) == 12
    assert cache_key("s3://b/x", Facts(3, "a", 5)) == cache_key("s3://b/x", Facts(3, "a", 6))


def test_the_cache_is_that_of_the_environment(tmp_path, monkeypatch):
    monkeypatch.setenv("RELISEG_CACHE", str(tmp_path / "c"))
    monkeypatch.setenv("RELISEG_CACHE_SIZE", "5 MB")
    assert (shared_cache().folder, shared_cache().limit) == (tmp_path / "c", 5_000_000)
    assert shared_cache() is shared_cache()
