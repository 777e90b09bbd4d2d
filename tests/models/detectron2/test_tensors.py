"""Every tensor of a checkpoint is accounted for."""

import pytest
from helpers import detectron2_published as published

from reliseg.errors import ModelError
from reliseg.models.detectron2.architecture import read_architecture
from reliseg.models.detectron2.tensors import check_shapes, entries_of, is_left_out, plain_name

NETWORKS = {
    "mask2former": published.swin_large_mask2former(),
    "maskformer": {plain_name(name): shape for name, shape in published.r101c_maskformer().items()},
}


@pytest.mark.parametrize("head", NETWORKS)
def test_sources_are_exactly_the_published_tensors_but_those_that_are_left_out(head):
    shapes = NETWORKS[head]
    entries = entries_of(read_architecture(shapes))
    assert {entry.source: entry.shape for entry in entries} == {n: s for n, s in shapes.items() if not is_left_out(n)}
    check_shapes(shapes, entries)


@pytest.mark.parametrize("head", NETWORKS)
def test_no_tensor_is_filled_twice(head):
    targets = [target for entry in entries_of(read_architecture(NETWORKS[head])) for target in entry.targets]
    assert len(targets) == len(set(targets))


@pytest.mark.parametrize("head", NETWORKS)
def test_the_first_tensor_that_lacks_is_named_with_the_number_of_the_others(head):
    shapes = NETWORKS[head]
    entries = entries_of(read_architecture(shapes))
    lacking = [name for name in shapes if "predictor.mask_embed.layers.1" in name]
    rest = {name: shape for name, shape in shapes.items() if name not in lacking}
    with pytest.raises(ModelError, match=rf"it has no {lacking[0]}, which the network needs, nor 1 other"):
        check_shapes(rest, entries)


def test_a_tensor_of_another_shape_is_named():
    shapes = NETWORKS["maskformer"] | {"backbone.res5.2.conv2.weight": (512, 512, 1, 1)}
    with pytest.raises(ModelError, match=r"conv2\.weight is 512 x 512 x 1 x 1, .* need 512 x 512 x 3 x 3"):
        check_shapes(shapes, entries_of(read_architecture(shapes)))


@pytest.mark.parametrize(
    ("head", "name"),
    [
        ("mask2former", "backbone.absolute_pos_embed"),
        ("maskformer", "backbone.res3.0.conv2_offset.weight"),
        ("maskformer", "sem_seg_head.pixel_decoder.transformer.encoder.layers.0.norm1.weight"),
    ],
)
def test_a_tensor_without_a_place_is_refused_by_name(head, name):
    shapes = NETWORKS[head] | {name: (1, 2), f"{name}s": (3,)}
    with pytest.raises(ModelError, match=rf"{name} and 1 other tensor would be left unused"):
        check_shapes(shapes, entries_of(read_architecture(shapes)))


@pytest.mark.parametrize(
    "name",
    [
        "criterion.empty_weight",
        "pixel_mean",
        "pixel_std",
        "backbone.stem.conv1.norm.num_batches_tracked",
        "backbone.layers.0.blocks.1.attn.relative_position_index",
    ],
)
def test_what_is_of_training_or_computed_anew_is_left_out(name):
    assert is_left_out(name)


def test_names_of_first_versions_are_brought_to_those_of_today():
    assert plain_name("sem_seg_head.adapter_1.norm.bias") == "sem_seg_head.pixel_decoder.adapter_1.norm.bias"
    assert plain_name("sem_seg_head.predictor.static_query.weight") == "sem_seg_head.predictor.query_feat.weight"
    for name in ("sem_seg_head.pixel_decoder.layer_1.weight", "sem_seg_head.predictor.class_embed.bias", "backbone.a"):
        assert plain_name(name) == name
