import pytest
from helpers.s3_server import put, stored

from reliseg.remote.addresses import Address
from reliseg.remote.errors import AbsentError, FetchError
from reliseg.remote.folders import Roots
from reliseg.remote.object_store import _facts
from reliseg.remote.stores import store_of

FILES = {"a/b.bin": bytes(range(250)), "a/c d/é.png": b"x", "a/": b"", "a//odd": b"y", "ab": b"z"}
MESSAGES = {
    "500": "Internal Server Error; run again later",
    "503": "Service Unavailable; run again later",
    "hang": "no answer within 0.4 s; try again later, or set RELISEG_TIMEOUT to more seconds",
    "drop": "the connection broke off; run again",
    "short": "the connection broke off; run again",
}


@pytest.fixture
def store(s3):
    put(s3, "faults", FILES)
    s3.heal()
    return store_of(Address.of("s3://faults"))


def test_a_folder_is_listed_once_with_what_is_known_of_each_file(s3, store):
    found = store.files("a")
    assert {name: facts.size for name, facts in found.items()} == {"b.bin": 250, "c d/é.png": 1}
    assert all(facts.md5 and facts.modified and facts.tells_changes for facts in found.values())
    assert s3.asked() == 1
    assert store.facts("a/b.bin") == found["b.bin"]


def test_names_that_are_no_paths_are_left_out(store):
    assert set(store.files("")) == {"a/b.bin", "a/c d/é.png", "ab"}


@pytest.mark.parametrize("fault", ["500", "503", "hang", "drop", "short", "slow", "other"])
@pytest.mark.parametrize("times", [1, 2])
def test_a_file_survives_each_fault_that_comes_once_or_twice(s3, store, fault, times):
    root = Roots().open(Address.of("s3://faults/a"))
    s3.fail(fault, times, path="b.bin")
    assert (root / "b.bin").read(1000) == FILES["a/b.bin"]


@pytest.mark.slow
@pytest.mark.parametrize("fault", sorted(MESSAGES))
def test_a_fault_that_stays_is_a_clear_error_and_others_are_read(s3, store, fault):
    root = Roots().open(Address.of("s3://faults/a"))
    s3.fail(fault, path="b.bin")
    with pytest.raises(FetchError, match=MESSAGES[fault]) as caught:
        (root / "b.bin").read(1000)
    assert str(caught.value).startswith("s3://faults/a/b.bin: ")
    assert s3.asked(path="b.bin") <= 12
    assert (root / "c d/é.png").read(1000) == b"x"


@pytest.mark.parametrize("fault", ["500", "drop", "short"])
def test_a_list_survives_a_fault(s3, store, fault):
    s3.fail(fault, 1, path="list-type")
    assert len(Roots().open(Address.of("s3://faults/a")).listed) == 2


def test_files_are_put_replaced_and_removed(s3, store):
    store.write("new/x.bin", b"one")
    store.write("new/x.bin", b"two")
    assert stored(s3, "faults")["new/x.bin"] == b"two"
    store.remove("new/x.bin")
    store.remove("new/x.bin")
    assert "new/x.bin" not in stored(s3, "faults")


def test_what_is_not_there_is_said_so(store):
    with pytest.raises(AbsentError, match="s3://faults/none: there is no such file"):
        store.facts("none")
    with pytest.raises(AbsentError, match="s3://faults/none: there is no such file"):
        store.read("none")
    with pytest.raises(AbsentError, match="there is no bucket nobucket; correct the address, or AWS_ENDPOINT_URL"):
        store_of(Address.of("s3://nobucket")).files("")


def test_without_credentials_the_variables_to_set_are_named(s3, store, monkeypatch):
    from reliseg.remote import stores

    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    stores._open.cache_clear()
    with pytest.raises(FetchError, match="no credentials are known; set AWS_PROFILE, or AWS_ACCESS_KEY_ID"):
        store_of(Address.of("s3://faults")).files("")


def test_google_s_entries_have_a_generation_and_an_md5():
    entry = {"size": "4", "generation": "17", "md5Hash": "AAECAw==", "mtime": "2026-01-01T00:00:00+00:00"}
    facts = _facts(entry)
    assert (facts.size, facts.version, facts.md5, facts.modified) == (4, "17", "00010203", 1767225600 * 10**9)
