"""Tests of the sha256 that JSON holds of itself."""

import hashlib

import pytest

from reliseg.calibration.records.seal import seal_of

CONTENT = {"format": 1, "values": [0.5, 1e-9], "name": "é"}


def test_a_seal_is_equal_with_and_without_itself() -> None:
    assert seal_of(CONTENT | {"sha256": seal_of(CONTENT)}) == seal_of(CONTENT)
    assert seal_of(CONTENT) == hashlib.sha256(b'{"format": 1, "values": [0.5, 1e-09], "name": "\\u00e9"}').hexdigest()


@pytest.mark.parametrize(
    "changed", [CONTENT | {"format": 2}, CONTENT | {"more": 1}, {"format": 1}, dict(reversed(CONTENT.items()))]
)
def test_any_change_of_the_content_or_of_its_order_shows(changed: dict[str, object]) -> None:
    assert seal_of(changed) != seal_of(CONTENT)
