"""Networks of detectron2 compute the same as networks of transformers, to the last tensor."""

import pytest
import torch
from helpers import detectron2_forward as reference
from helpers import detectron2_published as published
from helpers.detectron2_networks import (
    detectron2_shapes,
    detectron2_tensors,
    mask2former,
    maskformer,
    small_resnet,
    small_swin,
)

from reliseg.errors import ModelError
from reliseg.models.detectron2.architecture import read_architecture
from reliseg.models.detectron2.network import build_network, configuration, left_out
from reliseg.models.detectron2.resnet import Layout
from reliseg.models.detectron2.tensors import plain_name

CASES = {
    "mask2former swin": (mask2former, small_swin),
    "mask2former resnet": (mask2former, small_resnet),
    "maskformer swin": (maskformer, small_swin),
    "maskformer resnet": (maskformer, small_resnet),
}


def tensors_of(model):
    return {name: torch.from_numpy(array) for name, array in detectron2_tensors(model).items()}


def built(tensors, layout=None):
    network = read_architecture({plain_name(name): tuple(tensor.shape) for name, tensor in tensors.items()})
    return build_network(tensors, network, layout=layout or Layout(), heads=network.heads or 8, pre_norm=False)


def queries(model, pixels):
    with torch.inference_mode():
        output = model(pixel_values=pixels)
    return output.class_queries_logits, output.masks_queries_logits


def pixels(size=(96, 160)):
    return torch.randn(2, 3, *size, generator=torch.Generator().manual_seed(0))


def assert_near(ours, theirs):
    """Equal but for the rounding of float32: to a hundred thousandth of the largest number."""
    for own, other in zip(ours, theirs, strict=True):
        assert own.shape == other.shape
        assert (own - other).abs().max() <= 1e-5 * other.abs().max()


@pytest.mark.parametrize("case", CASES)
def test_a_network_of_transformers_saved_under_the_names_of_detectron2_gives_the_same_queries(case):
    make, backbone = CASES[case]
    model = make(backbone())
    assert_near(queries(built(tensors_of(model)), pixels()), queries(model, pixels()))


@pytest.mark.parametrize("case", CASES)
def test_queries_are_those_of_the_forward_written_out_from_the_tensors(case):
    make, backbone = CASES[case]
    tensors = tensors_of(make(backbone(), seed=1))
    maps = (reference.swin if "swin" in case else reference.resnet)(tensors, pixels())
    if make is mask2former:
        expected = reference.mask2former(tensors, maps, heads=4)
    else:
        expected = reference.maskformer(tensors, maps)
    assert_near(queries(built(tensors), pixels()), expected)


def deep_tensors():
    """Return a MaskFormer whose ResNet has a stem of three convolutions, and three blocks at the end."""
    tensors = tensors_of(maskformer(small_resnet(), seed=2))
    generator = torch.Generator().manual_seed(3)
    new = {"stem.conv1": (4, 3, 3, 3), "stem.conv2": (4, 4, 3, 3), "stem.conv3": (8, 4, 3, 3)}
    for block in (1, 2):
        new |= {f"res5.{block}.conv1": (64, 256, 1, 1), f"res5.{block}.conv2": (64, 64, 3, 3)}
        new |= {f"res5.{block}.conv3": (256, 64, 1, 1)}
    for name, shape in new.items():
        fan = shape[1] * shape[2] * shape[3]
        tensors[f"backbone.{name}.weight"] = torch.randn(shape, generator=generator) / fan**0.5
        for part in ("weight", "bias", "running_mean", "running_var"):
            tensors[f"backbone.{name}.norm.{part}"] = 0.5 + torch.rand(shape[0], generator=generator)
    return {name: tensor for name, tensor in tensors.items() if "num_batches" not in name}


def test_a_deep_stem_and_a_multi_grid_are_those_of_the_forward_written_out():
    tensors = deep_tensors()
    ours = queries(built(tensors, Layout(res5_multi_grid=(1, 2, 4))), pixels())
    assert_near(ours, reference.maskformer(tensors, reference.resnet(tensors, pixels(), multi_grid=(1, 2, 4))))
    without = reference.maskformer(tensors, reference.resnet(tensors, pixels()))
    assert (ours[1] - without[1]).abs().max() > 1e-3 * ours[1].abs().max()


def test_what_is_left_out_is_named():
    tensors = tensors_of(maskformer(small_swin())) | {"pixel_mean": torch.zeros(3, 1, 1)}
    unused = left_out(tensors)
    assert {name.rsplit(".", 1)[-1] for name in unused} == {"relative_position_index", "empty_weight", "pixel_mean"}
    assert len(unused) == 6 + 2
    built(tensors)


def test_old_names_of_the_pixel_decoder_are_read():
    tensors = tensors_of(maskformer(small_resnet()))
    old = {name.replace("pixel_decoder.", ""): tensor for name, tensor in tensors.items()}
    assert old.keys() != tensors.keys()
    assert_near(queries(built(old), pixels()), queries(built(tensors), pixels()))


def test_numbers_of_half_precision_are_computed_with_as_float32():
    tensors = tensors_of(maskformer(small_swin()))
    halves = {name: tensor.half() if tensor.is_floating_point() else tensor for name, tensor in tensors.items()}
    assert {p.dtype for p in built(halves).parameters()} == {torch.float32}


def test_a_multi_grid_for_another_number_of_blocks_is_refused():
    with pytest.raises(ModelError, match=r"RES5_MULTI_GRID has 3 numbers, and res5 1 block"):
        built(tensors_of(maskformer(small_resnet())), Layout(res5_multi_grid=(1, 2, 4)))


def on_meta(network):
    kind, config = configuration(network, 8, False)
    with torch.device("meta"):
        return kind(config)


def test_mask2former_with_swin_large_has_exactly_the_published_tensors():
    shapes = published.swin_large_mask2former()
    model = on_meta(read_architecture(shapes))
    computed = {name for name in shapes if name.endswith("relative_position_index")}
    assert detectron2_shapes(model) == {name: shape for name, shape in shapes.items() if name not in computed}
    assert sum(p.numel() for p in model.parameters()) // 10**6 == 215  # as the paper says


def test_maskformer_with_r101c_has_exactly_the_published_tensors():
    shapes = {plain_name(name): shape for name, shape in published.r101c_maskformer().items()}
    of_head = {name: shape for name, shape in shapes.items() if not name.startswith("backbone")}
    model = detectron2_shapes(on_meta(read_architecture(shapes)))
    assert {name: shape for name, shape in model.items() if not name.startswith("backbone")} == of_head
    learnt = [torch.Size(shape).numel() for name, shape in shapes.items() if "running" not in name]
    assert round(sum(learnt) / 1e6) == 60  # as the paper says
