from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from reliseg.errors import ModelError
from reliseg.labels import label_space
from reliseg.models import Input, ModelOptions
from reliseg.models.libraries.architecture import Architecture, ShortSide, built_by, model_parts, replace_forward

CAMVID = label_space("camvid")


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Conv2d(3, 16, 3, stride=4, padding=1)
        self.head = nn.Conv2d(16, 11, 1)

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        return nn.functional.interpolate(self.head(self.body(pixels)), pixels.shape[-2:], mode="bilinear")


def native(module: Any, pixels: torch.Tensor) -> dict[str, torch.Tensor]:
    return {"out": module.head(module.body(pixels))}


@pytest.fixture
def built(tmp_path: Path) -> Architecture:
    torch.manual_seed(0)
    torch.save({"model": Net().state_dict()}, tmp_path / "net.pth")
    (tmp_path / "config.json").write_text("{}")
    return Architecture(
        module=Net(),
        name="tiny",
        library="library 1.0",
        args={"width": 16},
        weights=tmp_path / "net.pth",
        files=(tmp_path / "config.json",),
    )


def options(**changes: Any) -> ModelOptions:
    given = {"name": "mine", "kind": "library", "where": "tiny", "labels": CAMVID, "threads": 1}
    return ModelOptions(**(given | changes))


def test_the_weights_are_loaded_and_the_parts_say_of_what_the_model_is_made(built, tmp_path):
    parts = model_parts(built, options())
    facts = parts["facts"]
    told = ("library", "architecture", "args", "class", "weights", "feature")
    assert [facts[key] for key in told] == ["library 1.0", "tiny", {"width": 16}, "Net", "model", "body"]
    assert {Path(path).name for path in facts["files"]} == {"net.pth", "config.json"}
    assert parts["labels"] == CAMVID
    assert parts["remarks"]() == []


def test_another_forward_keeps_the_names_of_layers_and_gives_native_logits(built):
    image = np.full((32, 48, 3), 77, np.uint8)
    whole = model_parts(built, options())["predictor"]([Input("day/0", (32, 48), image)])[0]
    replace_forward(built.module, native)
    parts = model_parts(built, options(feature="body"))
    [prediction] = parts["predictor"]([Input("day/0", (32, 48), image)])
    assert prediction.logits.shape == (11, 8, 12)
    assert whole.logits.shape == (11, 32, 48)
    assert parts["facts"]["output"] == "out"


def test_classes_that_the_library_states_are_compared_with_the_label_space(built):
    swapped = (CAMVID.classes[1], CAMVID.classes[0], *CAMVID.classes[2:])
    with pytest.raises(ModelError, match="as class 0"):
        model_parts(replace(built, classes=swapped), options())


def test_arguments_that_a_library_refuses_are_one_line():
    def build() -> nn.Module:
        raise ValueError("no\nsuch width")

    text = "^model mine: Unet cannot be built with these args: ValueError: no such width$"
    with pytest.raises(ModelError, match=text):
        built_by("mine", "Unet", build)


def test_weights_that_help_in_training_alone_are_left_out(built, tmp_path):
    torch.save(Net().state_dict() | {"auxiliary.weight": torch.zeros(3)}, tmp_path / "net.pth")
    with pytest.raises(ModelError, match="unexpected auxiliary"):
        model_parts(built, options())
    assert model_parts(replace(built, unused=("auxiliary.",)), options())["facts"]["parameters"] == 635


@pytest.mark.parametrize(
    ("size", "expected"),
    [((360, 480), (520, 693)), ((1024, 512), (1040, 520)), ((7, 9), (520, 668)), ((5, 5), (520, 520))],
)
def test_the_shorter_side_gets_its_length_and_the_longer_is_rounded_down(size, expected):
    assert ShortSide(520)(size) == expected


def test_a_library_says_the_size_of_images_unless_the_options_do(built):
    facts = model_parts(replace(built, size=ShortSide(40)), options())["facts"]
    assert facts["resize"] == {"short": 40}
    assert model_parts(replace(built, size=ShortSide(40)), options(resize="none"))["facts"]["resize"] is None
