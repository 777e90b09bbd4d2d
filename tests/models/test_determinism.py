"""What is said of models that are random at evaluation, or whose logits depend on the other images of a batch."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from reliseg.labels import LabelSpace
from reliseg.models import Input, Model, ModelOptions
from reliseg.models.determinism import determinism_notes, logit_difference
from reliseg.models.kinds.python import PythonModel
from reliseg.prediction import Prediction

SPACE = LabelSpace("three", ("a", "b", "c"), ((0, 0, 0),) * 3)


def source(seed: int) -> Input:
    return Input(f"day/{seed}", (16, 24), np.random.default_rng(seed).integers(0, 256, (16, 24, 3), np.uint8))


def model_of(network: Any) -> Model:
    return PythonModel.of(network, ModelOptions(name="net", kind="python", where="net", labels=SPACE, threads=1))


class Layers(nn.Module):
    """A convolution and a normalisation, and what `forward` does between them."""

    def __init__(self, between: Callable[[nn.Module, torch.Tensor], torch.Tensor]) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.head, self.norm, self.drop, self.between = nn.Conv2d(3, 3, 1), nn.BatchNorm2d(3), nn.Dropout(0.5), between

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.norm(self.between(self, self.head(images)))


class AlwaysTraining(Layers):
    def train(self, mode: bool = True) -> "AlwaysTraining":
        super().train(True)
        return self


def plain(net: nn.Module, x: torch.Tensor) -> torch.Tensor:
    return x


def functional_dropout(net: nn.Module, x: torch.Tensor) -> torch.Tensor:
    return nn.functional.dropout(x, 0.5)


def trains_itself(net: nn.Module, x: torch.Tensor) -> torch.Tensor:
    net.train()
    return net.drop(x)


def trains_its_normalisation(net: nn.Module, x: torch.Tensor) -> torch.Tensor:
    net.norm.train()
    return x


def test_a_network_that_repeats_itself_is_not_mentioned() -> None:
    assert determinism_notes(model_of(Layers(plain)), source(0), source(1)) == []


@pytest.mark.parametrize(
    "network",
    [Layers(functional_dropout), Layers(trains_itself), AlwaysTraining(lambda net, x: net.drop(x))],
    ids=["functional dropout", "forward calls train()", "train() is ignored"],
)
def test_a_network_that_is_random_at_evaluation_is_named(network: nn.Module) -> None:
    [note] = determinism_notes(model_of(network), source(0))
    assert note.startswith("gives day/0 other logits the second time (by up to ")
    assert "results are not repeatable" in note


def test_a_callable_that_is_random_is_named() -> None:
    generator = np.random.default_rng(0)
    model = model_of(lambda image: generator.normal(0, 1, (3, 4, 6)))
    assert "other logits the second time" in determinism_notes(model, source(0))[0]


@pytest.mark.parametrize(
    "network",
    [Layers(trains_its_normalisation), AlwaysTraining(plain)],
    ids=["forward trains it", "train() is ignored"],
)
def test_a_normalisation_in_training_mode_is_seen_beside_another_image(network: nn.Module) -> None:
    model = model_of(network)
    assert determinism_notes(model, source(0)) == []
    [note] = determinism_notes(model, source(0), source(1))
    assert note.startswith("gives day/0 other logits beside another image than alone")
    assert "results depend on batch" in note


class Unread(Model):
    reads_images = False

    @classmethod
    def load(cls, options: ModelOptions) -> "Unread":
        raise NotImplementedError

    def predict(self, inputs: Sequence[Input]) -> list[Prediction]:
        raise AssertionError("stored logits are read once")

    def provenance(self) -> dict[str, Any]:
        return {}


def test_stored_logits_are_not_read_for_it() -> None:
    assert determinism_notes(Unread(), source(0)) == []


def prediction(*values: float) -> Prediction:
    return Prediction(np.array([[values]], np.float32), size=(1, len(values)))


@pytest.mark.parametrize(
    ("one", "other", "difference"),
    [
        ((1, 2, -4), (1, 2, -4), 0.0),
        ((1, 2, -4), (1, 3, -4), 0.25),
        ((1, np.nan), (1, np.nan), 0.0),
        ((1, 2), (1, 2, 3), 1.0),
        ((1, np.inf), (1, 2), 1.0),
    ],
)
def test_the_difference_is_a_share_of_the_largest_logit(
    one: tuple[float, ...], other: tuple[float, ...], difference: float
) -> None:
    assert logit_difference(prediction(*one), prediction(*other)) == difference
