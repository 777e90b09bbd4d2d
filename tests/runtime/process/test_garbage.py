"""The collector is as it was, whatever happens inside."""

import gc

import pytest

from reliseg.runtime.process.garbage import no_collection


@pytest.mark.parametrize("is_on", [True, False])
def test_the_collector_rests_and_is_as_it_was_afterwards(is_on: bool) -> None:
    (gc.enable if is_on else gc.disable)()
    try:
        with no_collection():
            assert not gc.isenabled()
        assert gc.isenabled() == is_on
        with pytest.raises(ValueError, match="inside"), no_collection():
            raise ValueError("inside")
        assert gc.isenabled() == is_on
    finally:
        gc.enable()
