import hashlib

import pytest

from reliseg.remote import transfer
from reliseg.remote.base import Store
from reliseg.remote.errors import FetchError
from reliseg.remote.facts import Facts
from reliseg.remote.transfer import persistently, received

GOOD, BAD = b"all of the bytes", b"ALL of the bytes"
FACTS = Facts.of_tag(len(GOOD), hashlib.md5(GOOD).hexdigest(), 5)


class Sending(Store):
    """Sends one content after the other, the last one again and again."""

    def __init__(self, *contents: bytes, now: Facts = FACTS) -> None:
        super().__init__("s3", "bucket")
        self.contents, self.now, self.sent = list(contents), now, 0

    def files(self, folder):
        raise NotImplementedError

    def facts(self, key):
        return self.now

    def read(self, key):
        self.sent += 1
        return self.contents[min(self.sent, len(self.contents)) - 1], None

    def write(self, key, data):
        raise NotImplementedError

    def remove(self, key):
        raise NotImplementedError


@pytest.fixture(autouse=True)
def _no_waits(monkeypatch):
    monkeypatch.setattr(transfer, "WAITS", (0.0, 0.0))


@pytest.mark.parametrize("bad", [GOOD[:-1], b"", GOOD + b"x", BAD])
def test_short_long_and_damaged_content_is_asked_for_again(bad):
    store = Sending(bad, GOOD)
    assert received(store, "x", FACTS) == GOOD
    assert store.sent == 2


@pytest.mark.parametrize("bad", [GOOD[:-1], b""])
def test_content_that_is_always_short_is_an_error_after_three_attempts(bad):
    store = Sending(bad)
    with pytest.raises(FetchError, match=f"{len(bad)} bytes arrived in the place of 16; run again"):
        received(store, "x", FACTS)
    assert store.sent == 3


def test_content_that_is_damaged_otherwise_each_time_is_an_error():
    with pytest.raises(FetchError, match="s3://bucket/x: other bytes arrived than its checksum says"):
        received(Sending(BAD, b"aLL of the bytes", b"AlL of the bytes"), "x", FACTS)


def test_a_checksum_that_is_no_md5_is_found_out_once():
    store = Sending(BAD)
    assert received(store, "x", FACTS) == BAD
    assert (store.sent, store.has_md5) == (2, False)
    assert received(store, "x", FACTS) == BAD
    assert store.sent == 3


@pytest.mark.parametrize("facts", [FACTS, Facts(16, "multi-2", 5), Facts(16, "", 5)])
def test_a_file_that_changed_since_it_was_listed_is_an_error_at_once(facts):
    store = Sending(BAD, now=Facts(16, "new", 9))
    with pytest.raises(FetchError, match="it changed since it was listed; run again"):
        received(store, "x", facts)
    assert store.sent == 1


def test_only_what_may_pass_is_tried_again():
    calls = []

    def fail(may_pass):
        calls.append(may_pass)
        raise FetchError("s3://b", "no", "do", may_pass=may_pass)

    for may_pass, times in ((True, 3), (False, 1)):
        calls.clear()
        with pytest.raises(FetchError):
            persistently(lambda may_pass=may_pass: fail(may_pass))
        assert len(calls) == times
