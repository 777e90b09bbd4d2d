"""Predictors of small modules of torch, and graphs that stand for exported files."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import nn

from helpers.deployed import SPLIT
from reliseg.calibration.methods.ts import Scaled
from reliseg.data import DataSet
from reliseg.deploy.acceptance import Acceptance
from reliseg.deploy.export.cases import Cases
from reliseg.deploy.export.comparison import Agreement
from reliseg.deploy.export.files import GraphFile
from reliseg.deploy.export.graph import OUTPUTS, HeadGraph, WholeGraph
from reliseg.deploy.export.network import shown_images
from reliseg.deploy.export.wishes import Wishes
from reliseg.deploy.predictor import Predictor
from reliseg.labels import LabelMap, label_space
from reliseg.models import Model, ModelOptions
from reliseg.models.kinds.python import PythonModel
from reliseg.run.predict.model_inputs import resizing_of, uses_size_of

CAMVID = label_space("camvid")


class Net(nn.Module):
    """Logits of the classes of camvid at a quarter of the size of an image, and random weights."""

    def __init__(self, *, probabilities: bool = False) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.body = nn.Conv2d(3, 8, 3, stride=2, padding=1)
        self.last = nn.Conv2d(8, len(CAMVID), 3, stride=2, padding=1)
        self.probabilities = probabilities

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        z = 6 * self.last(self.body(images).relu())
        return z.softmax(dim=1) if self.probabilities else z


def model_of(module: nn.Module, **options: object) -> Model:
    return PythonModel.of(module, ModelOptions("net", "python", "net", CAMVID, threads=1, **options))


def predictor_of(model: Model, calibration=None, resize=None, **fields: object) -> Predictor:
    nothing = LabelMap.of({i: i for i in range(len(CAMVID))})
    dataset = DataSet("street", Path(), CAMVID, nothing, {}, {}, resize=resize)
    fields = {"acceptance": Acceptance("msp", 150_000, SPLIT), "record": None} | fields
    return Predictor(model, "net", dataset, calibration_name="ts", calibration=calibration or Scaled(2.0), **fields)


def noise(*size: int, seed: int = 0) -> np.ndarray:
    """A smooth image with noise."""
    g = np.random.default_rng(seed)
    coarse = torch.tensor(g.integers(0, 256, (1, 3, 4, 5))).float()
    smooth = nn.functional.interpolate(coarse, size, mode="bilinear")[0].permute(1, 2, 0).numpy()
    return np.clip(smooth + g.normal(0, 20, (*size, 3)), 0, 255).astype(np.uint8)


class Untraced(GraphFile):
    """A graph as it is, in the place of a file."""

    def __init__(self, graph: nn.Module) -> None:
        self.graph = graph.eval()

    def run(self, inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        with torch.inference_mode():
            maps = self.graph(**{name: torch.tensor(array) for name, array in inputs.items()})
        return dict(zip(OUTPUTS, (part.numpy() for part in maps), strict=False))


def agreement_in_memory(predictor: Predictor, images: Sequence[np.ndarray], *, head_only: bool = False) -> Agreement:
    """What a graph gives beside the predictor, without a file."""
    cases = Cases(predictor, predictor.head(), Wishes(head_only=head_only))
    case = cases.of(images)
    if head_only:
        return cases.agreement(Untraced(HeadGraph(cases.head, case.size)), case)
    resizing = resizing_of(predictor.dataset) if uses_size_of(predictor.model, predictor.dataset) else None
    shown = shown_images(predictor.model, predictor.name, resizing)
    return cases.agreement(Untraced(WholeGraph(shown, cases.head)), case)
