import pytest

from reliseg.errors import MissingExtraError
from reliseg.remote import stores
from reliseg.remote.addresses import Address
from reliseg.remote.stores import store_of


@pytest.mark.parametrize(
    ("url", "package", "extra"),
    [("s3://b/x", "s3fs", "remote"), ("gs://b/x", "gcsfs", "gcs"), ("https://h/x", "aiohttp", "remote")],
)
def test_what_is_not_installed_is_named_with_the_command_that_brings_it(monkeypatch, url, package, extra):
    stores._open.cache_clear()
    monkeypatch.setattr(stores, "find_spec", lambda name: None if name == package else object())
    with pytest.raises(MissingExtraError, match=rf"needs {package}: pip install 'reliseg\[{extra}\]'"):
        store_of(Address.of(url))


def test_a_bucket_has_one_store_and_another_bucket_another(s3):
    assert store_of(Address.of("s3://one/a")) is store_of(Address.of("s3://one/b"))
    assert store_of(Address.of("s3://one/a")) is not store_of(Address.of("s3://two/a"))
