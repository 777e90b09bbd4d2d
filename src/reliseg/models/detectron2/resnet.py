"""The ResNets of detectron2: a stem of one or three convolutions, strides and dilations where they may stand."""

from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

from reliseg.errors import ModelError, count_text
from reliseg.models.detectron2.architecture import ResNet
from reliseg.types import Float


@dataclass(frozen=True)
class Layout:
    """What no shape of a ResNet's tensors says."""

    res5_multi_grid: tuple[int, ...] | None = None
    """Factors of the dilation of the last stage's blocks; None where all are 1."""
    res4_dilation: int = 1
    res5_dilation: int = 1
    stride_in_1x1: bool = False


@dataclass(frozen=True, eq=False)
class Maps:
    """The feature maps of a backbone, at strides 4, 8, .., as transformers takes them."""

    feature_maps: tuple[Float[Tensor, "n c h w"], ...]


class ResNetBackbone(nn.Module):
    """A ResNet whose tensors are called as in detectron2; it gives the maps of all stages."""

    def __init__(self, resnet: ResNet, layout: Layout) -> None:
        super().__init__()
        self.channels = list(resnet.channels)
        self.stem = _Stem(resnet.stem)
        dilations = (1, 1, layout.res4_dilation, layout.res5_dilation)
        before = resnet.stem[-1]
        for i, (depth, width, dilation) in enumerate(zip(resnet.depths, resnet.channels, dilations, strict=True)):
            grid = (i == 3 and layout.res5_multi_grid) or (1,) * depth
            if len(grid) != depth:
                raise ModelError(f"RES5_MULTI_GRID has {len(grid)} numbers, and res5 {count_text(depth, 'block')}")
            blocks = nn.Sequential()
            for factor in grid:
                shape = (before, resnet.bottleneck * 2**i, width)
                stride = 2 if i and dilation == 1 and not blocks else 1
                first = stride if layout.stride_in_1x1 else 1
                blocks.append(_Block(shape, (first, stride // first), dilation * factor, resnet.groups))
                before = width
            self.add_module(f"res{i + 2}", blocks)

    def forward(self, pixels: Float[Tensor, "n 3 h w"]) -> Maps:
        """Return the maps of an image."""
        maps = [self.stem(pixels)]
        for i in range(2, 6):
            maps.append(self.get_submodule(f"res{i}")(maps[-1]))
        return Maps(tuple(maps[1:]))


class _Convolution(nn.Conv2d):
    """A convolution without bias and the normalisation behind it."""

    def __init__(self, shape: tuple[int, int, int], *, stride: int = 1, dilation: int = 1, groups: int = 1) -> None:
        before, after, edge = shape
        padding = dilation * (edge // 2)
        super().__init__(before, after, edge, stride, padding, dilation, groups, bias=False)
        self.norm = nn.BatchNorm2d(after)

    def forward(self, maps: Tensor) -> Tensor:
        normalised: Tensor = self.norm(super().forward(maps))
        return normalised


class _Stem(nn.Module):
    def __init__(self, channels: tuple[int, ...]) -> None:
        super().__init__()
        edge = 3 if len(channels) > 1 else 7
        for i, (before, after) in enumerate(pairwise((3, *channels)), 1):
            self.add_module(f"conv{i}", _Convolution((before, after, edge), stride=2 if i == 1 else 1))

    def forward(self, maps: Tensor) -> Tensor:
        for convolution in self.children():
            maps = torch.relu(convolution(maps))
        return functional.max_pool2d(maps, kernel_size=3, stride=2, padding=1)


class _Block(nn.Module):
    """A bottleneck block; `strides` are those of its first two convolutions."""

    def __init__(self, shape: tuple[int, int, int], strides: tuple[int, int], dilation: int, groups: int) -> None:
        super().__init__()
        before, inner, after = shape
        first, second = strides
        if before != after:
            self.shortcut: nn.Module = _Convolution((before, after, 1), stride=first * second)
        else:
            self.shortcut = nn.Identity()
        self.conv1 = _Convolution((before, inner, 1), stride=first)
        self.conv2 = _Convolution((inner, inner, 3), stride=second, dilation=dilation, groups=groups)
        self.conv3 = _Convolution((inner, after, 1))

    def forward(self, maps: Tensor) -> Tensor:
        inner = self.conv2(torch.relu(self.conv1(maps)))
        return torch.relu(self.conv3(torch.relu(inner)) + self.shortcut(maps))
