"""What a run over all kinds and severities costs beside the network alone: by the clock, and of processors.

python benchmarks/corrupted_runs.py [--data FOLDER] [--images N] [--severities N ...] [--only small|large]
                                    [--threads N] [--out FILE.json]

FOLDER holds `camvid` and `weights/dabnet_cityscapes.pth`. The network is DABNet, on frames of 360 x 480 pixels, and on
one of them enlarged to 1024 x 2048. Alone it predicts a twentieth as often, of images that are decoded already, in the
same process, before and after the run. What is compiled, loaded, and computed once at the end (metrics, tables) is not
counted.

The target is one of processors: what runs beside the network counts in full. By the clock a run is as long as the
network wherever decoding, corruptions and statistics find a processor that the network leaves free, as beside a GPU:
`--threads 1` is the network on one of them. The clock needs an idle machine.
"""

import argparse
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from kernel import Measure
from machine import show
from PIL import Image
from pipeline import ROOT, Stages, limited

import reliseg
from reliseg.data import DataSet, load
from reliseg.models import Input, Model
from reliseg.run.context import ModelRun
from reliseg.run.evaluate import observer
from reliseg.run.predict import stream
from reliseg.run.store.store import Store

TARGET = 1.1
LARGE = (1024, 2048)
KINDS = 15


@dataclass
class Spent:
    """Seconds of threads within functions, and how often these were called with what."""

    seconds: Counter[str] = field(default_factory=Counter)
    decoded: Counter[str] = field(default_factory=Counter)

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Measure the parts of a run beside the network while this is open; the looks at the model are predictions."""
        whole = {
            "decoding": (stream, "load_clean"),
            "corruptions": (stream, "corrupt_sample"),
            "statistics": (observer.Observer, "observe"),
            "pieces written": (Store, "save"),
            "looks at the model": (ModelRun, "look_at"),
        }
        kept = {name: getattr(*place) for name, place in whole.items()}
        for name, place in whole.items():
            setattr(*place, self._timed(name, kept[name]))
        try:
            yield
        finally:
            for name, place in whole.items():
                setattr(*place, kept[name])

    def _timed(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def timed(*given: Any, **named: Any) -> Any:
            start = time.thread_time()
            try:
                return function(*given, **named)
            finally:
                self.seconds[name] += time.thread_time() - start
                if name == "decoding":
                    self.decoded[given[1].id] += 1

        return timed


def now() -> np.ndarray:
    """Seconds of the clock, and of processors."""
    return np.array((time.perf_counter(), time.process_time()))


class Clock(Stages):
    """When the first image is begun, and when the last one is done."""

    def __init__(self) -> None:
        super().__init__()
        self.first: np.ndarray | None = None
        self.last = now()

    def begin(self, title: str, total: int) -> None:
        """Note the time of the first pass over images."""
        super().begin(title, total)
        if self.first is None and title.startswith("model on "):
            self.first = now()

    def advance(self) -> None:
        """Note the time."""
        super().advance()
        self.last = now()


def network_alone(model: Model, dataset: DataSet, domain: str, number: int) -> np.ndarray:
    """Seconds of the clock, and of processors, for so many predictions of images that are decoded already."""
    loaded = [load(dataset, sample) for sample in dataset.domains[domain].samples]
    inputs = [Input(s.sample.id, s.size, s.image) for s in loaded]
    model.predict(inputs[:1])
    start = now()
    for i in range(number):
        model.predict([inputs[i % len(inputs)]])
    return now() - start


def measure(name: str, model: Model, dataset: DataSet, domain: str, severities: tuple[int, ...]) -> list[Measure]:
    """A run over all kinds at some severities, its parts, and the network alone before and after it."""
    place, spent, clock = f"{dataset.name}/{domain}", Spent(), Clock()
    images = len(dataset.domains[domain].samples)
    predictions = images * (1 + KINDS * len(severities))
    few = max(4, predictions // 20)
    settings = {
        "test": place,
        "scores": ["msp"],
        "metrics": ["segmentation", "calibration_error", "misclassification"],
    }

    def run(dataset: DataSet, clock: Clock, severities: tuple[int, ...]) -> None:
        with tempfile.TemporaryDirectory() as folder:
            corrupt = {"of": place, "kinds": "all", "severities": list(severities)}
            reliseg.evaluate(model, dataset, corrupt=corrupt, out=folder, progress=clock, **settings)

    run(limited(dataset, domain, 1), Clock(), (1,))  # compiles
    before = network_alone(model, dataset, domain, few)
    with spent.watching():
        run(dataset, clock, severities)
    after = network_alone(model, dataset, domain, few)
    alone = (before + after) / 2 * predictions / few
    by_clock, by_processors = (clock.last - clock.first) / alone
    most = max(spent.decoded.values())
    notes = [
        f"the network alone {1e3 * b / few:.0f} ms each before the run, and {1e3 * a / few:.0f} ms after it"
        for b, a in zip(before, after, strict=True)
    ]
    which = f"{images} images at severities {', '.join(map(str, severities))}; {notes[0]}"
    shares = [
        Measure(f"{name}, {part}: of processors", seconds / alone[1], "", None, milliseconds(seconds / predictions))
        for part, seconds in spent.seconds.items()
    ]
    return [
        Measure(f"{name}, a run over all kinds: of the network alone", float(by_clock), "", None, which),
        Measure(f"{name}, of processors: of the network alone", float(by_processors), "", TARGET, notes[1]),
        *shares,
        Measure(f"{name}, decoding an image", most, " times", 1, f"at most, of {len(spent.decoded)} images"),
    ]


def milliseconds(seconds: float) -> str:
    return f"{1e3 * seconds:.1f} ms a prediction"


def enlarged(data: Path, folder: Path) -> DataSet:
    """A frame of CamVid at the size of Cityscapes' images."""
    for path in sorted((data / "camvid" / "test").glob("Seq05VD*.png"))[:1]:
        for source, resampling in (("test", Image.Resampling.LANCZOS), ("testannot", Image.Resampling.NEAREST)):
            (folder / source).mkdir(exist_ok=True)
            picture = Image.open(data / "camvid" / source / path.name)
            picture.resize(LARGE[::-1], resampling).save(folder / source / path.name)
    return reliseg.open_dataset("camvid", folder, domains={"day": {"split": "test"}})


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data")
    parser.add_argument("--images", type=int, default=20)
    parser.add_argument("--severities", type=int, nargs="+", default=[1, 2, 3, 4, 5], help="of the large image")
    parser.add_argument("--only", choices=("small", "large"), help="one of the two sizes")
    parser.add_argument("--threads", type=int, default=1, help="of the network")
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    where, weights = ROOT / "examples" / "own_model" / "dabnet.py", arguments.data / "weights" / "dabnet_cityscapes.pth"
    model = reliseg.open_model(
        f"python:{where}:build",
        labels="cityscapes",
        weights=weights,
        align_corners=True,
        threads=arguments.threads,
        device="cpu",
    )
    measures: list[Measure] = []
    threads = f", {arguments.threads} threads" if arguments.threads > 1 else ""
    if arguments.only != "large":
        frames = reliseg.open_dataset("camvid", arguments.data / "camvid", domains={"day": {"scenes": ["Seq05VD"]}})
        measures += measure(
            f"DABNet, 360 x 480{threads}", model, limited(frames, "day", arguments.images), "day", (1, 2, 3, 4, 5)
        )
        for line in measures:
            print(line, flush=True)
    if arguments.only != "small":
        with tempfile.TemporaryDirectory() as folder:
            large = enlarged(arguments.data, Path(folder))
            measures += measure(f"DABNet, 1024 x 2048{threads}", model, large, "day", tuple(arguments.severities))
    sys.stdout.write("\n")
    show(measures, arguments.out)


if __name__ == "__main__":
    main()
