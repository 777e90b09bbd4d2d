"""Graphs of one size: whether images are stretched to it without anybody having asked for that."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers.onnx_graphs import write_graph

from reliseg.labels import label_space
from reliseg.models import Input, ModelOptions, Slide
from reliseg.models.graphs.model import Stretching
from reliseg.models.kinds.onnx import OnnxModel


def image(height: int, width: int) -> Input:
    pixels = np.random.default_rng(1).integers(0, 256, (height, width, 3), np.uint8)
    return Input("a/1", (height, width), pixels)


def notes_after(folder: Path, size: tuple[int, int], **changes: Any) -> list[str]:
    options = ModelOptions("net", "onnx", "net.onnx", labels=label_space("camvid"), threads=1, folder=folder, **changes)
    model = OnnxModel.load(options)
    assert model.notes() == []
    model.predict([image(*size)])
    return model.notes()


def test_other_proportions_are_noted_with_what_to_do(tmp_path: Path):
    write_graph(tmp_path / "net.onnx", shape=(1, 3, 64, 64))
    assert notes_after(tmp_path, (48, 96)) == [
        "brings images of height 48, width 96 to height 64, width 64, the only size that its graph takes, which "
        "changes their proportions; if that is meant, set resize: [64, 64], else slide with crop: [64, 64]"
    ]
    assert notes_after(tmp_path, (100, 98)) == []


@pytest.mark.parametrize("asked", [{"resize": (64, 64)}, {"slide": Slide((64, 64), (32, 32))}])
def test_who_says_how_images_are_shown_needs_no_note(tmp_path: Path, asked: dict[str, Any]):
    write_graph(tmp_path / "net.onnx", shape=(1, 3, 64, 64))
    assert notes_after(tmp_path, (72, 144), **asked) == []


def test_only_the_first_stretched_image_is_named():
    stretching = Stretching((64, 64))
    for size in ((64, 64), (64, 128), (128, 64)):
        stretching.see(size)
    assert len(stretching.notes()) == 1
    assert "height 64, width 128" in stretching.notes()[0]
