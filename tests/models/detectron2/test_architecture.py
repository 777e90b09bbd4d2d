"""Architectures read from names and shapes."""

import pytest
from helpers import detectron2_published as published

from reliseg.errors import ModelError
from reliseg.models.detectron2.architecture import Architecture, ResNet, Swin, read_architecture
from reliseg.models.detectron2.tensors import plain_name


def r101c():
    return {plain_name(name): shape for name, shape in published.r101c_maskformer().items()}


def test_a_swin_large_mask2former_is_read_from_its_tensors():
    network = read_architecture(published.swin_large_mask2former())
    swin = Swin(width=192, depths=(2, 2, 18, 2), heads=(6, 12, 24, 48), window=12, mlp_ratio=4.0)
    assert network == Architecture("mask2former", swin, 19, 100, 256, 256, 256, 9, 2048, 6, 1024, 8)
    assert swin.channels == (192, 384, 768, 1536)


def test_a_maskformer_with_r101c_is_read_from_its_tensors():
    network = read_architecture(r101c())
    resnet = ResNet(stem=(64, 64, 128), depths=(3, 4, 23, 3), width=256, bottleneck=64, groups=1)
    assert network == Architecture("maskformer", resnet, 19, 100, 256, 256, 256, 6, 2048)
    assert resnet.deep_stem
    assert resnet.channels == (256, 512, 1024, 2048)


def test_a_stem_of_one_convolution_is_no_deep_one():
    shapes = {name: shape for name, shape in r101c().items() if "stem.conv2" not in name and "stem.conv3" not in name}
    backbone = read_architecture(shapes | {"backbone.stem.conv1.weight": (64, 3, 7, 7)}).backbone
    assert isinstance(backbone, ResNet)
    assert backbone.stem == (64,)
    assert not backbone.deep_stem


def test_groups_of_a_resnext_are_read():
    shapes = {name: (64, 2, 3, 3) if name == "backbone.res2.0.conv2.weight" else s for name, s in r101c().items()}
    backbone = read_architecture(shapes).backbone
    assert isinstance(backbone, ResNet)
    assert backbone.groups == 32


@pytest.mark.parametrize(
    "name",
    [
        "backbone.patch_embed.proj.weight",
        "backbone.layers.0.blocks.0.attn.relative_position_bias_table",
        "sem_seg_head.predictor.class_embed.weight",
        "sem_seg_head.pixel_decoder.transformer.encoder.layers.0.linear1.weight",
    ],
)
def test_a_tensor_that_is_needed_and_lacking_is_named(name):
    shapes = published.swin_large_mask2former()
    with pytest.raises(ModelError, match=rf"it has no {name}; give the checkpoint of a whole"):
        read_architecture({other: shape for other, shape in shapes.items() if other != name})


def test_a_tensor_with_other_axes_is_named():
    shapes = r101c() | {"sem_seg_head.predictor.class_embed.weight": (20,)}
    with pytest.raises(ModelError, match=r"class_embed\.weight is 20; a tensor of 2 axes is needed"):
        read_architecture(shapes)


def test_another_network_of_detectron2_is_refused():
    shapes = {name: shape for name, shape in r101c().items() if "predictor.transformer" not in name}
    with pytest.raises(ModelError, match="the decoder of neither Mask2Former nor MaskFormer"):
        read_architecture(shapes)
    with pytest.raises(ModelError, match=r"it has no backbone\.res2\.0\.conv1\.weight"):
        read_architecture({})
