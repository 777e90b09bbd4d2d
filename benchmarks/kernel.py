"""Times and memory of the fused kernel as ratios to torch on one thread, measured in turns in one run.

python benchmarks/kernel.py [--out FILE.json]
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
import tracemalloc
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from machine import write
from torch.nn.functional import interpolate

from reliseg.kernels.cpu.kernel import Kernel, compile_kernels
from reliseg.kernels.cpu.parallel import ParallelKernel
from reliseg.stats import Layout, LogitView
from reliseg.stats.built_in_scores import BUILT_IN_SCORES

TURNS = 9
ALL = tuple(BUILT_IN_SCORES)
TO_11 = [0, 0, 1, 2, 3, 3, 4, 4, 5, 6, 7, 8, 8, 9, 9, 9, 10, 10, 11]
"""19 classes to 11 and `other`."""


@dataclass(frozen=True)
class Measure:
    """One measured value (None: not measured) and its target (None: for information), an upper or a lower one."""

    name: str
    value: float | None
    unit: str
    target: float | None = None
    note: str = ""
    at_least: bool = False

    def __str__(self) -> str:
        sign = ">=" if self.at_least else "<="
        goal = "" if self.target is None else f" ({sign} {self.target:g}{self.unit})"
        if self.value is None:
            return f"{self.name}: not measured here{goal}{': ' if self.note else ''}{self.note}"
        text = f"{self.name}: {self.value:.3g}{self.unit}{goal}"
        if self.target is not None:
            met = self.value >= self.target if self.at_least else self.value <= self.target
            text += " met" if met else " missed"
        return f"{text}  {self.note}".rstrip()


def image(classes: int, native: tuple[int, int], stride: int, kind: str) -> tuple[np.ndarray, np.ndarray]:
    """Logits and a truth that follows them, 5 % unknown and 5 % void: `smooth` as a network's, or `random`."""
    g = np.random.default_rng(0)
    logits = torch.from_numpy(g.standard_normal((1, classes, *native)).astype(np.float32)) * 3
    if kind == "smooth":
        coarse = [max(n // 24, 2) for n in native]
        logits = 2 * interpolate(interpolate(logits, coarse, mode="area") * 24, native, mode="bicubic")
        logits = logits * (5 / logits.std())
    noisy = logits + torch.from_numpy(g.standard_normal(logits.shape).astype(np.float32))
    truth = interpolate(noisy, scale_factor=stride, mode="bilinear")[0].argmax(0).numpy().astype(np.uint8)
    truth[g.random(truth.shape) < 0.05] = 254
    truth[g.random(truth.shape) < 0.05] = 255
    return logits[0].numpy(), truth


def best(tasks: dict[str, Callable[[], object]], turns: int = TURNS) -> dict[str, float]:
    """The least seconds of each task, all in turns, so that other load falls on all."""
    seconds = dict.fromkeys(tasks, float("inf"))
    for _ in range(turns):
        for name, task in tasks.items():
            start = time.perf_counter()
            task()
            seconds[name] = min(seconds[name], time.perf_counter() - start)
    return seconds


def ours(
    logits: np.ndarray,
    truth: np.ndarray,
    scores: tuple[str, ...] = ALL,
    groups: list[int] | None = None,
    classes: int | None = None,
    factor: float = 1.0,
    classwise: bool = True,
) -> Callable[[], object]:
    classes = classes or len(logits)
    kernel = Kernel(Layout(classes, scores, classwise))
    columns = np.arange(len(logits)) if groups is None else np.array(groups)
    view = LogitView(logits, truth.shape, False, columns, np.full(classes + 1, factor))
    return lambda: kernel.observe(view, truth, "image")


def case(
    name: str, classes: int, native: tuple[int, int], stride: int, kind: str, *, projected: bool = False
) -> list[Measure]:
    logits, truth = image(classes, native, stride, kind)
    z = torch.from_numpy(logits)[None]
    size = truth.shape
    full = interpolate(z, size=size, mode="bilinear")
    out = torch.empty_like(full)
    tasks = {
        "torch": lambda: interpolate(z, size=size, mode="bilinear").softmax(1).max(1),
        "exp": lambda: torch.exp(full, out=out),
        "all": ours(logits, truth),
        "msp only": ours(logits, truth, ("msp",), classwise=False),
    }
    if projected:
        few = np.where(truth < 254, np.append(TO_11, [0] * 237)[truth], truth).astype(np.uint8)
        few[few == 11] = 255
        tasks["19 -> 11, T = 0.7"] = ours(logits, few, groups=TO_11, classes=11, factor=1 / 0.7)
    t = best(tasks)
    measures = []
    for task in list(tasks)[2:]:
        note = f"{1e3 * t[task]:.1f} ms, torch {1e3 * t['torch']:.0f} ms; {t[task] / t['exp']:.2f} of torch.exp"
        measures.append(
            Measure(f"{name}, {task}: of torch interpolate + softmax + max", t[task] / t["torch"], "", 0.5, note)
        )
    return measures


def targets() -> list[Measure]:
    """The case that the kernel is built for: 19 x 256 x 512 to 1024 x 2048, like a network's; floor: one torch.exp."""
    logits, truth = image(19, (256, 512), 4, "smooth")
    z, size = torch.from_numpy(logits)[None], truth.shape
    full = interpolate(z, size=size, mode="bilinear")
    out = torch.zeros_like(full)
    few = np.where(truth < 254, np.append(TO_11, [0] * 237)[truth], truth).astype(np.uint8)
    few[few == 11] = 255
    factors = np.random.default_rng(0).uniform(0.5, 2, size).astype(np.float32)
    plain = LogitView(logits, size, False, np.arange(19), np.ones(20))
    layout = Layout(19, ALL)
    one, two, blocks = ParallelKernel(layout, 1), ParallelKernel(layout, 2), ParallelKernel(layout, 1)
    pair = Kernel(layout), Kernel(layout)
    pool = ThreadPoolExecutor(len(pair))

    def each(kernel: Kernel) -> object:
        return kernel.observe(plain, truth, "image")

    t = best(
        {
            "in turn": lambda: list(map(each, pair)),
            "at once": lambda: list(pool.map(each, pair)),
            "torch": lambda: interpolate(z, size=size, mode="bilinear").softmax(1).max(1),
            "floor": lambda: torch.exp(full, out=out),
            "msp": ours(logits, truth, ("msp",), classwise=False),
            "msp, class-wise": ours(logits, truth, ("msp",)),
            "all": lambda: one.observe(plain, truth, "image"),
            "all, not class-wise": ours(logits, truth, classwise=False),
            "four by one": lambda: [one.observe(plain, truth, "image") for _ in range(4)],
            "four by two": lambda: [two.observe(plain, truth, "image") for _ in range(4)],
            "projected": ours(logits, few, groups=TO_11, classes=11, factor=1 / 0.7),
            "factors": lambda: one.observe(replace(plain, pixel_factors=factors), truth, "image"),
            "transform": lambda: blocks.observe(replace(plain, transform=lambda x: x), truth, "image"),
        },
        turns=2 * TURNS,
    )
    ratios: list[tuple[str, str, str, float | None, bool]] = [
        ("one score, of torch.exp", "msp", "floor", 1.3, False),
        ("one score and class-wise, of torch.exp", "msp, class-wise", "floor", None, False),
        ("everything, of torch.exp", "all", "floor", 2.5, False),
        ("everything but class-wise, of torch.exp", "all, not class-wise", "floor", None, False),
        ("everything, of torch interpolate + softmax + max", "all", "torch", 0.25, False),
        ("one thread, of two, image after image", "four by one", "four by two", 1.7, True),
        ("two images in turn, of two at once (what this machine gives)", "in turn", "at once", None, True),
        ("19 -> 11 and T = 0.7, of everything", "projected", "all", 1.5, False),
        ("factors of pixels, of everything", "factors", "all", 1.5, False),
        ("a transform that changes nothing, of everything", "transform", "all", None, False),
    ]
    return [
        Measure(
            f"target: {name}", t[task] / t[base], "", target, f"{1e3 * t[task]:.1f} / {1e3 * t[base]:.1f} ms", least
        )
        for name, task, base, target, least in ratios
    ]


def memory() -> list[Measure]:
    """Beyond inputs and results, 19 classes with all scores: what numpy holds, and what the process grows by."""
    logits, truth = image(19, (256, 512), 4, "smooth")
    compile_kernels()
    measures = []
    reset = Path("/proc/self/clear_refs")
    if reset.exists():
        before = resident("VmRSS")
        reset.write_text("5", encoding="ascii")  # the peak starts anew
        ours(logits, truth)()
        measures.append(Measure("memory, growth of the process", resident("VmHWM") - before, " MB", 32))
    tracemalloc.start()
    ours(logits, truth)()
    peak = tracemalloc.get_traced_memory()[1] / 1e6
    tracemalloc.stop()
    return [*measures, Measure("memory, numpy arrays at their peak", peak, " MB", 32)]


def resident(field: str) -> float:
    """Megabytes of this process, as Linux counts them."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(float(line.split()[1]) for line in lines if line.startswith(field)) * 1024 / 1e6


def compilation() -> list[Measure]:
    """Seconds of processor time in a fresh process: with an empty cache, then from the cache."""
    code = (
        "import time; s = time.perf_counter(); from reliseg.kernels.cpu.kernel import compile_kernels; "
        "i = time.perf_counter(); c = time.process_time(); compile_kernels(); print(i - s, time.process_time() - c)"
    )
    measures = []
    with tempfile.TemporaryDirectory() as folder:
        for name, target in (("empty cache", 20.0), ("filled cache", 2.0)):
            run = subprocess.run(
                [sys.executable, "-c", code],
                env=os.environ | {"NUMBA_CACHE_DIR": folder},
                capture_output=True,
                text=True,
                check=True,
            )
            loading, compiling = map(float, run.stdout.split())
            measures.append(Measure(f"compilation, {name}", compiling, " s", target, f"import {loading:.2f} s"))
    return measures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, help="also write the measures there, as JSON")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    measures: list[Measure] = []
    steps: list[Callable[[], list[Measure]]] = [
        memory,
        compilation,
        targets,
        lambda: case("19 x 256 x 512 -> 1024 x 2048, smooth", 19, (256, 512), 4, "smooth", projected=True),
        lambda: case("19 x 256 x 512 -> 1024 x 2048, random", 19, (256, 512), 4, "random"),
        lambda: case("150 x 128 x 128 -> 512 x 512, smooth", 150, (128, 128), 4, "smooth"),
        lambda: case("19 x 512 x 1024 -> 512 x 1024, smooth", 19, (512, 1024), 1, "smooth"),
        lambda: case("19 x 32 x 64 -> 512 x 1024, smooth", 19, (32, 64), 16, "smooth"),
    ]
    for step in steps:
        for measure in step():
            print(measure, flush=True)
            measures.append(measure)
    if arguments.out:
        write(arguments.out, measures)


if __name__ == "__main__":
    main()
