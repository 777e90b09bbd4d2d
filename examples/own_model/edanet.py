"""EDANet (Lo et al., ACM Multimedia Asia 2019, arXiv 1809.06323): Cityscapes' 19 classes at stride 8.

Upsample its logits with align_corners: true. Weights that fit: those of
zh320/realtime-semantic-segmentation-pytorch.
"""

import torch
from torch import Tensor, nn


def _conv(inputs: int, outputs: int, kernel: tuple[int, int], *, stride: int = 1, dilation: int = 1) -> nn.Conv2d:
    """A convolution without bias that keeps the size at stride 1."""
    dilations = (dilation if kernel[0] > 1 else 1, dilation if kernel[1] > 1 else 1)
    padding = (kernel[0] // 2 * dilation, kernel[1] // 2 * dilation)
    return nn.Conv2d(inputs, outputs, kernel, stride, padding, dilations, bias=False)


def _block(convolution: nn.Conv2d) -> nn.Sequential:
    return nn.Sequential(convolution, nn.BatchNorm2d(convolution.out_channels), nn.ReLU())


class Down(nn.Module):
    """Half the size: a stride-2 convolution beside max pooling of its input, then batch norm and ReLU."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.conv = _conv(inputs, outputs - inputs, (3, 3), stride=2)
        self.pool = nn.MaxPool2d(2)
        self.bn_act = nn.Sequential(nn.BatchNorm2d(outputs), nn.ReLU())

    def forward(self, x: Tensor) -> Tensor:
        both: Tensor = self.bn_act(torch.cat([self.conv(x), self.pool(x)], dim=1))
        return both


class EDAModule(nn.Module):
    """Asymmetric convolutions, the second pair dilated; `growth` new channels are put before the input's."""

    def __init__(self, inputs: int, growth: int, dilation: int) -> None:
        super().__init__()
        self.conv = nn.Sequential(
            _block(_conv(inputs, growth, (1, 1))),
            _conv(growth, growth, (3, 1)),
            _block(_conv(growth, growth, (1, 3))),
            _conv(growth, growth, (3, 1), dilation=dilation),
            _block(_conv(growth, growth, (1, 3), dilation=dilation)),
        )

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([self.conv(x), x], dim=1)


class EDABlock(nn.Module):
    """EDA modules in a row, densely connected."""

    def __init__(self, inputs: int, growth: int, dilations: tuple[int, ...]) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            *(EDAModule(inputs + i * growth, growth, dilation) for i, dilation in enumerate(dilations))
        )
        self.channels = inputs + len(dilations) * growth

    def forward(self, x: Tensor) -> Tensor:
        dense: Tensor = self.layers(x)
        return dense


class EDANet(nn.Module):
    """Three stages of half the size each, and a 1x1 convolution to the classes."""

    def __init__(self, classes: int, growth: int = 40) -> None:
        super().__init__()
        self.stage1 = Down(3, 15)
        self.stage2_d = Down(15, 60)
        self.stage2 = EDABlock(60, growth, (1, 1, 1, 2, 2))
        self.stage3_d = _block(_conv(self.stage2.channels, 130, (3, 3), stride=2))
        self.stage3 = EDABlock(130, growth, (2, 2, 4, 4, 8, 8, 16, 16))
        self.project = _conv(self.stage3.channels, classes, (1, 1))

    def forward(self, image: Tensor) -> Tensor:
        x = self.stage2(self.stage2_d(self.stage1(image)))
        logits: Tensor = self.project(self.stage3(self.stage3_d(x)))
        return logits


def build(classes: int = 19) -> nn.Module:
    return EDANet(classes)
