"""Networks that a library has made, as files, and what that library itself gives for an image."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from reliseg.errors import ReliSegError
from reliseg.models import MODELS, Input, Model, ModelOptions
from reliseg.prediction import Prediction
from reliseg.stats.rows import Rows

IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))


def settled(module: nn.Module, seed: int = 0, size: tuple[int, int] = (64, 96)) -> nn.Module:
    """Return the network in evaluation mode, with random weights whose logits differ from pixel to pixel.

    Heads begin near zero, and statistics of normalisations at those of nothing: a few images of noise settle them.
    """
    torch.manual_seed(seed)
    for layer in module.modules():
        if isinstance(layer, nn.modules.batchnorm._BatchNorm):
            layer.momentum = 0.5
    module.train()
    with torch.no_grad():
        for _ in range(3):
            module(torch.randn(2, 3, *size))
        for parameter in module.parameters():
            if parameter.ndim == 1:
                parameter.add_(torch.randn_like(parameter) * 0.05)
    return module.eval()


def frame(folder: Path, height: int, width: int) -> np.ndarray:
    """Return the first real image of CamVid at a size."""
    path = sorted((folder / "camvid").rglob("*.png"))[0]
    return np.asarray(Image.open(path).convert("RGB").resize((width, height)))


def normalised(image: np.ndarray, mean: Any = IMAGENET[0], std: Any = IMAGENET[1], divisor: float = 255.0) -> Any:
    """Return the image as a network is given it, in plain steps."""
    pixels = (image.astype(np.float64) / divisor - mean) / std
    return torch.from_numpy(pixels.astype(np.float32)).permute(2, 0, 1)[None]


def load(given: ModelOptions) -> Any:
    """Return the model that the options describe."""
    return MODELS.get(given.kind).load(given)


def refusal(given: ModelOptions) -> str:
    """Return the one line by which the model is refused."""
    with pytest.raises(ReliSegError) as caught:
        load(given)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def prediction_of(model: Model, image: np.ndarray) -> Prediction:
    """Return the model's prediction of one image."""
    [prediction] = model.predict([Input("day/0", image.shape[:2], image)])
    return prediction


def at_full_size(prediction: Prediction) -> np.ndarray:
    """Return the logits of a prediction at the size of the image: rows as they are, native ones by torch."""
    if isinstance(prediction.logits, Rows):
        return prediction.logits.rows(slice(0, prediction.size[0]))
    logits = torch.from_numpy(np.array(prediction.logits))[None]
    corners = prediction.align_corners
    return nn.functional.interpolate(logits, prediction.size, mode="bilinear", align_corners=corners)[0].numpy()


def assert_same(given: np.ndarray, expected: np.ndarray) -> None:
    """Compare logits: within 1e-4 of the largest, and the same classes where the first two are not equally likely."""
    assert given.shape == expected.shape
    scale = max(1.0, float(np.abs(expected).max()))
    assert np.abs(given - expected).max() <= 1e-4 * scale
    assert expected.std(axis=(1, 2)).max() > 1e-3, "the logits are all the same: they would be so of any image"
    first, second = -np.sort(-expected, axis=0)[:2]
    certain = first - second > 2e-4 * scale
    assert certain.mean() > 0.5
    assert (given.argmax(0) == expected.argmax(0))[certain].all()


def brought_to(logits: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Return the logits of a network's input at the size of the image, as its users bring them there."""
    stack = torch.from_numpy(logits)[None]
    return nn.functional.interpolate(stack, size, mode="bilinear", align_corners=False)[0].numpy()
