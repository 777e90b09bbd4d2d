import pytest

from reliseg.errors import ConfigError
from reliseg.remote.addresses import LOST_SLASH, Address, is_address, run_address


@pytest.mark.parametrize(
    ("text", "scheme", "host", "path", "shown"),
    [
        ("s3://bucket", "s3", "bucket", "", "s3://bucket"),
        ("S3://bucket/a b/c/", "s3", "bucket", "a b/c", "s3://bucket/a b/c"),
        ("s3://bucket/50%20", "s3", "bucket", "50%20", "s3://bucket/50%20"),
        ("gs://bucket/x", "gs", "bucket", "x", "gs://bucket/x"),
        ("https://host:81/a%20b/", "https", "host:81", "a b", "https://host:81/a%20b"),
        ("http://host/é", "http", "host", "é", "http://host/%C3%A9"),
    ],
)
def test_an_address_is_read_and_written_so_that_it_is_read_again_alike(text, scheme, host, path, shown):
    address = Address.of(text)
    assert (address.scheme, address.host, address.path, str(address)) == (scheme, host, path, shown)
    assert Address.of(str(address)) == address


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("ftp://host/x", "begins with none of s3://"),
        ("s3://", "names no bucket"),
        ("https:///x", "names no host"),
        ("s3://bucket/a/../b", "holds .."),
        ("https://host/x?token=1", "behind [?] or #"),
        ("https://me:secret@host/x", "~/.netrc"),
    ],
)
def test_what_is_no_address_is_refused_without_repeating_a_password(text, problem):
    with pytest.raises(ConfigError, match=problem) as caught:
        Address.of(text)
    assert "secret" not in str(caught.value)


def test_files_lie_below_an_address_at_any_depth():
    assert Address.of("s3://bucket").key("a.png") == "a.png"
    assert str(Address.of("s3://bucket/x").below("y/a.png")) == "s3://bucket/x/y/a.png"


def test_paths_are_no_addresses_and_one_that_lost_a_slash_is_known():
    assert [is_address(t) for t in ("data/camvid", "C:/x", "s3:/bucket", "s3://b")] == [False, False, False, True]
    assert LOST_SLASH.match("s3:/bucket/x")
    assert not LOST_SLASH.match("data/s3:/x")


def test_a_run_is_called_by_a_path_or_an_address():
    assert run_address("runs/a") is None
    assert run_address("s3://bucket/runs/a") == Address("s3", "bucket", "runs/a")
    with pytest.raises(ConfigError, match="an address has two slashes; write s3://bucket/a as a text"):
        run_address("s3:/bucket/a")
