"""Seconds to answer a configuration whose statistics are all stored: what a large folder costs when it is asked again.

python benchmarks/store.py [--models 16] [--images 6400] [--out FILE.json]

A domain of tiny images under many models, which are never asked: the statistics of each shard are those of one image,
under other names. The command is started as a user starts it. First it measures all models and writes the results;
then it is asked the same again, and what a directory listing and the start of Python take of that is told apart.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import numpy as np
import yaml
from kernel import Measure
from machine import show
from PIL import Image

from reliseg.config.schema import read_config
from reliseg.kernels.cpu.kernel import Kernel
from reliseg.plan.build import plan_from_config
from reliseg.plan.plan import IDENTITY
from reliseg.run.context import ModelRun, RunContext
from reliseg.run.evaluate.coverage import Coverage
from reliseg.run.folder import RunFolder
from reliseg.run.hashes import InputHashes
from reliseg.run.store.piece_files import Observed, PieceHead
from reliseg.stats import Layout, LogitView, SampleTable

WIDTH, HEIGHT = 64, 48
CLASSES = 19
TARGET = 2.0
MODEL = """
import numpy as np

def build(shift=0):
    return lambda image: np.zeros((19, 12, 16), np.float32) + shift
"""


def world(root: Path, models: int, images: int) -> Path:
    """Write images, masks, models and the configuration; return its path."""
    g = np.random.default_rng(0)
    for folder in ("images", "masks"):
        (root / "data" / folder / "day").mkdir(parents=True)
    for i in range(images):
        Image.fromarray(g.integers(0, 255, (HEIGHT, WIDTH, 3), np.uint8)).save(root / f"data/images/day/{i:06d}.png")
        Image.fromarray(np.full((HEIGHT, WIDTH), i % CLASSES, np.uint8)).save(root / f"data/masks/day/{i:06d}.png")
    (root / "net.py").write_text(MODEL)
    (root / "tiny.toml").write_text(
        'labels = "cityscapes"\nimage = "images/{scene}/{stem}.png"\nmask = "masks/{scene}/{stem}.png"\n'
        f"[label_map]\nknown = {{ {', '.join(f'{c} = {c}' for c in range(CLASSES))} }}\n"
    )
    sections = [
        {"name": f"net{i}", "kind": "python", "where": "net.py:build", "labels": "cityscapes", "args": {"shift": i}}
        for i in range(models)
    ]
    data = {"name": "tiny", "spec": "tiny.toml", "root": "data", "domains": {"day": {}}}
    config = root / "study.yaml"
    config.write_text(
        yaml.safe_dump({"models": sections, "datasets": [data], "metrics": ["segmentation"], "scores": ["msp"]})
    )
    return config


@cache
def statistics(layout: Layout, images: int) -> Observed:
    """The statistics of so many images, under names that are replaced."""
    logits = np.random.default_rng(0).standard_normal((CLASSES, 12, 16)).astype(np.float32)
    view = LogitView(logits, (HEIGHT, WIDTH), False, np.arange(CLASSES), np.ones(CLASSES + 1))
    kernel, truth = Kernel(layout), np.zeros((HEIGHT, WIDTH), np.uint8)
    rows = [kernel.observe(view, truth, f"{i:06}") for i in range(images)]
    return Observed(kernel.take(), SampleTable.union(rows))


def fill(config: Path, out: Path) -> int:
    """Store all shards of all models; return their number."""
    plan = plan_from_config(read_config(config), config.parent)
    folder = RunFolder(out)
    context = RunContext(folder, hashes=InputHashes(folder.hashes))
    out.mkdir()
    folder.claim("")
    count = 0
    for source in plan.models:
        handle = context.handle(source)
        handle.load_if_unknown()
        run = ModelRun(context, plan, handle)
        coverage = Coverage(run, plan.tests[0])
        for shard in coverage.shards:
            hashes = {s.id: context.hashes.of_sample(coverage.target.dataset, s) for s in shard.samples}
            head = PieceHead(hashes, {}, coverage.parts, coverage.identities[IDENTITY], named=coverage.named(IDENTITY))
            same = statistics(coverage.layout, len(hashes))
            rows = SampleTable.from_arrays(tuple(sorted(hashes)), same.samples.arrays())
            context.store.save(coverage.place(shard, IDENTITY), head, Observed(same.pixels, rows))
            count += 1
    context.hashes.close()
    return count


def timed(*words: object) -> tuple[float, float]:
    """The seconds of a command, by the clock and of the processor: others may be at work on the machine."""
    start, before = time.perf_counter(), os.times()
    # as installed, where modules are compiled once
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    command = [sys.executable, "-m", "reliseg.cli", *map(str, words)]
    subprocess.run(command, check=True, capture_output=True, env=environment)
    after = os.times()
    spent = after.children_user + after.children_system - before.children_user - before.children_system
    return time.perf_counter() - start, spent


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--models", type=int, default=16)
    parser.add_argument("--images", type=int, default=6400)
    parser.add_argument("--out", type=Path, help="also write the measures there, as JSON")
    given = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as name:
        config = world(Path(name), given.models, given.images)
        out = Path(name) / "run"
        shards = fill(config, out)
        what = f"{shards} shards, {given.models} models, {given.images} images"
        first, _ = timed("run", config, "--out", out)
        again, processor = min(timed("run", config, "--out", out) for _ in range(3))
        start, _ = timed("--version")
    measures = [
        Measure(f"all is stored: measured and written, {what}", first, " s"),
        Measure(f"asked again, {what}", again, " s", TARGET, f"of this {start:.2f} s to start"),
        Measure(f"asked again, of the processor, {what}", processor, " s"),
    ]
    show(measures, given.out)


if __name__ == "__main__":
    main()
