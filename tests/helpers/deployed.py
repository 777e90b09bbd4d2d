"""A small network that tells classes by their colors, on images of these, and a run of it with every method."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import yaml
from PIL import Image

import reliseg
from helpers.street import CLASSES, SIZE, scene
from reliseg.calibration import Calibration
from reliseg.calibration.methods.ts import Scaled
from reliseg.calibration.records.record import Record
from reliseg.config.schema import read_config, render_config
from reliseg.data import DataSet
from reliseg.deploy.acceptance import Acceptance
from reliseg.deploy.predictor import Predictor
from reliseg.labels import LabelMap, LabelSpace, label_space
from reliseg.plan.build import plan_from_config
from reliseg.results import Results
from reliseg.run.execute import Run

METHODS = (
    "ts",
    "class_ts",
    "cluster_ts(k=2,seed=42)",
    "cluster_ts(k=2,per_class=true,soft=true,seed=42)",
    "cluster_ts(clusters=mixture,k=2,soft=true,seed=42)",
    "vector",
    "dirichlet",
    "cms",
    "cms_ap",
    "cms_op",
    "ensemble_ts",
    "histogram",
    "histogram(bins=6,equal=count)",
    "isotonic",
    "selective(weight=4.0)",
    "lts(epochs=10,rate=0.01)",
    "lts(epochs=10,inputs=image,rate=0.01)",
)
"""Every method that ships, the ones of several kinds in each of these."""
SPLIT = "street/cal"
NET = '''
import torch
from torch import nn
from reliseg.labels import label_space

class Net(nn.Module):
    """Distances to the colors of the classes, in the middle of blocks of 2 x 2 pixels; surer than it should be."""

    def __init__(self, sharpness: float):
        super().__init__()
        colors = torch.tensor(label_space("camvid").palette) / 255
        mean, std = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
        self.deep = nn.Conv2d(3, 6, 4, 4)
        self.pool = nn.AvgPool2d(2)
        self.last = nn.Conv2d(3, 11, 1)
        with torch.no_grad():
            torch.manual_seed(0)
            self.deep.weight.normal_()
            self.deep.bias.zero_()
            self.last.weight[:] = (2 * sharpness * colors * std)[:, :, None, None]
            self.last.bias[:] = sharpness * (2 * colors @ mean - (colors**2).sum(dim=1))

    def forward(self, x):
        return self.last(self.pool(x)) + 0.02 * self.deep(x).mean(dim=(1, 2, 3), keepdim=True)

def build(sharpness: float = 60.0):
    return Net(sharpness)
'''


@dataclass(frozen=True)
class Deployed:
    """A finished run, and the data that it was made of."""

    root: Path
    results: Results

    @property
    def run(self) -> Path:
        return self.root / "run"

    def images(self, split: str = "train") -> list[Path]:
        return sorted((self.root / "data" / split).glob("*.png"))

    def truth(self, image: Path) -> np.ndarray:
        mask = np.asarray(Image.open(image.parent.with_name(f"{image.parent.name}annot") / image.name))
        return np.where(mask == CLASSES, 255, mask).astype(np.uint8)


def make_images(root: Path, counts: dict[str, int]) -> None:
    """Write rectangles in the colors of their classes, with noise that the network is too sure about."""
    palette = np.array(label_space("camvid").palette, np.float64)
    number = 0
    for split, count in counts.items():
        for _ in range(count):
            g = np.random.default_rng(number)
            truth = np.full(SIZE, g.integers(CLASSES), np.uint8)
            for _ in range(12):
                y, x = g.integers(0, SIZE[0] - 6), g.integers(0, SIZE[1] - 8)
                truth[y : y + 8, x : x + 10] = g.integers(CLASSES)
            dark = 0.8 + 0.2 * (number % 2)
            noise = np.where(np.arange(SIZE[1]) < SIZE[1] // 2, 10, 45)[:, None]  # the right half is harder
            pixels = palette[truth] * dark + noise * g.normal(size=(*SIZE, 3))
            mask = truth.copy()
            mask[:1] = CLASSES
            name = f"{scene(number)}_{number:04d}.png"
            for folder, array in ((split, np.clip(pixels, 0, 255).astype(np.uint8)), (f"{split}annot", mask)):
                path = root / "data" / folder / name
                path.parent.mkdir(parents=True, exist_ok=True)
                Image.fromarray(array).save(path)
            number += 1
        number += 1000


def deploy(root: Path, methods: tuple[str, ...] = METHODS, **changes: object) -> Deployed:
    """Carry out the run of a network with these methods."""
    make_images(root, {"val": 6, "train": 3})
    (root / "net.py").write_text(NET)
    content = {
        "models": [{"name": "net", "kind": "python", "where": "net.py:build", "labels": "camvid", "feature": "deep"}],
        "datasets": [
            {
                "name": "street",
                "spec": "camvid",
                "root": "data",
                "domains": {"cal": {"split": "val"}, "day": {"split": "train"}},
            }
        ],
        "calibration": [{"on": [SPLIT], "methods": ["identity", *methods]}],
        "test": {"on": ["street/day"]},
        "metrics": ["calibration_error", "likelihood", "segmentation", "transfer"],
        "scores": ["msp"],
        "sample": {"per_image": 400},
        "device": "cpu",
        "threads": 1,
    }
    (root / "street.yaml").write_text(yaml.safe_dump(content | changes))
    config = read_config(root / "street.yaml")
    plan = plan_from_config(config, root)
    return Deployed(root, Run(plan, root / "run", render_config(config, root), 1).execute())


def predictor_in_memory(
    calibration: Calibration | None = None, labels: LabelSpace | None = None, **fields: object
) -> Predictor:
    """Return a predictor of a callable: logits at half the size of an image, from its colors."""
    model = reliseg.open_model(logits_of_colors, labels="camvid")
    camvid = labels or label_space("camvid")
    nothing = LabelMap.of({i: i for i in range(len(camvid))})
    dataset = DataSet("street", Path(), camvid, nothing, {}, {})
    acceptance = Acceptance("msp", 150_000, SPLIT)
    fields = {"acceptance": acceptance, "record": None} | fields
    return Predictor(model, "net", dataset, calibration_name="ts", calibration=calibration or Scaled(2.0), **fields)


def logits_of_colors(image: np.ndarray) -> np.ndarray:
    """Logits of the classes of camvid at half the size of an image, at least one pixel."""
    pixels = image[::2, ::2].astype(np.float32) / 255
    colors = np.array(label_space("camvid").palette, np.float32) / 255
    return -10 * ((pixels[None] - colors[:, None, None]) ** 2).sum(axis=3)


def record(method="ts", split="road/cal", **fields) -> Record:
    """Return a record of one temperature."""
    digest = "0" * 64
    content = {
        "method": method,
        "split": split,
        "label_space": "camvid",
        "classes": tuple(label_space("camvid").classes),
        "model": "net",
        "fingerprint": digest,
        "model_files": (digest,),
        "seed": 0,
        "pixels": 9,
        "samples": {split: {"s/1": digest}},
        "images": {split: {"s/1": digest}},
        "calibration": Scaled(2.0),
    }
    return Record(**content | fields)
