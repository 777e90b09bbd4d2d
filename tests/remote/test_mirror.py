import pytest
from helpers.s3_server import empty, put, stored

from reliseg.errors import ConfigError
from reliseg.remote.errors import AbsentError, FetchError
from reliseg.remote.mirror import Mirror


@pytest.fixture
def mirror(s3, tmp_path):
    empty(s3, "runs")
    put(s3, "runs", {"a/x/1.zip": b"one", "a/2.zip": b"two", "b/3.zip": b"three"})
    s3.heal()
    return Mirror("s3://runs/a", tmp_path / "local")


def test_names_are_listed_once(s3, mirror):
    assert mirror.names() == ["2.zip", "x/1.zip"]
    assert mirror.names("x/") == ["x/1.zip"]
    assert s3.asked() == 1


def test_a_file_is_fetched_to_the_same_name_and_again_only_if_the_copy_is_another(s3, mirror):
    path = mirror.fetch("x/1.zip")
    assert (path.read_bytes(), path.relative_to(mirror.folder).as_posix()) == (b"one", "x/1.zip")
    mirror.fetch("x/1.zip")
    assert s3.asked("GET", "1.zip") == 1
    path.write_bytes(b"eno")
    assert mirror.fetch("x/1.zip").read_bytes() == b"one"


def test_a_file_that_is_put_is_there_for_others_and_in_the_list(s3, mirror):
    path = mirror.folder / "y/4.zip"
    path.parent.mkdir(parents=True)
    for content in (b"four", b"more"):
        path.write_bytes(content)
        mirror.put(path)
        assert stored(s3, "runs")["a/y/4.zip"] == content
    assert mirror.names("y") == ["y/4.zip"]


def test_a_file_is_removed_there_and_here(s3, mirror):
    path = mirror.fetch("2.zip")
    mirror.remove("2.zip")
    mirror.remove("2.zip")
    assert (path.exists(), mirror.names(), "a/2.zip" in stored(s3, "runs")) == (False, ["x/1.zip"], False)


def test_what_others_put_is_seen_after_the_list_is_forgotten(s3, mirror):
    mirror.names()
    put(s3, "runs", {"a/5.zip": b"five"})
    assert "5.zip" not in mirror.names()
    mirror.forget()
    assert "5.zip" in mirror.names()


@pytest.mark.parametrize("fault", ["500", "503", "hang", "drop"])
def test_putting_survives_each_fault_that_comes_twice(s3, mirror, fault):
    mirror.names()
    path = mirror.folder / "6.zip"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(bytes(5000))
    s3.fail(fault, 2, method="PUT", path="6.zip")
    mirror.put(path)
    s3.heal()
    assert stored(s3, "runs")["a/6.zip"] == bytes(5000)


def test_a_store_that_stays_out_of_order_is_said_so_and_what_was_there_stays(s3, mirror):
    path = mirror.fetch("2.zip")
    path.write_bytes(b"another")
    s3.fail("500", method="PUT", path="2.zip")
    with pytest.raises(FetchError, match=r"a/2.zip: the store answers: Internal Server Error; run again later"):
        mirror.put(path)
    s3.heal()
    assert stored(s3, "runs")["a/2.zip"] == b"two"


def test_a_short_read_never_becomes_a_file(s3, mirror):
    mirror.names()
    s3.fail("short", path="1.zip")
    with pytest.raises(FetchError, match="the connection broke off"):
        mirror.fetch("x/1.zip")
    assert not (mirror.folder / "x/1.zip").exists()


def test_what_is_not_there_is_said_so(mirror):
    with pytest.raises(AbsentError, match="s3://runs/a/none: there is no such file"):
        mirror.fetch("none")


def test_a_web_server_is_no_place_for_a_run(tmp_path):
    with pytest.raises(ConfigError, match="a web server takes no files; give a place in s3"):
        Mirror("https://host/runs", tmp_path)
