"""Fixtures that all tests share."""

import os
from pathlib import Path

import pytest
from hypothesis import settings

settings.register_profile("no deadline", deadline=None)  # a busy machine is no fault
settings.load_profile("no deadline")

os.environ.setdefault("HF_HUB_OFFLINE", "1")
"""No test asks the hub: a model that is not there is not looked for over and over again."""
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
"""Threads of OpenMP that wait for work sleep: where other processes want the cores too, spinning takes ten times as
long. It is read when torch is imported, here and in processes that tests start."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run the files with slow tests first: no worker is left with a long one at the end."""
    slow_files = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in slow_files)


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real images and weights; skips where it is absent."""
    folder = Path(os.environ.get("RELISEG_TEST_DATA") or Path(__file__).parents[2] / "shared" / "data")
    if not (folder / "camvid").is_dir():
        pytest.skip(f"no real data at {folder}: set RELISEG_TEST_DATA to the folder that holds camvid/")
    return folder
