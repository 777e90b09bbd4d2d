"""Why the fused kernel has two speeds on a machine that looks idle: what else is slow while it is.

python benchmarks/speeds.py [--seconds 60] [--out FILE.json]

Before and after each image some tiny loops are timed on the same core, each bound by one thing only. A chain of
dependent additions needs nothing but the clock; independent ones need the core's vector units; three more follow
pointers through the first, the second and the last cache. First and second cache belong to one core. Where they answer
late together with the kernel, while the clock is as it was and no time counts as stolen, a second hardware thread of
the core is busy, with work of another virtual machine perhaps. A thread that has slept may wake beside such
a neighbour, and be moved away from it soon, late or not at all: so rows of images follow a rest.
"""

import argparse
import time
from collections.abc import Callable
from pathlib import Path

import numba
import numpy as np
from kernel import Measure, image, ours
from machine import show

SLOW = 1.2
"""An image is slow that takes this many times the tenth percentile."""
IN_A_ROW = 8
REST = 2.0
"""Seconds before a row of images."""


@numba.njit
def clock(turns: int, x: float) -> float:
    for _ in range(turns):
        x = x * 0.999999 + 1e-9
    return x


@numba.njit(fastmath=True)
def units(turns: int, values: np.ndarray) -> None:
    for _ in range(turns):
        for i in range(values.size):
            x = values[i]
            x = x * np.float32(0.99) + np.float32(0.1)
            x = x * np.float32(0.98) + np.float32(0.1)
            x = x * np.float32(0.97) + np.float32(0.2)
            values[i] = x * np.float32(0.96) + np.float32(0.1)


@numba.njit
def follow(turns: int, ring: np.ndarray) -> int:
    place = 0
    for _ in range(turns):
        place = ring[place]
    return place


def ring(size: int) -> np.ndarray:
    """Pointers in `size` bytes that lead through all its cache lines, in random order."""
    order = np.random.default_rng(0).permutation(size // 64) * 8
    successor = np.zeros(size // 8, np.int64)
    successor[order] = np.roll(order, -1)
    return successor


def probes() -> dict[str, Callable[[], object]]:
    """About a millisecond each."""
    values, first, second, last = np.ones(2048, np.float32), ring(32 << 10), ring(512 << 10), ring(8 << 20)
    return {
        "clock (dependent additions)": lambda: clock(500_000, 1.0),
        "vector units (independent additions, first cache)": lambda: units(4096, values),
        "first cache (pointers in 32 kB)": lambda: follow(200_000, first),
        "second cache (pointers in 512 kB)": lambda: follow(50_000, second),
        "last cache (pointers in 8 MB)": lambda: follow(20_000, last),
    }


def seconds(task: Callable[[], object]) -> float:
    start = time.perf_counter()
    task()
    return time.perf_counter() - start


def stolen() -> int:
    """Ticks that the machine's host gave to others, of all cores, as the system counts them."""
    return int(Path("/proc/stat").read_text(encoding="utf-8").split()[8])


def measure_speeds(duration: float) -> list[Measure]:
    """Images and probes in turns."""
    kernel, tasks = ours(*image(19, (256, 512), 4, "smooth"), ("msp",), classwise=False), probes()
    for task in (kernel, *tasks.values()):
        task()
    rows, before, end = [], stolen(), time.monotonic() + duration
    while time.monotonic() < end:
        time.sleep(REST)
        for _ in range(IN_A_ROW):
            around = [seconds(task) for task in tasks.values()]
            own = seconds(kernel)
            around = [(a + seconds(task)) / 2 for a, task in zip(around, tasks.values(), strict=True)]
            rows.append([own, *around])
    stolen_ticks = stolen() - before
    times = np.array(rows)
    slow = times[:, 0] > SLOW * np.percentile(times[:, 0], 10)
    measures = [
        Measure("speeds, images", len(times), "", note=f"in {duration:g} s, {stolen_ticks} ticks stolen"),
        Measure("speeds, slow images", 100 * float(slow.mean()), " %", note=f"over {SLOW:g} of the tenth percentile"),
        Measure(
            f"speeds, slow images, of the first after {REST:g} s of rest", 100 * float(slow[::IN_A_ROW].mean()), " %"
        ),
        Measure(
            f"speeds, slow images, of each {IN_A_ROW}th in a row",
            100 * float(slow[IN_A_ROW - 1 :: IN_A_ROW].mean()),
            " %",
        ),
    ]
    if not slow.any() or slow.all():
        return measures
    for i, name in enumerate(["the kernel", *tasks]):
        ratio = np.median(times[slow, i]) / np.median(times[~slow, i])
        note = "" if i == 0 else f"correlation {np.corrcoef(times[:, 0], times[:, i])[0, 1]:.2f} with the kernel's"
        measures.append(Measure(f"speeds, {name} beside slow images, of beside others", float(ratio), "", note=note))
    return measures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=60, help="how long to look (default: 60)")
    parser.add_argument("--out", type=Path, help="also write the measures there, as JSON")
    arguments = parser.parse_args()
    show(measure_speeds(arguments.seconds), arguments.out)


if __name__ == "__main__":
    main()
