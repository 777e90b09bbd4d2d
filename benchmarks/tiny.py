"""What a run costs beside the model where images are tiny and many: milliseconds of one core, an image.

python benchmarks/tiny.py [--images 5000] [--out FILE.json]

The model is a stub that returns the same logits at once. Of a run, which includes metrics and the written results, the
look at the files before and the images are told apart, by its progress. Each run is asked for a second time, when
everything is there. Listing the files is not counted, nor is what is loaded or compiled once. The processor's time is
measured, as others may be at work on the machine; on an idle one the clock's is nearly the same.
"""

import argparse
import os
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from kernel import Measure
from machine import show
from PIL import Image

import reliseg
from reliseg.data import DataSet
from reliseg.labels import label_space
from reliseg.models import Input, Model, ModelOptions
from reliseg.prediction import Prediction
from reliseg.runtime.malloc import tune_malloc
from reliseg.runtime.progress import Silent

WIDTH, HEIGHT, STRIDE = 64, 48, 4
FITTED_ON = 16
"""Images."""
TARGET = 5.0
RAW = np.array((7, 8, 11, 12, 13, 17, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 31, 32, 33), np.uint8)
"""The raw ids of the 19 classes of Cityscapes."""
SCORES = ("msp", "margin", "neg_entropy", "max_logit", "neg_energy")


class Stub(Model):
    """Returns the same logits whatever it sees."""

    labels = label_space("cityscapes")

    def __init__(self) -> None:
        shape = len(self.labels), HEIGHT // STRIDE, WIDTH // STRIDE
        self.logits = 3 * np.random.default_rng(0).standard_normal(shape).astype(np.float32)

    @classmethod
    def load(cls, options: ModelOptions) -> "Stub":
        """Return it; it has no options."""
        return cls()

    def predict(self, inputs: Sequence[Input]) -> list[Prediction]:
        """Return the logits, at a quarter of the size."""
        return [Prediction(self.logits, one.size) for one in inputs]

    def provenance(self) -> dict[str, Any]:
        """Return nothing: its content is this file."""
        return {}


class Stages(Silent):
    """When each stage began, and when its last sample was done, in seconds of the clock and of the processor."""

    def __init__(self) -> None:
        self.begun: dict[str, np.ndarray] = {}
        self.done: dict[str, np.ndarray] = {}

    def begin(self, title: str, total: int) -> None:
        """Note the time."""
        self._title = title
        self.begun[title] = self.done[title] = now()

    def advance(self) -> None:
        """Note the time."""
        self.done[self._title] = now()


def now() -> np.ndarray:
    """The clock, and the processor's time of this process."""
    return np.array((time.perf_counter(), time.process_time()))


def make_images(root: Path, images: int) -> DataSet:
    """Small pictures with edges and noise, and masks of a few areas, in the layout of Cityscapes, 50 to a city."""
    g = np.random.default_rng(0)
    for split, number in (("train", FITTED_ON), ("val", images)):
        for i in range(number):
            city, stem = f"{split}{i // 50:04}", f"frame{i:06}"
            areas = np.kron(g.integers(0, 19, (6, 8)), np.ones((8, 8), int))
            picture = np.clip(areas[..., None] * 12 + g.integers(0, 16, (HEIGHT, WIDTH, 3)), 0, 255)
            for kind, suffix, pixels in (
                ("leftImg8bit", "leftImg8bit", picture.astype(np.uint8)),
                ("gtFine", "gtFine_labelIds", RAW[areas]),
            ):
                file = root / kind / split / city / f"{stem}_{suffix}.png"
                file.parent.mkdir(parents=True, exist_ok=True)
                Image.fromarray(pixels).save(file)
    return reliseg.open_dataset("cityscapes", root, domains={split: {"split": split} for split in ("train", "val")})


def measure(name: str, dataset: DataSet, scores: Sequence[str], methods: Sequence[str]) -> list[Measure]:
    """A run, and the same one again."""
    images, place = len(dataset.domains["val"].samples), f"{dataset.name}/val"
    fit: dict[str, Any] = {"calibrate_on": f"{dataset.name}/train", "methods": methods} if methods else {}

    def run(folder: str) -> tuple[np.ndarray, dict[str, np.ndarray]]:
        stages, start = Stages(), now()
        reliseg.evaluate(
            Stub(), dataset, test=place, out=folder, progress=stages, workers=1, scores=list(scores), **fit
        )
        end = now()
        titles = {"the look at the files": f"{place}: files", "the images": f"model on {place}"}
        parts = {part: stages.done[t] - stages.begun[t] for part, t in titles.items() if t in stages.begun}
        return end - start, parts

    with tempfile.TemporaryDirectory() as folder:
        (first, parts), (again, _) = run(folder), run(folder)
    measures = [_measure(f"tiny, {name}: a run beside its model", first, images, TARGET)]
    measures += [_measure(f"tiny, {name}: of it {part}", spent, images) for part, spent in parts.items()]
    return [*measures, _measure(f"tiny, {name}: the same run again", again, images)]


def _measure(name: str, spent: Any, images: int, target: float | None = None) -> Measure:
    clock, processor = 1e3 * spent / images
    return Measure(name, float(processor), " ms an image", target, f"{clock:.2f} ms by the clock")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=5000, help="how many (default: 5000)")
    parser.add_argument("--out", type=Path, help="also write the measures there, as JSON")
    arguments = parser.parse_args()
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    tune_malloc()
    measures: list[Measure] = []
    with tempfile.TemporaryDirectory() as folder:
        few = make_images(Path(folder) / "few", 64)
        dataset = make_images(Path(folder) / "many", arguments.images)
        for name, scores, methods in (
            ("one score", SCORES[:1], ()),
            ("five scores", SCORES, ()),
            ("five scores, identity and ts", SCORES, ("identity", "ts")),
        ):
            measure(name, few, scores, methods)  # what is imported or compiled late is start-up
            measures += measure(name, dataset, scores, methods)
    show(measures, arguments.out)


if __name__ == "__main__":
    main()
