"""DABNet (Li et al., BMVC 2019, arXiv 1907.11357): Cityscapes' 19 classes at stride 8.

Upsample its logits with align_corners: true. Weights that fit: those of
zh320/realtime-semantic-segmentation-pytorch.
"""

from collections import OrderedDict

import torch
from torch import Tensor, nn


class Block(nn.Sequential):
    """Convolution without bias that keeps the size at stride 1, batch norm, one-parameter PReLU."""

    def __init__(
        self,
        inputs: int,
        outputs: int,
        kernel: tuple[int, int] = (3, 3),
        *,
        stride: int = 1,
        dilation: int = 1,
        groups: int = 1,
    ) -> None:
        dilations = (dilation if kernel[0] > 1 else 1, dilation if kernel[1] > 1 else 1)
        padding = (kernel[0] // 2 * dilation, kernel[1] // 2 * dilation)
        super().__init__(
            nn.Conv2d(inputs, outputs, kernel, stride, padding, dilations, groups, bias=False),
            nn.BatchNorm2d(outputs),
            nn.Sequential(OrderedDict(activation=nn.PReLU())),
        )


class Down(nn.Module):
    """Half the size: a stride-2 block beside max pooling of the same input."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.conv = Block(inputs, outputs - inputs, stride=2)
        self.pool = nn.MaxPool2d(3, stride=2, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([self.conv(x), self.pool(x)], dim=1)


class DABModule(nn.Module):
    """Depth-wise asymmetric bottleneck: a near and a dilated branch at half the channels, plus the input."""

    def __init__(self, channels: int, dilation: int) -> None:
        super().__init__()
        half = channels // 2
        self.init_conv = Block(channels, half)
        self.left_branch = _branch(half, dilation=1)
        self.right_branch = _branch(half, dilation=dilation)
        self.last_conv = Block(half, channels, (1, 1))

    def forward(self, x: Tensor) -> Tensor:
        inner = self.init_conv(x)
        both: Tensor = self.last_conv(self.left_branch(inner) + self.right_branch(inner))
        return both + x


def _branch(channels: int, dilation: int) -> nn.Sequential:
    return nn.Sequential(
        Block(channels, channels, (3, 1), dilation=dilation, groups=channels),
        Block(channels, channels, (1, 3), dilation=dilation, groups=channels),
    )


def _modules(channels: int, dilations: tuple[int, ...]) -> nn.Sequential:
    return nn.Sequential(*(DABModule(channels, dilation) for dilation in dilations))


class DABNet(nn.Module):
    """The attributes are named after the layers of the paper's table 1, as the weights are."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.pool = nn.AvgPool2d(3, stride=2, padding=1)
        self.layer1 = Block(3, 32, stride=2)
        self.layer2 = Block(32, 32)
        self.layer3 = Block(32, 32)
        self.layer4 = Down(32 + 3, 64)
        self.layer5_7 = _modules(64, (2, 2, 2))
        self.layer8 = Block(64 + 64 + 3, 128, stride=2)
        self.layer9_10 = _modules(128, (4, 4))
        self.layer11_12 = _modules(128, (8, 8))
        self.layer13_14 = _modules(128, (16, 16))
        self.layer15 = nn.Conv2d(128 + 128 + 3, classes, 1, bias=False)

    def forward(self, image: Tensor) -> Tensor:
        half = self.pool(image)
        quarter = self.pool(half)
        eighth = self.pool(quarter)

        x = self.layer3(self.layer2(self.layer1(image)))
        first = self.layer4(torch.cat([x, half], dim=1))
        x = self.layer5_7(first)
        first = self.layer8(torch.cat([x, first, quarter], dim=1))
        x = self.layer13_14(self.layer11_12(self.layer9_10(first)))
        logits: Tensor = self.layer15(torch.cat([x, first, eighth], dim=1))
        return logits


def build(classes: int = 19) -> nn.Module:
    return DABNet(classes)
