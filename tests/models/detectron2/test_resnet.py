"""The ResNets of detectron2, against a forward written out from their tensors."""

import pytest
import torch
from helpers import detectron2_forward as reference
from helpers import detectron2_published as published

from reliseg.models.detectron2.architecture import ResNet
from reliseg.models.detectron2.resnet import Layout, ResNetBackbone

SMALL = ResNet(stem=(4, 4, 8), depths=(1, 2, 2, 3), width=32, bottleneck=8)


def randomised(resnet, layout):
    backbone = ResNetBackbone(resnet, layout).eval()
    generator = torch.Generator().manual_seed(0)
    for name, tensor in backbone.state_dict().items():
        if name.endswith("weight") and tensor.ndim > 1:
            tensor.copy_(torch.randn(tensor.shape, generator=generator) / tensor[0].numel() ** 0.5)
        elif tensor.is_floating_point():
            tensor.copy_(0.5 + torch.rand(tensor.shape, generator=generator))
    return backbone


def maps_of(backbone, pixels):
    with torch.inference_mode():
        return backbone(pixels).feature_maps


def named(backbone):
    return {f"backbone.{name}": tensor for name, tensor in backbone.state_dict().items()}


@pytest.mark.parametrize(
    ("layout", "options", "sizes"),
    [
        (Layout(), {}, [(17, 12), (9, 6), (5, 3), (3, 2)]),
        (Layout(res5_multi_grid=(1, 2, 4)), {"multi_grid": (1, 2, 4)}, [(17, 12), (9, 6), (5, 3), (3, 2)]),
        (Layout(res5_dilation=2), {"dilations": (1, 2)}, [(17, 12), (9, 6), (5, 3), (5, 3)]),
        (
            Layout((1, 2, 4), res4_dilation=2, res5_dilation=4),
            {"multi_grid": (1, 2, 4), "dilations": (2, 4)},
            [(17, 12), (9, 6), (9, 6), (9, 6)],
        ),
    ],
)
@pytest.mark.parametrize("stem", [(8,), (4, 4, 8)])
def test_maps_are_those_of_the_forward_written_out(layout, options, sizes, stem):
    backbone = randomised(ResNet(stem, SMALL.depths, SMALL.width, SMALL.bottleneck), layout)
    pixels = torch.randn(1, 3, 66, 46, generator=torch.Generator().manual_seed(1))
    ours, theirs = maps_of(backbone, pixels), reference.resnet(named(backbone), pixels, **options)
    assert [tuple(m.shape[-2:]) for m in ours] == sizes
    for own, other in zip(ours, theirs, strict=True):
        assert (own - other).abs().max() <= 1e-5 * other.abs().max()


def test_a_stride_in_the_first_convolution_leaves_out_other_positions_than_one_in_the_second():
    pixels = torch.randn(1, 3, 64, 64, generator=torch.Generator().manual_seed(1))
    second = randomised(SMALL, Layout())
    first = randomised(SMALL, Layout(stride_in_1x1=True))
    assert [block[0].conv1.stride for block in (first.res2, first.res3)] == [(1, 1), (2, 2)]
    assert [block[0].conv2.stride for block in (second.res2, second.res3)] == [(1, 1), (2, 2)]
    one, other = maps_of(first, pixels), maps_of(second, pixels)
    assert torch.equal(one[0], other[0])
    assert one[1].shape == other[1].shape
    assert not torch.allclose(one[1], other[1])


def test_groups_of_a_convolution_see_their_own_channels():
    backbone = ResNetBackbone(ResNet((8,), (1, 1, 1, 1), 32, 16, groups=4), Layout())
    assert backbone.res3[0].conv2.weight.shape == (32, 8, 3, 3)


def test_r101c_has_exactly_the_published_tensors():
    with torch.device("meta"):
        backbone = ResNetBackbone(ResNet((64, 64, 128), (3, 4, 23, 3), 256, 64), Layout((1, 2, 4)))
    own = {f"backbone.{name}": tuple(tensor.shape) for name, tensor in backbone.state_dict().items()}
    counters = {name for name in own if name.endswith("num_batches_tracked")}
    assert {name: shape for name, shape in own.items() if name not in counters} == {
        name: shape for name, shape in published.r101c_maskformer().items() if name.startswith("backbone")
    }
    assert backbone.channels == [256, 512, 1024, 2048]
