"""What evaluation adds to bare inference, as ratios measured in turns in one run: on two threads, and on a GPU.

python benchmarks/pipeline.py [--data FOLDER] [--out FILE.json]

FOLDER holds `camvid` (whose images are enlarged to stand for larger ones) and `weights/dabnet_cityscapes.pth`.
The bare loop is torch alone over images that are decoded already, and on a GPU lie there already. Start-up (listing,
loading, compiling) is not counted; everything else is: decoding, hashing, statistics, storing, metrics and the written
results.
"""

import argparse
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path
from statistics import median

import numpy as np
import torch
from bare import Loop, apart
from kernel import Measure
from machine import write
from PIL import Image
from transformers import SegformerConfig, SegformerForSemanticSegmentation

import reliseg
from reliseg.calibration import Calibration, Unchanged
from reliseg.data import DataSet, DecodedSample, load
from reliseg.labels import label_space
from reliseg.models import Input, Model
from reliseg.models.checkpoints.loading import load_weights
from reliseg.models.user_code.calls import call_function
from reliseg.run.evaluate.device_kernels import Kernels
from reliseg.run.evaluate.observer import Observer
from reliseg.runtime.malloc import keep_freed_memory, tune_malloc
from reliseg.runtime.progress import Silent
from reliseg.runtime.workers import decoding_threads
from reliseg.stats import Layout, SampleTable
from reliseg.stats.built_in_scores import BUILT_IN_SCORES

ROOT = Path(__file__).resolve().parents[1]
THREADS = 2
IMAGES = 20
TURNS = 5
PARTS = 4
"""Images, and turns, for the parts of the work."""
METHODS = ("ts", "class-ts", "ensemble-ts", "vector", "dirichlet", "cms", "isotonic", "histogram")
SHADES = {c: i for i, c in enumerate((21, 11, 17, 7, 8, 21, 20, 13, 26, 24, 33))}
"""CamVid's ids from 0 on, as raw ids of Cityscapes."""


class Stages(Silent):
    """When each stage began, and when its last sample was done."""

    def __init__(self) -> None:
        self.begun: dict[str, float] = {}
        self.done: dict[str, float] = {}

    def begin(self, title: str, total: int) -> None:
        """Note the time."""
        self._title = title
        self.begun[title] = time.perf_counter()

    def advance(self) -> None:
        """Note the time."""
        self.done[self._title] = time.perf_counter()


@dataclass(frozen=True, eq=False)
class Case:
    """A network as reliseg runs it and, made by `build`, bare; a domain for both."""

    model: Model
    build: Callable[[], torch.nn.Module]
    dataset: DataSet
    domain: str
    device: str = "cpu"

    @cached_property
    def bare(self) -> Loop:
        """The same network over the same images."""
        files = [self.dataset.root / s.image for s in self.dataset.domains[self.domain].samples if s.image]
        return Loop(self.build, files, self.device, THREADS)

    @cached_property
    def samples(self) -> list[DecodedSample]:
        """Decoded."""
        return [load(self.dataset, sample) for sample in self.dataset.domains[self.domain].samples]

    def evaluation(self) -> tuple[float, float]:
        """Seconds of a run from its first image to its end, and of what comes after its last image."""
        stages, place = Stages(), f"{self.dataset.name}/{self.domain}"
        with tempfile.TemporaryDirectory() as folder:
            reliseg.evaluate(self.model, self.dataset, test=place, out=folder, progress=stages)
            end = time.perf_counter()
        title = f"model on {place}"
        return end - stages.begun[title], end - stages.done[title]


def ratio(name: str, case: Case, target: float | None) -> list[Measure]:
    """A whole run as a ratio to bare inference: the median over runs, each to the mean of what was bare around it.

    The speed of a shared machine wanders by a third within minutes: the least of either would compare two moments.
    Bare inference is a process of its own, as it is for who writes that loop. A run keeps the memory that a network
    frees (`reliseg.runtime.malloc`), which is worth more than all that it adds: so the loop with its memory
    kept, in a process of its own as well, stands beside.
    """
    own, kept, whole, images, after = [], [], [], [], []
    case.evaluation()  # what is imported late is start-up
    with apart(case.bare) as alone, apart(case.bare, kept_memory) as alone_kept:

        def around() -> None:
            own.append(alone())
            kept.append(alone_kept())

        around()
        for _ in range(TURNS):
            spent, rest = case.evaluation()
            around()
            whole.append(spent)
            images.append(spent - rest)
            after.append(rest)
    to_own, to_kept = ratios(whole, own), ratios(whole, kept)
    each = 1e3 / len(case.samples)
    note = (
        f"{spread(to_own)}, {decoding_threads(None)} workers; {each * median(own):.0f} ms an image bare; "
        f"{median(after):.2f} s after the last"
    )
    beside = f"{spread(to_kept)}; {each * median(kept):.0f} ms an image bare with memory kept"
    return [
        Measure(f"{name}, a run: of bare inference", median(to_own), "", target, note),
        Measure(f"{name}, a run: of bare inference with memory kept", median(to_kept), "", target, beside),
        Measure(
            f"{name}, its images alone: of bare inference with memory kept", median(ratios(images, kept)), "", None
        ),
    ]


@contextmanager
def kept_memory() -> Iterator[None]:
    tune_malloc()
    with keep_freed_memory():
        yield


def ratios(spent: Sequence[float], bare: Sequence[float]) -> list[float]:
    """Each to the mean of what was bare before and after it."""
    return [s / ((a + b) / 2) for s, a, b in zip(spent, bare, bare[1:], strict=False)]


def spread(values: Sequence[float]) -> str:
    """The least and the largest."""
    return f"{min(values):.2f} to {max(values):.2f} in {len(values)} runs"


def parts(name: str, case: Case, fitted: Sequence[tuple[str, Calibration]]) -> list[Measure]:
    """What a run does to an image on one thread, one after the other, as ratios to bare inference."""
    case = replace(case, dataset=limited(case.dataset, case.domain, PARTS))
    projection = case.dataset.projection(case.model.labels)
    loaded = case.samples
    predictions = [case.model.predict([Input(s.sample.id, s.size, s.image)])[0].project(projection) for s in loaded]
    predictions = [replace(p, image=s.image) for p, s in zip(predictions, loaded, strict=True)]
    layout = Layout(len(case.dataset.labels), tuple(BUILT_IN_SCORES))
    observers = {calibration: Observer(layout, Kernels(print)) for calibration, _ in fitted}
    tables: list[SampleTable] = []

    def observe(calibration: Calibration, observer: Observer) -> Callable[[], object]:
        return lambda: tables.extend(
            observer.observe(s, calibration(p)) for s, p in zip(loaded, predictions, strict=True)
        )

    tasks: dict[str, Callable[[], object]] = {
        "decoding": lambda: [load(case.dataset, s.sample) for s in loaded],
        **{f"statistics, {c}": observe(calibration, observers[c]) for c, calibration in fitted},
    }
    spent: dict[str, float] = dict.fromkeys(["bare", *tasks], np.inf)
    with apart(case.bare) as alone, keep_freed_memory():
        for _ in range(PARTS):
            spent["bare"] = min(spent["bare"], alone())
            for key, task in tasks.items():
                start = time.perf_counter()
                task()
                spent[key] = min(spent[key], time.perf_counter() - start)
            for observer in observers.values():
                observer.take()
    return [
        Measure(
            f"{name}, {key}: of bare inference",
            seconds / spent["bare"],
            "",
            None,
            f"{1e3 * seconds / len(loaded):.1f} ms",
        )
        for key, seconds in spent.items()
        if key != "bare"
    ]


def limited(dataset: DataSet, domain: str, images: int) -> DataSet:
    """The data set with the first images of a domain."""
    whole = dataset.domains[domain]
    return replace(dataset, domains={domain: replace(whole, samples=whole.samples[:images])})


def segformer(data: Path, folder: Path, size: tuple[int, int], device: str) -> Case:
    """SegFormer-B0 with random weights, PNG images of this size (height, width) in the layout of Cityscapes."""
    torch.manual_seed(0)
    names = dict(enumerate(label_space("cityscapes").classes))
    config = SegformerConfig(id2label=names, label2id={c: i for i, c in names.items()})
    SegformerForSemanticSegmentation(config).save_pretrained(folder / "net")
    table = np.zeros(256, np.uint8)
    for raw, i in SHADES.items():
        table[i] = raw
    shape = size[1], size[0]
    for path in sorted((data / "camvid" / "test").glob("*.png"))[:IMAGES]:
        image = Image.open(path).resize(shape, Image.Resampling.LANCZOS)
        mask = Image.open(data / "camvid" / "testannot" / path.name).resize(shape, Image.Resampling.NEAREST)
        written = folder / "leftImg8bit/val/city" / f"{path.stem}_leftImg8bit.png"
        annotated = folder / "gtFine/val/city" / f"{path.stem}_gtFine_labelIds.png"
        for file in (written, annotated):
            file.parent.mkdir(parents=True, exist_ok=True)
        image.save(written)
        Image.fromarray(table[np.asarray(mask)]).save(annotated)
    model = reliseg.open_model(f"hf:{folder / 'net'}", labels="cityscapes", threads=THREADS, device=device)
    bare = partial(SegformerForSemanticSegmentation.from_pretrained, folder / "net")
    return Case(model, bare, reliseg.open_dataset("cityscapes", folder), "val", device)


def dabnet(data: Path) -> Case:
    """DABNet of examples/, 360 x 480 PNG images of CamVid."""
    where, weights = ROOT / "examples" / "own_model" / "dabnet.py", data / "weights" / "dabnet_cityscapes.pth"
    model = reliseg.open_model(
        f"python:{where}:build", labels="cityscapes", weights=weights, align_corners=True, threads=THREADS, device="cpu"
    )
    dataset = reliseg.open_dataset("camvid", data / "camvid", domains={"test": {"split": "test"}})
    return Case(model, partial(dabnet_alone, where, weights), limited(dataset, "test", IMAGES), "test")


def dabnet_alone(where: Path, weights: Path) -> torch.nn.Module:
    """The network without reliseg."""
    network: torch.nn.Module
    network, _ = call_function("bare", f"{where}:build", Path(), {})
    load_weights(network, weights)
    return network


def calibrations(case: Case, data: Path, folder: Path) -> list[tuple[str, Calibration]]:
    """Fitted on a few images of CamVid: what they do to a prediction takes as long whatever they learnt."""
    domains = {"cal": {"split": "val"}, "test": {"split": "test"}}
    dataset = reliseg.open_dataset("camvid", data / "camvid", domains=domains)
    dataset = replace(dataset, domains={d: limited(dataset, d, 6).domains[d] for d in domains})
    reliseg.evaluate(
        case.model,
        dataset,
        test="camvid/test",
        calibrate_on="camvid/cal",
        methods=METHODS,
        out=folder,
        sample={"per_image": 2000},
        metrics=["segmentation"],
    )
    files = {p.name.partition("@")[0]: p for p in sorted((folder / "calibrations" / "model").glob("*.json"))}
    fitted = [(name, reliseg.load_calibration(path).calibration) for name, path in files.items()]
    return [("identity", Unchanged()), *fitted]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data")
    parser.add_argument("--out", type=Path, help="also write the measures there, as JSON")
    arguments = parser.parse_args()
    tune_malloc()
    measures: list[Measure] = []

    def report(new: list[Measure]) -> None:
        for measure in new:
            print(measure, flush=True)
        measures.extend(new)

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        small = dabnet(arguments.data)
        report(ratio("DABNet, 360 x 480", small, None))
        report(parts("DABNet, 360 x 480", small, calibrations(small, arguments.data, folder / "fits")))
        large = segformer(arguments.data, folder / "large", (512, 1024), "cpu")
        report(ratio("SegFormer-B0, 512 x 1024", large, 1.05))
        report(parts("SegFormer-B0, 512 x 1024", large, [("identity", Unchanged())]))
        name = "SegFormer-B0, 1024 x 2048 on the GPU"
        if torch.cuda.is_available():
            report(ratio(name, segformer(arguments.data, folder / "gpu", (1024, 2048), "cuda"), 1.15))
        else:
            report([Measure(f"{name}, a run: of bare inference", None, "", 1.15)])
    if arguments.out:
        write(arguments.out, measures)


if __name__ == "__main__":
    main()
