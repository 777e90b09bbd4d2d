import pytest

from reliseg.remote.addresses import Address
from reliseg.remote.errors import FetchError
from reliseg.remote.stores import store_of


def test_whatever_a_store_raises_names_the_file(s3):
    def fail():
        raise ValueError("odd")

    with pytest.raises(FetchError, match="s3://bucket/a/x: ValueError: odd; check the address"):
        store_of(Address.of("s3://bucket")).asking("a/x", fail)
