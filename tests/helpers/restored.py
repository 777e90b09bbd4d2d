"""Folders that take long to make, for tests that change them: each finds one as it was made, in the same place."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def restored(folder: Path) -> Iterator[None]:
    """Put a folder back, after what is done with it, as it was when this was asked for the first time."""
    kept = folder.with_name(f"{folder.name}, as made")
    if not kept.exists():
        shutil.copytree(folder, kept)
    try:
        yield
    finally:
        shutil.rmtree(folder)
        shutil.copytree(kept, folder)
