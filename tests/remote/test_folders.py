import pickle

import pytest
from helpers.s3_server import put

from reliseg.errors import DataError
from reliseg.remote.addresses import Address
from reliseg.remote.errors import FetchError
from reliseg.remote.facts import Facts
from reliseg.remote.folders import RemoteFolder, Roots

ADDRESS = Address.of("s3://folders/a")


def test_names_are_those_of_each_folder_of_the_list():
    root = RemoteFolder(ADDRESS, {"x/y/1.png": None, "x/2.png": None, "3.png": None})
    assert root.names("") == (["x"], ["3.png"])
    assert root.names("x/") == (["y"], ["2.png"])
    assert root.names("x/y/") == ([], ["1.png"])
    assert root.names("none/") == ([], [])


def test_folders_and_files_of_one_address_are_equal_and_go_to_other_processes():
    one, other = RemoteFolder(ADDRESS, {"x": Facts(1, "a")}), RemoteFolder(ADDRESS, {})
    assert one == other
    assert {one / "x": 1}[other / "x"] == 1
    again = pickle.loads(pickle.dumps(one / "x"))
    assert (again, str(again), again.facts) == (one / "x", "s3://folders/a/x", Facts(1, "a"))


def test_a_root_is_listed_once_for_all_data_sets_that_are_opened_together(s3):
    put(s3, "folders", {"a/x.bin": b"x"})
    s3.heal()
    roots = Roots()
    assert roots.open(ADDRESS) is roots.open(ADDRESS)
    assert s3.asked() == 1


def test_an_empty_root_is_refused(s3):
    put(s3, "folders", {})
    with pytest.raises(DataError, match="root s3://folders/none holds no file; correct it"):
        Roots().open(Address.of("s3://folders/none"))


def test_a_changed_file_is_fetched_again_and_an_unchanged_one_is_not(s3):
    put(s3, "folders", {"a/x.bin": b"one", "a/y.bin": b"y"})
    first = Roots().open(ADDRESS)
    assert [(first / name).read(9) for name in ("x.bin", "y.bin")] == [b"one", b"y"]
    put(s3, "folders", {"a/x.bin": b"two"})
    s3.heal()
    second = Roots().open(ADDRESS)
    assert [(second / name).read(9) for name in ("x.bin", "y.bin")] == [b"two", b"y"]
    assert s3.asked("GET", "bin") == 1
    assert (first / "x.bin").state() != (second / "x.bin").state()
    assert (first / "y.bin").state() == (second / "y.bin").state()


def test_a_file_that_changes_after_the_list_is_an_error(s3):
    put(s3, "folders", {"a/z.bin": b"one"})
    root = Roots().open(ADDRESS)
    put(s3, "folders", {"a/z.bin": b"other"})
    with pytest.raises(FetchError, match=r"s3://folders/a/z.bin: it changed since it was listed; run again"):
        (root / "z.bin").read(9)


def test_a_file_that_is_too_large_is_not_fetched(s3):
    put(s3, "folders", {"a/x.bin": bytes(2000)})
    root = Roots().open(ADDRESS)
    s3.heal()
    with pytest.raises(FetchError, match=r"it has 2[.]0 kB, and the limit is 1[.]0 kB; give a smaller file"):
        (root / "x.bin").read(1000)
    assert s3.asked() == 0


def test_without_a_cache_files_are_read_all_the_same(s3, monkeypatch):
    monkeypatch.setenv("RELISEG_CACHE_SIZE", "0")
    put(s3, "folders", {"a/x.bin": b"one"})
    root = Roots().open(ADDRESS)
    s3.heal()
    assert (root / "x.bin").read(9) == (root / "x.bin").read(9) == b"one"
    assert s3.asked("GET") == 2
