"""Seconds of each corruption beside those of imagecorruptions-imaug, and the targets, at two and at four megapixels.

python benchmarks/corruptions.py [--data FOLDER] [--out FILE.json]

FOLDER holds `camvid`, an image of which is enlarged. Times are of the processor, of one thread, the best of some turns.
The other package is no dependency: where imagecorruptions-imaug (with opencv-python-headless) is not installed, only
ours are measured.
"""

import argparse
import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from kernel import Measure
from machine import show
from PIL import Image

from reliseg.corruptions import Corrupted, chosen_kinds

SIZES = ((1024, 2048), (1435, 2943))
TURNS = 5
OWN = ("rain", "depth_fog")
"""Kinds that are in no other package; the latter from depth that is decoded already."""
TARGET = {SIZES[0]: 0.1, SIZES[1]: 0.2}
TARGET_OF_ALL = 0.6
"""Seconds for all fifteen, at two megapixels."""


def seconds(function: Callable[[], object], turns: int) -> float:
    """The best of some turns, after one that compiles."""
    function()
    best = float("inf")
    for _ in range(turns):
        before = time.thread_time()
        function()
        best = min(best, time.thread_time() - before)
    return best


def published(kind: str, severity: int, image: np.ndarray) -> Callable[[], object]:
    """What imagecorruptions does."""
    import cv2
    import imagecorruptions

    cv2.setNumThreads(1)
    return lambda: imagecorruptions.corrupt(image, severity, kind)


def measure_size(picture: Image.Image, size: tuple[int, int]) -> list[Measure]:
    """All kinds on an image of this height and width; at two megapixels beside the other package."""
    h, w = size
    image = np.array(picture.resize((w, h), Image.Resampling.BICUBIC))
    measures, total, others = [], 0.0, 0.0
    beside = size == SIZES[0] and find_spec("imagecorruptions") is not None
    far = np.ascontiguousarray(np.broadcast_to(np.linspace(300, 3, h, dtype=np.float32)[:, None], (h, w)))
    for kind in [*chosen_kinds(["all"]), *OWN]:
        ours = max(seconds(lambda k=kind, s=s: Corrupted(k, s)(image, "a/b", far), TURNS) for s in (3, 5))
        note = ""
        if kind not in OWN:
            total += ours
            if beside:
                other = seconds(published(kind, 3, image), 1)
                others += other
                note = f"imagecorruptions: {other:.3g} s"
        measures.append(Measure(f"{kind}, {h} x {w}", ours, " s", TARGET[size], note))
    note = f"imagecorruptions: {others:.3g} s" if beside else ""
    target = TARGET_OF_ALL if size == SIZES[0] else None
    return [*measures, Measure(f"all fifteen, {h} x {w}", total, " s", target, note)]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    with Image.open(sorted((arguments.data / "camvid" / "test").glob("*.png"))[0]) as file:
        picture = file.convert("RGB")
    show([measure for size in SIZES for measure in measure_size(picture, size)], arguments.out)


if __name__ == "__main__":
    main()
