"""Seconds from stored statistics to all metrics, and what the store weighs.

python benchmarks/metrics.py [--out FILE.json] [--store FOLDER ...]

A test set of the usual size, without a network: 500 images in each of 5 domains, under 4 calibrations, with 5 scores.
A shard holds 64 images of 2 megapixels, 19 classes, whose statistics the kernel took from synthetic logits; the same
shard stands for all of a calibration, under other names. `--store` names folders of runs whose shards are weighed too.
"""

import argparse
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from kernel import ALL, Measure, image
from machine import write

from reliseg.config.schema import Settings
from reliseg.data import DataSet, Domain, Sample
from reliseg.kernels.cpu.kernel import Kernel
from reliseg.labels import LabelMap, label_space
from reliseg.models import Input, Model, ModelOptions
from reliseg.plan.plan import Fit, Plan, Target
from reliseg.plan.shards import SHARD_SIZE, shards
from reliseg.prediction import Prediction
from reliseg.run.context import ModelRun, RunContext
from reliseg.run.evaluate.shard_files import Observed, ShardHead, load_head, save_shard
from reliseg.run.folder import RunFolder
from reliseg.run.measure.measure import measure
from reliseg.run.measure.splits import measure_splits
from reliseg.stats import Layout, LogitView, SampleTable

IMAGES, DOMAINS = 500, ("clear", "fog", "night", "rain", "snow")
METHODS = {"ts": 1.3, "vector": 1.6, "class_ts": 2.0}
"""Calibrations beside identity; to the statistics they are temperatures."""
CLASSES = 19
LAYOUT = Layout(CLASSES, ALL)
MILLION = 10**6
SMALL_SHARD = 16
"""A scene that stands alone between longer ones."""
LIMIT = 100.0
"""Gigabytes for a million images under one calibration."""


def views(temperature: float, images: int) -> Iterator[tuple[LogitView, np.ndarray]]:
    """Images of 1024 x 2048: one scene shifted, more or less sure, with noise of its own."""
    logits, truth = image(CLASSES, (256, 512), 4, "smooth")
    g = np.random.default_rng(0)
    for _ in range(images):
        z = np.roll(logits, tuple(g.integers(0, 256, 2)), axis=(1, 2)) * g.uniform(0.7, 1.4)
        z = (z + 0.3 * g.standard_normal(z.shape, np.float32)).astype(np.float32)
        yield LogitView(z, truth.shape, False, np.arange(CLASSES), np.full(CLASSES + 1, 1 / temperature)), truth


def observe_images(temperature: float, images: int) -> Observed:
    """The statistics of so many images."""
    kernel = Kernel(LAYOUT)
    rows = [kernel.observe(v, t, f"{i:06}") for i, (v, t) in enumerate(views(temperature, images))]
    return Observed(kernel.take(), SampleTable.union(rows))


def test_set(root: Path) -> Plan:
    """A plan of domains of nothing but names."""
    labels = label_space("cityscapes")
    domains = {}
    for name in ("cal", *DOMAINS):
        ids = [f"{name}/{i:06}" for i in range(IMAGES)]
        domains[name] = Domain(name, tuple(Sample(id, name, f"{id}.png", f"{id}_mask.png") for id in ids))
    dataset = DataSet("world", root, labels, LabelMap.of({c: c for c in range(CLASSES)}), domains, {})
    tests = tuple(Target(dataset, domains[name]) for name in DOMAINS)
    fit = Fit((Target(dataset, domains["cal"]),), tuple(METHODS))
    return Plan((), (fit,), tests, tests[0], Settings())


class NamedClasses(Model):
    """A model that predicts nothing: its statistics are stored."""

    labels = label_space("cityscapes")

    @classmethod
    def load(cls, options: ModelOptions) -> "NamedClasses":
        """There is nothing to load."""
        return cls()

    def predict(self, inputs: Sequence[Input]) -> list[Prediction]:
        """Never called."""
        raise NotImplementedError

    def provenance(self) -> dict[str, Any]:
        """Nothing tells it from another."""
        return {}


def fill(run: ModelRun, statistics: dict[str, Observed]) -> float:
    """Store every shard; the seconds that one takes."""
    spent, count = 0.0, 0
    for target in run.plan.domains():
        for shard in shards(target):
            ids = tuple(s.id for s in shard.samples)
            observed = {c: rename_rows(o, ids) for c, o in statistics.items()}
            start = time.perf_counter()
            save_shard(run.shard(shard), head(ids, observed), observed.items())
            spent, count = spent + time.perf_counter() - start, count + 1
    return spent / count


def head(ids: tuple[str, ...], calibrations: Iterable[str]) -> ShardHead:
    return ShardHead(dict.fromkeys(ids, "0" * 64), {}, "", dict.fromkeys(calibrations, ""))


def rename_rows(observed: Observed, ids: tuple[str, ...]) -> Observed:
    """The first rows under other names."""
    columns = {name: column[: len(ids)] for name, column in observed.samples.arrays().items()}
    return replace(observed, samples=SampleTable.from_arrays(ids, columns))


def time_metrics(run: ModelRun) -> Measure:
    """Compute all metrics from the store."""
    start, worked = time.perf_counter(), time.process_time()
    splits = measure_splits(run, ())
    rows, _ = measure(run, (), splits.thresholds)
    spent, worked = time.perf_counter() - start, time.process_time() - worked
    what = f"{IMAGES} images x {len(DOMAINS)} domains x {len(METHODS) + 1} calibrations x {len(ALL)} scores"
    return Measure(
        f"all metrics of {what}, from the store",
        spent,
        " s",
        10.0,
        f"{len(rows)} rows, {worked:.1f} s of processor time",
    )


def size(name: str, images: int, calibrations: int, total: int) -> Measure:
    each = total / images / calibrations
    note = f"{each / 1e3:.1f} kB an image, {images} images, {calibrations} calibrations"
    return Measure(f"store of a million images, {name}", each * MILLION / 1e9, " GB a calibration", LIMIT, note)


def sizes(folder: Path) -> Iterator[Measure]:
    """Synthetic shards: small ones, as scenes between long ones make them, and full ones."""
    for images in (SMALL_SHARD, SHARD_SIZE):
        observed = observe_images(1.0, images)
        path = folder / f"{images}.zip"
        save_shard(path, head(observed.samples.ids, ["identity"]), [("identity", observed)])
        name = f"19 classes, 2 megapixels, {images} in a shard"
        yield size(name, images, 1, path.stat().st_size)


def of_run(run: Path) -> Measure:
    """The shards of a run that is there, of all its models and domains."""
    paths = sorted((run / "statistics").rglob("*.zip"))
    heads = [head for head in map(load_head, paths) if head]
    images, names = sum(len(h.hashes) for h in heads), {len(h.calibrations) for h in heads}
    average = sum(len(h.hashes) * len(h.calibrations) for h in heads) / images
    return size(
        f"run {run.name}", images, round(average) if len(names) == 1 else average, sum(p.stat().st_size for p in paths)
    )


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, help="also write the measures there, as JSON")
    parser.add_argument("--store", type=Path, nargs="*", default=[], help="folders of runs to weigh")
    given = parser.parse_args(arguments)
    measures: list[Measure] = []

    def show(new: Iterable[Measure]) -> None:
        for one in new:
            print(one, flush=True)
            measures.append(one)

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        show(sizes(folder))
        show(map(of_run, given.store))
        run = ModelRun(RunContext(RunFolder(folder)), test_set(folder), "net", NamedClasses())
        calibrations = run.plan.calibrations_for(run.plan.tests[0].dataset, run.name)
        temperatures = dict(zip(calibrations, (1.0, *METHODS.values()), strict=True))
        spent = fill(run, {name: observe_images(t, SHARD_SIZE) for name, t in temperatures.items()})
        name = f"writing a shard of {SHARD_SIZE} images under {len(temperatures)} calibrations"
        show([Measure(name, spent, " s")])
        show([time_metrics(run)])
    if given.out:
        write(given.out, measures)


if __name__ == "__main__":
    main()
