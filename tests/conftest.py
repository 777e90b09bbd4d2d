"""Fixtures that all tests share."""

import gc
import os
import sys
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest
from helpers.browser import browser_lacks, must_open_pages
from helpers.forked import Forks
from helpers.forked import forks as forked_processes
from helpers.torchvision_beside_cpu import declare_operators
from hypothesis import settings

settings.register_profile("no deadline", deadline=None)  # a busy machine is no fault
settings.load_profile("no deadline")

os.environ.setdefault("HF_HUB_OFFLINE", "1")
"""No test asks the hub: a model that is not there is not looked for over and over again."""
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
"""Threads of OpenMP that wait for work sleep: where other processes want the cores too, spinning takes ten times as
long. It is read when torch is imported, here and in processes that tests start."""

pytest_plugins = ["helpers.onnx_exporter", "helpers.s3_fixtures"]


def pytest_configure(config: pytest.Config) -> None:
    """Let torchvision be imported where tests need it: in the environment of `make test-zoo`, by -m zoo."""
    if _is_zoo(config):
        declare_operators()


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave out the files without tests for the zoo where only those run: packages that others import are not there."""
    if _is_zoo(config) and collection_path.name.startswith("test_") and collection_path.suffix == ".py":
        return "mark.zoo" not in collection_path.read_text(encoding="utf-8") or None
    return None


def _is_zoo(config: pytest.Config) -> bool:
    return "zoo" in str(config.option.markexpr).split()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Run the files with slow tests first: no worker is left with a long one at the end. Skip what needs the zoo."""
    if not _is_zoo(config):
        for item in items:
            if item.get_closest_marker("zoo"):
                item.add_marker(pytest.mark.skip("needs other packages: make test-zoo"))
    if not find_spec("ray"):
        for item in items:
            if item.get_closest_marker("ray"):
                item.add_marker(pytest.mark.skip("needs ray: pip install 'reliseg[ray]'"))
    if (reason := browser_lacks()) and not must_open_pages():
        for item in items:
            if item.get_closest_marker("browser"):
                item.add_marker(pytest.mark.skip(reason))
    slow_files = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in slow_files)


def pytest_collection_finish() -> None:
    """Let the collection of garbage leave out the thousands of tests and what they import: each takes half a second."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="module", autouse=True)
def _what_files_leave_is_no_garbage(request: pytest.FixtureRequest) -> Iterator[None]:
    """Leave out too what stays when a file of tests has ended: modules, caches, compiled code.

    After slow files all is looked at: what was left out before may be garbage by now, and networks are large.
    """
    yield
    if any(item.get_closest_marker("slow") for item in request.session.items if item.path == request.path):
        gc.unfreeze()
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session", autouse=True)
def _no_wait_for_disks() -> Iterator[None]:
    """Let `os.fsync` do nothing: no power is cut here, and small runs would spend half of their time in it.

    Tests of what is flushed, and when, watch the call; processes that tests start and kill do flush.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda descriptor: None)
        yield


@pytest.fixture(scope="session")
def forks() -> Iterator[Forks]:
    """What runs commands in processes of their own, which have the package imported."""
    with forked_processes() as found:
        yield found


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real images and weights; skips where it is absent."""
    folder = Path(os.environ.get("RELISEG_TEST_DATA") or Path(__file__).parents[2] / "shared" / "data")
    if not (folder / "camvid").is_dir():
        pytest.skip(f"no real data at {folder}: set RELISEG_TEST_DATA to the folder that holds camvid/")
    return folder


@pytest.fixture
def command(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple[int, str, str]]:
    """The command with some words: its exit code, output and errors."""

    def run(*words: object) -> tuple[int, str, str]:
        from reliseg import cli

        monkeypatch.setattr(sys, "argv", ["reliseg", *map(str, words)])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        out, err = capsys.readouterr()
        return int(ended.value.code or 0), out, err

    return run
