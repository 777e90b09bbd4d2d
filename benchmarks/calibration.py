"""Seconds and memory of fits on calibration samples of 19 classes and `other`, memory-mapped as in a run; and what it
takes to count an image with each method, of what it takes without.

python benchmarks/calibration.py [--images 500] [--out FILE.json]
"""

import argparse
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
from kernel import Measure, best, image, resident
from machine import write

from reliseg.calibration import CALIBRATORS, CalibrationSample, SampledImage, calibrator
from reliseg.kernels.cpu.parallel import ParallelKernel
from reliseg.prediction import Prediction, sample_pixels
from reliseg.stats import Layout
from reliseg.stats.built_in_scores import BUILT_IN_SCORES

PIXELS = 20_000
"""Of each image."""
CLASSES = 19
FEW = 8
"""Images for the methods that are timed per million pixels."""
METHODS = ("ts(objective=ece)", *(n for n in CALIBRATORS.names() if n not in ("identity", "lts", "selective")))
"""Those that learn from sampled pixels."""
TRANSFORMS = (
    *("vector", "dirichlet", "ensemble_ts", "histogram", "isotonic", "selective"),
    *("cms", "cms_ap", "cms_op"),
)
"""Those that change each pixel's logits otherwise than by a temperature of its class."""
MOST = {"dirichlet": 3.0, "isotonic": 3.0, "cms": 3.5, "cms_ap": 3.0, "cms_op": 4.5}
"""Targets that are not 2.5."""


def store_sample(folder: Path, images: int) -> CalibrationSample:
    """Logits as sure as a network's, and labels drawn from them at T = 1.7, in one file for 64 images."""
    g = np.random.default_rng(0)
    parts = []
    for start in range(0, images, 64):
        count = min(64, images - start)
        logits, labels = folder / f"{start}.logits.npy", folder / f"{start}.labels.npy"
        z = np.lib.format.open_memmap(logits, "w+", np.float32, (count * PIXELS, CLASSES + 1))
        y = np.empty(count * PIXELS, np.uint8)
        for i in range(count):
            rows = slice(i * PIXELS, (i + 1) * PIXELS)
            z[rows, :CLASSES] = 4 * g.standard_normal((PIXELS, CLASSES), np.float32)
            z[rows, CLASSES] = -np.inf
            uniform = g.random((PIXELS, CLASSES), np.float32)
            y[rows] = (z[rows, :CLASSES] / 1.7 - np.log(-np.log(uniform + 1e-12))).argmax(axis=1)
        z.flush()
        np.save(labels, y)
        del z
        parts.append((np.load(logits, mmap_mode="r"), np.load(labels, mmap_mode="r")))
    features = g.normal(size=(images, 32))
    return CalibrationSample(
        parts, [SampledImage(f"{i:04}", PIXELS, tuple(feature.tolist())) for i, feature in enumerate(features)]
    )


def first_images(sample: CalibrationSample, images: int) -> CalibrationSample:
    """The first images of the first part."""
    logits, labels = sample.parts[0]
    return CalibrationSample([(logits[: images * PIXELS], labels[: images * PIXELS])], sample.images[:images])


def measure_cost(task: Callable[[], object]) -> tuple[float, float | None]:
    """Seconds, and megabytes that the process grew by at most; pages of the memory-mapped sample are not counted."""
    status = Path("/proc/self/status")
    known = status.exists() and "RssAnon" in status.read_text(encoding="ascii")
    before, most, done = resident("RssAnon") if known else 0.0, 0.0, threading.Event()

    def watch() -> None:
        nonlocal most
        while known and not done.wait(0.01):
            most = max(most, resident("RssAnon") - before)

    watcher = threading.Thread(target=watch)
    watcher.start()
    start = time.perf_counter()
    task()
    seconds = time.perf_counter() - start
    done.set()
    watcher.join()
    return seconds, most if known else None


def fits(sample: CalibrationSample) -> Iterator[Measure]:
    few = first_images(sample, FEW)
    for method in ("ts", "ts(objective=ece)", "cms"):  # compiles
        calibrator(method).fit(first_images(sample, 1))
    name = f"ts, {len(sample.images)} images x {PIXELS} pixels x {CLASSES} classes"
    seconds, memory = measure_cost(lambda: calibrator("ts").fit(sample))
    yield Measure(name, seconds, " s", 5)
    if memory is not None:
        yield Measure("memory beyond the sample", memory, " MB", 1000)
    for method in METHODS:
        seconds, _ = measure_cost(lambda method=method: calibrator(method).fit(few))
        yield Measure(f"{method}, a million pixels", seconds * 1e6 / len(few), " s")


def counting() -> Iterator[Measure]:
    """An image of 19 x 256 x 512 to 1024 x 2048, all scores, one thread, in turns; methods are fitted on its pixels."""
    logits, truth = image(CLASSES, (256, 512), 4, "smooth")
    prediction = Prediction(logits, truth.shape)
    part = sample_pixels(prediction, truth, PIXELS, np.random.default_rng(0))
    sample = CalibrationSample([part], [SampledImage("image", len(part[1]))])
    transforms = {"a function that changes nothing": lambda p: replace(p, transform=lambda z: z)}
    transforms |= {name: calibrator(name).fit(sample) for name in TRANSFORMS}
    tasks = {"plain": count_task(lambda p: p, prediction, truth)}
    tasks |= {name: count_task(transform, prediction, truth) for name, transform in transforms.items()}
    for task in tasks.values():  # compiles
        task()
    seconds = best(tasks, 5)
    for name in transforms:
        note = f"{1e3 * seconds[name]:.0f} / {1e3 * seconds['plain']:.0f} ms"
        yield Measure(f"counting, {name}: of identity", seconds[name] / seconds["plain"], "", MOST.get(name, 2.5), note)


def count_task(
    calibration: Callable[[Prediction], Prediction], prediction: Prediction, truth: np.ndarray
) -> Callable[[], object]:
    kernel = ParallelKernel(Layout(CLASSES, tuple(BUILT_IN_SCORES)))
    return lambda: kernel.observe(calibration(prediction).view(), truth, "image")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=500)
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    measures = []
    with tempfile.TemporaryDirectory() as folder:
        for measure in fits(store_sample(Path(folder), max(arguments.images, FEW))):
            print(measure, flush=True)
            measures.append(measure)
    for measure in counting():
        print(measure, flush=True)
        measures.append(measure)
    if arguments.out:
        write(arguments.out, measures)


if __name__ == "__main__":
    main()
