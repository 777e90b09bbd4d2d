from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from reliseg.data import DataOptions, DataSet, open_dataset

SIZE = (4, 6)


@pytest.fixture
def tree(tmp_path: Path) -> Callable[..., Path]:
    """Writes files below the test's folder: a path alone is an image, `path: id` a mask of one id, or an array."""

    def write(*images: str, masks: Mapping[str, Any] | None = None) -> Path:
        for name in images:
            _save(tmp_path / name, np.full((*SIZE, 3), len(name), np.uint8))
        for name, content in (masks or {}).items():
            _save(tmp_path / name, np.full(SIZE, content, np.uint8) if np.isscalar(content) else content)
        return tmp_path

    return write


def _save(path: Path, pixels: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)


@pytest.fixture
def open_data() -> Callable[..., DataSet]:
    def call(spec: str, root: Path, **options: Any) -> DataSet:
        return open_dataset(DataOptions(spec, Path(root), **options))

    return call


@pytest.fixture
def flat(tree: Callable[..., Path]) -> Path:
    """Four images with masks in the layout of `folder`, two scenes."""
    names = ("a/1", "a/2", "b/1", "b/3")
    return tree(*(f"images/{n}.png" for n in names), masks={f"masks/{n}.png": 0 for n in names})
