"""Fixtures that all tests share."""

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real images and weights; skips where it is absent."""
    folder = Path(os.environ.get("RELISEG_TEST_DATA") or Path(__file__).parents[2] / "shared" / "data")
    if not (folder / "camvid").is_dir():
        pytest.skip(f"no real data at {folder}: set RELISEG_TEST_DATA to the folder that holds camvid/")
    return folder
