"""Times of exported graphs beside one with the same outputs at T = 1, on one thread, measured in turns in one run.

python benchmarks/export.py [--out FILE.json]

Each graph begins with the logits of 19 classes at a quarter of 512 x 1024 pixels, and gives classes, confidence and
accepted pixels. A network before them would take the same time in all, and hide what the calibration costs. Times are
those of the processor, of the best of some turns; a ratio is the median of the turns, beside T = 1 in the same one.
"""

import argparse
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from machine import show
from torch import Tensor

from reliseg.calibration import Calibration, Unchanged
from reliseg.calibration.fitting.clusters import Centres
from reliseg.calibration.methods.class_ts import ScaledByClass
from reliseg.calibration.methods.cluster_ts import ScaledByCluster
from reliseg.calibration.methods.isotonic import Monotone
from reliseg.calibration.methods.ts import Scaled
from reliseg.calibration.methods.vector import ScaledVector
from reliseg.deploy.acceptance import Acceptance
from reliseg.deploy.export.files import GraphFile, graph_of
from reliseg.deploy.export.graph import OUTPUTS, HeadGraph
from reliseg.deploy.export.tracing import trace
from reliseg.deploy.heads.head import Head, HeadSteps

CLASSES, SIZE, STRIDE, FEATURE = 19, (512, 1024), 4, 128
TURNS = 11
TARGETS: Mapping[str, float | None] = {"ts": 1.1, "class_ts": 1.1, "cluster_ts": 1.1, "vector": None, "isotonic": None}


@dataclass(frozen=True)
class Measure:
    """One calibration in one format."""

    format: str
    calibration: str
    ms: float
    ratio: float
    """To the same outputs at T = 1."""
    target: float | None

    def __str__(self) -> str:
        target = f" (at most {self.target})" if self.target else ""
        return f"{self.format:5} {self.calibration:11} {self.ms:7.1f} ms, {self.ratio:.3f} times T = 1{target}"


def calibrations() -> dict[str, Calibration]:
    g = np.random.default_rng(0)
    points = np.linspace(0.1, 1, 60)
    return {
        "T = 1": Unchanged(),
        "ts": Scaled(1.7),
        "class_ts": ScaledByClass(tuple(g.uniform(1, 2, CLASSES + 1).tolist())),
        "cluster_ts": ScaledByCluster(Centres(g.normal(0, 1, (8, FEATURE)), "l2"), g.uniform(1, 2, (8, 1)), False),
        "vector": ScaledVector(
            tuple(g.uniform(0.5, 1, CLASSES + 1).tolist()), tuple(g.normal(0, 1, CLASSES + 1).tolist())
        ),
        "isotonic": Monotone(tuple(points.tolist()), tuple((points**2).tolist())),
    }


def file_of(form: str, calibration: Calibration, given: Mapping[str, Tensor], folder: Path) -> GraphFile:
    """The graph of a calibration, written and opened."""
    acceptance = Acceptance(last=150_000, split="street/cal")
    steps = HeadSteps(tuple(range(CLASSES)), CLASSES, False, False, calibration, acceptance)
    program = trace(HeadGraph(Head(steps), SIZE), given, "head", dynamic=False)
    unwritten, path = graph_of(program, form, OUTPUTS, "head"), folder / f"{len(list(folder.iterdir()))}.{form}"
    unwritten.save(path, {})
    return unwritten.open(path)


def measure(form: str, folder: Path) -> list[Measure]:
    """All calibrations of one format, in turns."""
    g = np.random.default_rng(1)
    logits = g.normal(0, 4, (1, CLASSES, SIZE[0] // STRIDE, SIZE[1] // STRIDE)).astype(np.float32)
    arrays = {"logits": logits, "feature": g.normal(0, 1, (1, FEATURE)).astype(np.float32)}
    files, inputs = {}, {}
    for name, calibration in calibrations().items():
        inputs[name] = {key: arrays[key] for key in ("logits", *(["feature"] if name == "cluster_ts" else []))}
        given = {key: torch.tensor(array) for key, array in inputs[name].items()}
        files[name] = file_of(form, calibration, given, folder)
        files[name].run(inputs[name])
    times: dict[str, list[float]] = {name: [] for name in files}
    for _ in range(TURNS):
        for name, file in files.items():
            start = time.process_time()
            file.run(inputs[name])
            times[name].append(time.process_time() - start)
    plain = np.array(times.pop("T = 1"))
    return [
        Measure(form, name, 1e3 * min(own), float(np.median(np.array(own) / plain)), TARGETS[name])
        for name, own in times.items()
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, help="write the measures as JSON")
    torch.set_num_threads(1)
    out = parser.parse_args().out
    with TemporaryDirectory() as folder:
        show([m for form in ("onnx", "pt2") for m in measure(form, Path(folder))], out)


if __name__ == "__main__":
    main()
