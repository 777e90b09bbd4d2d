import pytest


@pytest.fixture(scope="package", autouse=True)
def _operators_once(operators_once: None) -> None:
    """Most tests here export graphs."""
