"""Seconds from stored statistics to all metrics, and what the store weighs.

python benchmarks/metrics.py [--out FILE.json] [--store FOLDER ...]

A test set of the usual size, without a network: 500 images in each of 5 domains, under 4 calibrations, with 5 scores.
A shard holds at most 64 images of 2 megapixels, 19 classes, whose statistics the kernel took from synthetic logits; the
same images stand for all of a calibration, under other names. `--store` names folders of runs whose pieces are weighed
too.
"""

import argparse
import os
import tempfile
import time
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
from kernel import ALL, Measure, image
from machine import write
from PIL import Image

from reliseg.calibration.methods.ts import Scaled
from reliseg.config.settings import Settings
from reliseg.data import DataSet, Domain, Sample
from reliseg.kernels.cpu.kernel import Kernel
from reliseg.labels import LabelMap, label_space
from reliseg.models import Input, Model, ModelOptions
from reliseg.plan.plan import Fit, ModelSource, Plan, Target
from reliseg.plan.shards import SHARD_SIZE, Shard
from reliseg.prediction import Prediction
from reliseg.run.context import ModelRun, RunContext
from reliseg.run.evaluate.coverage import Coverage, Coverages
from reliseg.run.folder import RunFolder
from reliseg.run.hashes import InputHashes
from reliseg.run.measure.measure import Chosen, measure
from reliseg.run.measure.splits import measure_splits
from reliseg.run.store.piece_files import Observed, PieceHead, read_head, save_piece
from reliseg.run.work import ready_to_compute
from reliseg.runtime.malloc import tune_malloc
from reliseg.runtime.progress import Silent
from reliseg.stats import Layout, LogitView, PixelStatistics, SampleTable

IMAGES, DOMAINS = 500, ("clear", "fog", "night", "rain", "snow")
METHODS = {"ts": 1.3, "vector": 1.6, "class_ts": 2.0}
"""Calibrations beside identity; to the statistics they are temperatures."""
CLASSES = 19
LAYOUT = Layout(CLASSES, ALL)
MILLION = 10**6
SIZES = (16, 32, 48, SHARD_SIZE)
"""Images of a shard: a domain of one scene is cut where it exceeds 64, so most hold 32 to 64; 16 is a small scene."""
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
    """A plan of domains whose images are all one file."""
    root.mkdir(parents=True)
    Image.new("RGB", (8, 8)).save(root / "image.png")
    Image.new("L", (8, 8)).save(root / "mask.png")
    labels = label_space("cityscapes")
    domains = {}
    for name in ("cal", *DOMAINS):
        ids = [f"{name}/{i:06}" for i in range(IMAGES)]
        domains[name] = Domain(name, tuple(Sample(id, name, "image.png", "mask.png") for id in ids))
    dataset = DataSet("world", root, labels, LabelMap.of({c: c for c in range(CLASSES)}), domains, {})
    tests = tuple(Target(dataset, domains[name]) for name in DOMAINS)
    fit = Fit((Target(dataset, domains["cal"]),), tuple(METHODS))
    return Plan((ModelSource("net", NamedClasses),), (fit,), tests, tests[0], Settings())


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


def run_of(folder: Path) -> ModelRun:
    """A model with its calibrations, and a store that is empty."""
    run_folder = RunFolder(folder / "run")
    run_folder.path.mkdir(parents=True)
    context = RunContext(run_folder, hashes=InputHashes(run_folder.hashes))
    plan = test_set(folder / "data")
    names = plan.calibrations_for(plan.tests[0], "net")[1:]
    records = {
        name: SimpleNamespace(name=name, calibration=Scaled(t), seen=dict)
        for name, t in zip(names, METHODS.values(), strict=True)
    }
    return ModelRun(context, plan, context.handle(plan.models[0], NamedClasses()), records)


@dataclass(frozen=True)
class Filled:
    """What storing took."""

    pieces: int
    seconds: float


def fill(run: ModelRun) -> Filled:
    """Store every shard under every calibration: its statistics are those of the first images, as many as it has."""
    coverages = Coverages(run)
    by_size: dict[int, list[tuple[Coverage, Shard]]] = {}
    for coverage in map(coverages.of, run.plan.domains()):
        for shard in coverage.shards:
            by_size.setdefault(len(shard.samples), []).append((coverage, shard))
    spent, count = 0.0, 0
    for name, temperature in zip(run.calibrations, (1.0, *METHODS.values()), strict=True):
        for observed in growing(temperature, by_size):
            for coverage, shard in by_size[len(observed.samples.ids)]:
                hashes = {s.id: run.context.hashes.of_sample(coverage.target.dataset, s) for s in shard.samples}
                head = PieceHead(hashes, {}, coverage.parts, coverage.identities[name], named=coverage.named(name))
                renamed = rename_rows(observed, tuple(sorted(hashes)))
                start = time.perf_counter()
                run.context.store.save(coverage.place(shard, name), head, renamed)
                spent, count = spent + time.perf_counter() - start, count + 1
    run.context.hashes.flush()
    return Filled(count, spent)


def growing(temperature: float, sizes: Collection[int]) -> Iterator[Observed]:
    """The statistics of the first images, for each of these numbers of them."""
    kernel, total, rows = Kernel(LAYOUT), PixelStatistics.zero(LAYOUT), []
    for number, (view, truth) in enumerate(views(temperature, max(sizes)), 1):
        rows.append(kernel.observe(view, truth, f"{number:06}"))
        if number in sizes:
            total = total + kernel.take()
            yield Observed(total, SampleTable.union(rows))


def rename_rows(observed: Observed, ids: tuple[str, ...]) -> Observed:
    """The same rows under other names."""
    return replace(observed, samples=SampleTable.from_arrays(ids, observed.samples.arrays()))


def look(run: ModelRun) -> float:
    """Find all pieces that the run's questions ask for; return the seconds."""
    start, coverages = time.perf_counter(), Coverages(run)
    for target in run.plan.domains():
        for name in run.calibrations:
            if any(cover.missing for _, cover in coverages.of(target).covers(name)):
                raise AssertionError(f"{target} under {name} is not stored")
    run.context.hashes.flush()
    return time.perf_counter() - start


def anew(run: ModelRun, *, forget: bool = False) -> ModelRun:
    """The same run in another process, which remembers what this one has found out, or nothing."""
    if forget:
        run.context.folder.hashes.unlink(missing_ok=True)
    context = RunContext(run.context.folder, hashes=InputHashes(run.context.folder.hashes))
    return ModelRun(context, run.plan, context.handle(run.plan.models[0], NamedClasses()), run.records)


def time_looking(run: ModelRun, pieces: int) -> Iterator[Measure]:
    """Find the pieces for the first time, and again."""
    whole = look(anew(run, forget=True))
    yield Measure("pieces checked a second, for the first time", pieces / whole, " /s", note=f"{pieces} pieces")
    time.sleep(2.5)  # what was written just now is not remembered: its times might not show a change
    look(anew(run))
    again = min(look(anew(run)) for _ in range(3))
    yield Measure("pieces found a second, when they were checked before", pieces / again, " /s", note="none is opened")


def time_metrics(run: ModelRun) -> Measure:
    """Compute all metrics from the store, as a run does once it has evaluated.

    What it evaluated with is loaded, and matrix products take one thread.

    The system has time to put on disk what was stored just now: it would take a processor for that meanwhile.
    """
    os.sync()
    with ready_to_compute(run.plan, Silent()):
        start, worked = time.perf_counter(), time.process_time()
        coverages = Coverages(anew(run))
        splits = measure_splits(coverages, ())
        rows = measure(coverages, (), Chosen(splits.thresholds, {})).rows
        spent, worked = time.perf_counter() - start, time.process_time() - worked
    intervals = sum(not np.isnan(row.ci_low) for row in rows)
    what = f"{IMAGES} images x {len(DOMAINS)} domains x {len(METHODS) + 1} calibrations x {len(ALL)} scores"
    return Measure(
        f"all metrics of {what}, from the store",
        spent,
        " s",
        5.0,
        f"{len(rows)} rows, {intervals} intervals, {worked:.1f} s of processor time",
    )


def size(name: str, images: int, calibrations: int, total: int) -> Measure:
    each = total / images / calibrations
    note = f"{each / 1e3:.1f} kB an image, {images} images, {calibrations} calibrations"
    return Measure(f"store of a million images, {name}", each * MILLION / 1e9, " GB a calibration", LIMIT, note)


def sizes(folder: Path) -> Iterator[Measure]:
    """Pieces of synthetic images: of a small scene, and of shards as long scenes are cut."""
    for images in SIZES:
        observed = observe_images(1.0, images)
        path = folder / f"{images}.zip"
        save_piece(path, PieceHead(dict.fromkeys(observed.samples.ids, "0" * 64), {}, {}, "identity"), observed)
        name = f"19 classes, 2 megapixels, {images} in a shard"
        yield size(name, images, 1, path.stat().st_size)


def of_run(run: Path) -> Measure:
    """The pieces of a run that is there, of all its models, domains and calibrations."""
    paths = sorted((run / "statistics").glob("??/*/*.zip"))
    heads = [stored.head for stored in map(read_head, paths) if stored]
    calibrations = len({(head.named.get("model"), head.calibration) for head in heads})
    images = sum(len(head.hashes) for head in heads) // calibrations
    return size(f"run {run.name}", images, calibrations, sum(path.stat().st_size for path in paths))


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, help="also write the measures there, as JSON")
    parser.add_argument("--store", type=Path, nargs="*", default=[], help="folders of runs to weigh")
    given = parser.parse_args(arguments)
    tune_malloc()  # as the command does
    measures: list[Measure] = []

    def show(new: Iterable[Measure]) -> None:
        for one in new:
            print(one, flush=True)
            measures.append(one)

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        show(sizes(folder))
        show(map(of_run, given.store))
        run = run_of(folder)
        filled = fill(run)
        average = IMAGES * (len(DOMAINS) + 1) * len(run.calibrations) / filled.pieces
        note = f"{filled.pieces} pieces of {average:.0f} images"
        show([Measure("writing a piece", 1e3 * filled.seconds / filled.pieces, " ms", note=note)])
        show(time_looking(run, filled.pieces))
        show([time_metrics(run)])
    if given.out:
        write(given.out, measures)


if __name__ == "__main__":
    main()
