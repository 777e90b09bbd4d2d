"""Times and memory of mask classification by rows, as ratios to torch on one thread, measured in turns in one run.

python benchmarks/masks.py [--out FILE.json]

torch interpolates the masks of all queries, takes the sigmoid and an einsum, in the order's order, and the argmax. Ours
goes as far as the logits of all classes at full resolution; and, as a second figure, as far as all statistics. Times
are those of the processor, of the best of three turns. Memory is what the process grows by, its results left out.
"""

import argparse
import ctypes
import gc
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from kernel import ALL, Measure
from machine import show, write
from torch import Tensor
from torch.nn.functional import interpolate

from reliseg.kernels.cpu.kernel import Kernel
from reliseg.kernels.reference_masks import Order, Size
from reliseg.kernels.rows.masks import MaskRows, NetworkInput
from reliseg.stats import Layout, LogitView
from reliseg.stats.rows import row_blocks

TURNS = 3
STREET, LARGE = (1024, 2048), (1435, 2943)


@dataclass(frozen=True)
class Case:
    """A network's output, the sizes that its masks were made for, and the image."""

    order: Order
    queries: int
    classes: int
    native: Size
    padded: Size
    seen: Size
    image: Size
    table: bool = True
    """Whether the targets hold for it; else it is for information."""

    def __str__(self) -> str:
        sizes = " x ".join(map(str, self.image))
        seen = "" if self.seen == self.image else f" from {self.seen[0]} x {self.seen[1]}"
        return f"{self.order}, {self.queries} queries, {self.classes} classes, {sizes}{seen}"


def street(order: Order, queries: int, classes: int) -> Case:
    return Case(order, queries, classes, (256, 512), STREET, STREET, STREET)


CASES = [
    *(street(order, q, c) for order in ("image", "input", "native") for q, c in ((100, 19), (200, 19), (100, 150))),
    *(Case(order, 200, 19, (359, 736), (1436, 2944), LARGE, LARGE) for order in ("image", "native")),
    Case("384", 100, 19, (96, 96), (384, 384), (384, 384), STREET),
    Case("input", 100, 19, (256, 456), (1024, 1824), (1024, 1820), (1080, 1920)),
    Case("image", 100, 19, (256, 456), (1024, 1824), (1024, 1820), (1080, 1920)),
    Case("input", 100, 150, (160, 216), (640, 864), (640, 853), (512, 683), table=False),
    Case("image", 100, 150, (160, 216), (640, 864), (640, 853), (512, 683), table=False),
    Case("384", 100, 150, (96, 96), (384, 384), (384, 384), (512, 683), table=False),
]


def drawn(case: Case) -> tuple[np.ndarray, np.ndarray]:
    """Logits of classes, and smooth masks with noise, of standard deviation about 4."""
    g = np.random.default_rng(0)
    coarse = [max(n // 24, 1) for n in case.native]
    smooth = torch.from_numpy(g.standard_normal((1, case.queries, *coarse), np.float32) * 5)
    masks = interpolate(smooth, case.native, mode="bicubic")[0].numpy()
    masks += g.standard_normal(masks.shape, np.float32) * np.float32(0.3)
    classes = g.standard_normal((case.queries, case.classes + 1))
    classes[np.arange(case.queries), g.integers(0, case.classes, case.queries)] += 7
    return classes, masks


def torchs(case: Case, masks: Tensor, probabilities: Tensor) -> Tensor:
    """The argmax of the class maps."""

    def up(planes: Tensor, size: Size) -> Tensor:
        return interpolate(planes[None], size, mode="bilinear")[0]

    def total(planes: Tensor) -> Tensor:
        return torch.einsum("qc,qhw->chw", probabilities, planes.sigmoid())

    if case.order == "native":
        maps = up(total(masks), case.image)
    elif case.order == "384":
        maps = up(total(up(masks, (384, 384))), case.image)
    else:
        planes = up(masks, case.padded)[:, : case.seen[0], : case.seen[1]]
        same = case.seen == case.image  # a second interpolation to the same size would change nothing
        if case.order == "image":
            maps = total(planes if same else up(planes, case.image))
        else:
            maps = total(planes) if same else up(total(planes), case.image)
    return maps.argmax(0)


def best(tasks: dict[str, Callable[[], object]]) -> dict[str, float]:
    """The least seconds of the processor of each task, all in turns."""
    seconds = dict.fromkeys(tasks, float("inf"))
    for _ in range(TURNS):
        for name, task in tasks.items():
            start = time.process_time()
            task()
            seconds[name] = min(seconds[name], time.process_time() - start)
    return seconds


def growth(task: Callable[[], object]) -> float | None:
    """MiB that the process grows by while a task is at work; None where it is not Linux that tells."""
    reset = Path("/proc/self/clear_refs")
    if not reset.exists():
        return None
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)  # what earlier tasks freed, or this one would find its memory there
    before = resident("VmRSS")
    reset.write_text("5", encoding="ascii")  # the peak starts anew
    task()
    return resident("VmHWM") - before


def resident(field: str) -> float:
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(float(line.split()[1]) for line in lines if line.startswith(field)) / 1024


def measured(case: Case) -> list[Measure]:
    classes, masks = drawn(case)
    first = MaskRows.of(classes, masks, case.order, NetworkInput(case.padded, case.seen)).brought_to(case.image)
    theirs = torch.from_numpy(masks), torch.from_numpy(first.probabilities[:, :-1].copy())
    g = np.random.default_rng(1)
    truth = np.where(g.random(case.image) < 0.1, 255, g.integers(0, case.classes, case.image)).astype(np.uint8)
    kernel = Kernel(Layout(case.classes, ALL))

    def rows() -> MaskRows:
        return MaskRows.of(classes, masks, case.order, first.seen).brought_to(case.image)

    def read() -> None:
        maps = rows()
        for block in row_blocks(maps.shape):
            maps.rows(block)

    def count() -> None:
        view = LogitView(rows(), case.image, False, np.arange(case.classes), np.ones(case.classes + 1))
        kernel.observe(view, truth, "image")

    read()
    count()
    peak, torch_peak = growth(read), growth(lambda: torchs(case, *theirs))
    seconds = best({"ours": read, "statistics": count, "torch": lambda: torchs(case, *theirs)})
    note = f"{seconds['ours']:.3f} s, torch {seconds['torch']:.2f} s"
    maps = 4 * (case.classes + 1) * np.prod(case.native) / 2**20 if case.order == "native" else 0
    memory = f"torch {torch_peak:.0f} MiB" if torch_peak is not None else ""
    ratios = {task: seconds[task] / seconds["torch"] for task in ("ours", "statistics")}
    return [
        Measure(f"{case}: of torch", ratios["ours"], "", 0.25 if case.table else None, note),
        Measure(
            f"{case}, all statistics: of torch",
            ratios["statistics"],
            "",
            0.4 if case.table else None,
            f"{seconds['statistics']:.3f} s",
        ),
        Measure(f"{case}, memory", peak, " MiB", 32 + maps, memory),
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, help="also write the measures there, as JSON")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    measures = []
    with torch.inference_mode():
        for case in CASES:
            found = measured(case)
            show(found, None)
            measures += found
    if arguments.out:
        write(arguments.out, measures)


if __name__ == "__main__":
    main()
