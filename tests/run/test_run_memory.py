"""The memory of a run at two megapixels: nothing of the size classes x height x width is ever there."""

import subprocess
import sys
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
import yaml
from PIL import Image

from reliseg.kernels.cpu.kernel import Kernel
from reliseg.labels import label_space
from reliseg.models import Input, ModelOptions, Slide
from reliseg.models.kinds.python import PythonModel
from reliseg.stats import Layout

SIZE, STRIDE, CLASSES, IMAGES = (1024, 2048), 4, 19, 8
NETWORK = """
import numpy as np

def build():
    return logits

def logits(image):
    found = np.empty((19, image.shape[0] // 4, image.shape[1] // 4), np.float32)
    found[:] = image[::4, ::4, 0]
    found *= np.linspace(0, 0.05, 19, dtype=np.float32)[:, None, None]
    return found
"""
_MEASURED = """
import tracemalloc, reliseg, reliseg.run.execute
from reliseg.kernels.cpu.kernel import compile_kernels
compile_kernels()
tracemalloc.start()
reliseg.run_config({config!r}, {out!r}, workers=1)
print(tracemalloc.get_traced_memory()[1])
"""


@pytest.mark.slow
def test_a_run_takes_an_image_its_logits_and_64_megabytes(tmp_path: Path) -> None:
    """Of the 64: fine histograms 24, the image that waits 8, the one before with its logits 12.

    Each further worker has an image more in hand. All logits of one image would be 159.
    """
    g = np.random.default_rng(0)
    files = tmp_path / "leftImg8bit/val/city", tmp_path / "gtFine/val/city"
    for folder in files:
        folder.mkdir(parents=True)
    for i in range(IMAGES):
        image = g.integers(0, 256, (SIZE[0] // 64, SIZE[1] // 64, 3), np.uint8).repeat(64, axis=0).repeat(64, axis=1)
        Image.fromarray(image).save(files[0] / f"{i}_leftImg8bit.png", compress_level=1)
        Image.fromarray(image[..., 0] // 128 + np.uint8(7)).save(files[1] / f"{i}_gtFine_labelIds.png")
    (tmp_path / "net.py").write_text(NETWORK)
    config = {
        "models": [{"name": "net", "kind": "python", "where": "net.py:build", "labels": "cityscapes"}],
        "datasets": [{"name": "city", "spec": "cityscapes", "root": "."}],
    }
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(config))
    code = _MEASURED.format(config=str(tmp_path / "config.yaml"), out=str(tmp_path / "run"))
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr
    pixels = SIZE[0] * SIZE[1]
    image, logits = pixels * (3 + 1), 4 * CLASSES * pixels // STRIDE**2
    peak = int(ended.stdout)
    assert 24e6 + image + logits < peak < 64e6 + image + logits


def _native(image: np.ndarray) -> np.ndarray:
    values = np.linspace(0, 0.05, CLASSES, dtype=np.float32)[:, None, None]
    return values * image[::STRIDE, ::STRIDE, 0]


@pytest.mark.slow
@pytest.mark.parametrize("average", ["logits", "probabilities"])
def test_windows_take_their_native_logits_and_32_megabytes(average: str) -> None:
    """To predict an image and to count it; the whole image resized first, as the study's networks have it."""
    slide = Slide((769, 769), (513, 513), average)
    options = ModelOptions("net", "python", "net", labels=label_space("cityscapes"), slide=slide, resize=(1025, 2049))
    model = PythonModel.of(_native, options)
    image = np.random.default_rng(0).integers(0, 256, (*SIZE, 3), np.uint8)
    truth, kernel = image[..., 0] // 14, Kernel(Layout(CLASSES, ("msp",)))

    def count() -> None:
        (prediction,) = model.predict([Input("day/0", SIZE, image)])
        kernel.observe(prediction.view(), truth, "day/0")

    count()  # what is compiled and kept for the next image is no part of it
    tracemalloc.start()
    try:
        count()
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    resized, windows = 3 * 1025 * 2049, 4 * CLASSES * 2 * 4 * 193**2
    assert peak < 32e6 + resized + windows
