"""The demo's network: a small fully convolutional encoder and decoder, with the weights that ship."""

from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional

from reliseg.models.base import IMAGENET_MEAN, IMAGENET_STD
from reliseg.types import Float

CLASSES = 19
WEIGHTS = Path(__file__).with_name("weights.safetensors")


class Unit(nn.Sequential):
    """Convolution, batch norm, ReLU."""

    def __init__(
        self, before: int, after: int, kernel: tuple[int, int] = (3, 3), *, stride: int = 1, dilation: int = 1
    ) -> None:
        padding = (kernel[0] // 2 * dilation, kernel[1] // 2 * dilation)
        super().__init__(
            nn.Conv2d(before, after, kernel, stride, padding, dilation, bias=False),
            nn.BatchNorm2d(after),
            nn.ReLU(inplace=True),
        )


class Residual(nn.Module):
    """A 3x1 and a 1x3 convolution beside the identity (ERFNet's non-bottleneck-1D block, halved)."""

    def __init__(self, width: int, dilation: int = 1) -> None:
        super().__init__()
        self.tall = Unit(width, width, (3, 1), dilation=dilation)
        self.wide = nn.Sequential(
            nn.Conv2d(width, width, (1, 3), 1, (0, dilation), dilation, bias=False), nn.BatchNorm2d(width)
        )

    def forward(self, x: Float[Tensor, "n c h w"]) -> Float[Tensor, "n c h w"]:
        """Return features of the same size and channels."""
        return functional.relu(x + self.wide(self.tall(x)))


class Street(nn.Module):
    """Logits of 19 classes at a quarter of the image's size."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(Unit(3, 20, stride=2), Unit(20, 40, stride=2), Residual(40))
        self.eighth = nn.Sequential(Unit(40, 72, stride=2), Residual(72), Residual(72, 2))
        self.sixteenth = nn.Sequential(
            Unit(72, 112, stride=2), Residual(112), Residual(112, 2), Residual(112, 4), Residual(112, 8)
        )
        self.pooled = nn.Linear(112, 112)
        self.from_sixteenth = Unit(112, 72, (1, 1))
        self.fuse_eighth = Residual(72)
        self.from_eighth = Unit(72, 40, (1, 1))
        self.fuse_quarter = Unit(40, 48)
        self.head = nn.Conv2d(48, CLASSES, 1)

    def forward(self, x: Float[Tensor, "n 3 h w"]) -> Float[Tensor, "n 19 i j"]:
        """Return logits; the image's size must be a multiple of 16."""
        quarter = self.stem(x)
        eighth = self.eighth(quarter)
        sixteenth = self.sixteenth(eighth)
        sixteenth = sixteenth + functional.relu(self.pooled(sixteenth.mean((2, 3))))[:, :, None, None]
        eighth = self.fuse_eighth(eighth + upsample(self.from_sixteenth(sixteenth), 2))
        quarter = self.fuse_quarter(quarter + upsample(self.from_eighth(eighth), 2))
        logits: Tensor = self.head(quarter)
        return logits


def upsample(x: Float[Tensor, "n c h w"], factor: int) -> Float[Tensor, "n c i j"]:
    """Enlarge bilinearly, align_corners=False, which is also how logits are brought to the image."""
    return functional.interpolate(x, scale_factor=factor, mode="bilinear", align_corners=False)


def build() -> nn.Module:
    """Return the network with untrained weights."""
    return Street()


def load(weights: Path = WEIGHTS) -> nn.Module:
    """Return the network with trained weights, for prediction."""
    network = build()
    network.load_state_dict(load_file(weights), strict=True)
    return network.eval()


def normalise(images: Float[Tensor, "n 3 h w"]) -> Float[Tensor, "n 3 h w"]:
    """Normalise images in [0, 1] by ImageNet's mean and deviation."""
    mean, deviation = (torch.tensor(values).view(1, 3, 1, 1) for values in (IMAGENET_MEAN, IMAGENET_STD))
    return (images - mean) / deviation
