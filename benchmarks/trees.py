"""The kernel of two checkouts in alternation: the ratio of their medians, for each of the kernel's cases.

python benchmarks/trees.py OLD NEW [--rounds 11]

Each tree counts in a process of its own, on one thread, with its own sources and its own benchmarks/kernel.py. The
two take turns, case by case, so that whatever else the machine does falls on both.
"""

import argparse
import os
import subprocess
import sys
from pathlib import Path
from statistics import median

CASES = ("msp", "all", "projected", "random", "150 classes")

WORKER = """
import time
import numpy as np
from kernel import ALL, TO_11, image, ours
smooth = image(19, (256, 512), 4, "smooth")
few = np.where(smooth[1] < 254, np.append(TO_11, [0] * 237)[smooth[1]], smooth[1]).astype(np.uint8)
few[few == 11] = 255
tasks = {
    "msp": ours(*smooth, ("msp",), classwise=False),
    "all": ours(*smooth, ALL),
    "projected": ours(smooth[0], few, groups=TO_11, classes=11, factor=1 / 0.7),
    "random": ours(*image(19, (256, 512), 4, "random"), ALL),
    "150 classes": ours(*image(150, (128, 128), 4, "smooth"), ALL),
}
for task in tasks.values():
    task()
print("ready", flush=True)
while True:
    task = tasks[input()]
    task()  # the caches are the other tree's
    start = time.perf_counter()
    task()
    task()
    print(time.perf_counter() - start, flush=True)
"""


def start(tree: Path) -> "subprocess.Popen[str]":
    paths = os.pathsep.join([str(tree / "src"), str(tree / "benchmarks")])
    worker = subprocess.Popen(
        [sys.executable, "-c", WORKER],
        env=os.environ | {"PYTHONPATH": paths, "OMP_NUM_THREADS": "1"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    answer(worker)
    return worker


def answer(worker: "subprocess.Popen[str]") -> str:
    assert worker.stdout is not None
    line = worker.stdout.readline().strip()
    if not line:
        raise SystemExit(f"a worker ended with exit code {worker.wait()}: see what it printed above")
    return line


def seconds(worker: "subprocess.Popen[str]", case: str) -> float:
    assert worker.stdin is not None
    worker.stdin.write(f"{case}\n")
    worker.stdin.flush()
    return float(answer(worker)) / 2


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("old", type=Path)
    parser.add_argument("new", type=Path)
    parser.add_argument("--rounds", type=int, default=11)
    arguments = parser.parse_args()
    workers = [start(tree.resolve()) for tree in (arguments.old, arguments.new)]
    for case in CASES:
        times: tuple[list[float], list[float]] = ([], [])
        for turn in range(arguments.rounds):
            for i in (0, 1) if turn % 2 == 0 else (1, 0):
                times[i].append(seconds(workers[i], case))
        old, new = (1e3 * median(each) for each in times)
        print(
            f"{case}: new / old {new / old:.3f} ({new:.1f} / {old:.1f} ms, medians of {arguments.rounds})", flush=True
        )
    for worker in workers:
        worker.kill()


if __name__ == "__main__":
    main()
