"""Times of exported graphs beside one with the same outputs at T = 1, on one thread, measured in turns in one run.

python benchmarks/export.py [--out FILE.json]

Graphs give classes, confidence and accepted pixels of 19 classes at 512 x 1024 pixels. They begin with the image, and
hold the network of the demo; or with logits at a quarter of that size, for which the targets are not meant: nearly all
of their time is what the calibration works on. Times are those of the processor, of the best of some turns; ratios are
of these.
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

from reliseg.calibration import Calibration, Unchanged
from reliseg.calibration.fitting.clusters import Centres
from reliseg.calibration.methods.class_ts import ScaledByClass
from reliseg.calibration.methods.cluster_ts import ScaledByCluster
from reliseg.calibration.methods.isotonic import Monotone
from reliseg.calibration.methods.ts import Scaled
from reliseg.calibration.methods.vector import ScaledVector
from reliseg.demo.network import build
from reliseg.deploy.acceptance import Acceptance
from reliseg.deploy.export.files import GraphFile, graph_of
from reliseg.deploy.export.graph import OUTPUTS, HeadGraph, WholeGraph, reads_feature
from reliseg.deploy.export.network import shown_images
from reliseg.deploy.export.tracing import trace
from reliseg.deploy.export.wishes import Format
from reliseg.deploy.heads.head import Head, HeadSteps
from reliseg.labels import label_space
from reliseg.models import Model, ModelOptions
from reliseg.models.kinds.python import PythonModel

CLASSES, SIZE, STRIDE, FEATURE = 19, (512, 1024), 4, 112
TURNS = 11
TARGETS = {"ts": 1.1, "class_ts": 1.1, "cluster_ts": 1.1}


@dataclass(frozen=True)
class Measure:
    """One calibration in one format."""

    format: str
    begins_with: str
    calibration: str
    ms: float
    ratio: float
    """To the same outputs at T = 1."""
    target: float | None

    def __str__(self) -> str:
        target = f" (at most {self.target})" if self.target else ""
        what = f"{self.format:5} {self.begins_with:6} {self.calibration:11}"
        return f"{what} {self.ms:7.1f} ms, {self.ratio:.3f} times T = 1{target}"


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


def model() -> Model:
    """The demo's network, on images of any size."""
    options = ModelOptions("street", "python", "street", label_space("cityscapes"), threads=1)
    return PythonModel.of(build(), options)


def head_of(calibration: Calibration) -> Head:
    acceptance = Acceptance(last=150_000, split="street/cal")
    return Head(HeadSteps(tuple(range(CLASSES)), CLASSES, False, False, calibration, acceptance))


def file_of(form: Format, graph: torch.nn.Module, given: Mapping[str, np.ndarray], folder: Path) -> GraphFile:
    """The graph, written and opened."""
    program = trace(graph, {name: torch.tensor(array) for name, array in given.items()}, "bench", dynamic=False)
    unwritten, path = graph_of(program, form, OUTPUTS, "bench"), folder / f"{len(list(folder.iterdir()))}.{form}"
    unwritten.save(path, {})
    return unwritten.open(path)


def measure(form: Format, begins_with: str, folder: Path) -> list[Measure]:
    """All calibrations in one format, in turns."""
    g = np.random.default_rng(1)
    logits = g.normal(0, 4, (1, CLASSES, SIZE[0] // STRIDE, SIZE[1] // STRIDE)).astype(np.float32)
    feature = g.normal(0, 1, (1, FEATURE)).astype(np.float32)
    image = {"image": g.integers(0, 256, (1, *SIZE, 3), np.uint8)}
    shown = shown_images(model(), "street", None)
    files, inputs = {}, {}
    for name, calibration in calibrations().items():
        head = head_of(calibration)
        of_logits = {"logits": logits} | ({"feature": feature} if reads_feature(head) else {})
        inputs[name] = image if begins_with == "image" else of_logits
        graph = WholeGraph(shown, head) if begins_with == "image" else HeadGraph(head, SIZE)
        files[name] = file_of(form, graph, inputs[name], folder)
        files[name].run(inputs[name])
    times: dict[str, list[float]] = {name: [] for name in files}
    for _ in range(TURNS):
        for name, file in files.items():
            start = time.process_time()
            file.run(inputs[name])
            times[name].append(time.process_time() - start)
    plain = min(times.pop("T = 1"))
    targets = TARGETS if begins_with == "image" else {}
    return [
        Measure(form, begins_with, name, 1e3 * min(own), min(own) / plain, targets.get(name))
        for name, own in times.items()
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, help="write the measures as JSON")
    torch.set_num_threads(1)
    out = parser.parse_args().out
    with TemporaryDirectory() as folder:
        cases = [(form, start) for form in ("onnx", "pt2") for start in ("image", "logits")]
        show([m for form, start in cases for m in measure(form, start, Path(folder))], out)


if __name__ == "__main__":
    main()
