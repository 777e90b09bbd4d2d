"""Which tensor of detectron2 is which of transformers: the whole of both, name by name."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise

from reliseg.errors import ModelError, count_text, shape_text
from reliseg.models.detectron2.architecture import LEVELS, POINTS, Architecture, ResNet, Shape, Swin
from reliseg.runtime.printable import printable

BACKBONE = "backbone."
"""What the names of a ResNet begin with: it is a module of this package, and keeps them."""
_HEAD, _PIXEL, _PREDICTOR = "sem_seg_head.", "sem_seg_head.pixel_decoder.", "sem_seg_head.predictor."
_LEFT_NAMES = ("criterion.empty_weight", "pixel_mean", "pixel_std")
_LEFT_ENDINGS = (".num_batches_tracked", ".attn.relative_position_index")


@dataclass(frozen=True)
class Entry:
    """A tensor of a checkpoint, its shape, and what it becomes: of several targets, each gets an equal part of rows."""

    source: str
    shape: Shape
    targets: tuple[str, ...]


def plain_name(name: str) -> str:
    """Return the name that a tensor has today: the first versions of both projects called some otherwise."""
    if name.startswith(_HEAD) and not name.startswith((_PIXEL, _PREDICTOR)):
        name = _PIXEL + name.removeprefix(_HEAD)
    return name.replace(f"{_PREDICTOR}static_query.", f"{_PREDICTOR}query_feat.")


def is_left_out(name: str) -> bool:
    """Tell if a tensor is not of the network: of training, or computed anew from its settings."""
    return name in _LEFT_NAMES or name.endswith(_LEFT_ENDINGS)


def check_shapes(shapes: Mapping[str, Shape], entries: list[Entry]) -> None:
    """Raise a ModelError, which names the first tensor, unless a checkpoint has all tensors of a network and no other.

    Those that are left out do not count.
    """
    for entry in entries:
        shape = shapes.get(entry.source)
        if shape is None:
            raise ModelError(f"it has no {entry.source}, which the network needs{_others(shapes, entries)}")
        if shape != entry.shape:
            raise ModelError(
                f"{entry.source} is {shape_text(shape)}, and the other tensors need {shape_text(entry.shape)}"
            )
    known = {entry.source for entry in entries}
    unknown = [name for name in shapes if name not in known and not is_left_out(name)]
    if unknown:
        more = f" and {count_text(len(unknown) - 1, 'other tensor')}" if len(unknown) > 1 else ""
        raise ModelError(
            f"{printable(unknown[0])}{more} would be left unused: the network is not the Mask2Former or MaskFormer "
            "of the papers; export it to ONNX, or bring it as a python model"
        )


def _others(shapes: Mapping[str, Shape], entries: list[Entry]) -> str:
    missing = sum(entry.source not in shapes for entry in entries) - 1
    return f", nor {count_text(missing, 'other')}" if missing else ""


def entries_of(network: Architecture) -> list[Entry]:
    """Return all tensors of a network."""
    head = _mask2former if network.head == "mask2former" else _maskformer
    backbone = network.backbone
    own = _resnet(backbone) if isinstance(backbone, ResNet) else _swin(backbone, network.head)
    return [*own, *head(network)]


def _both(source: str, target: str, shape: Shape) -> Iterator[Entry]:
    """Yield weight and bias of a layer; `shape` is the weight's."""
    yield Entry(f"{source}.weight", shape, (f"{target}.weight",))
    yield Entry(f"{source}.bias", shape[:1], (f"{target}.bias",))


def _split(source: tuple[str, str], targets: tuple[str, ...], width: int) -> Iterator[Entry]:
    """Yield the packed weight and bias of queries, keys and values."""
    for name, kind, shape in zip(source, ("weight", "bias"), ((3 * width, width), (3 * width,)), strict=True):
        yield Entry(name, shape, tuple(f"{target}.{kind}" for target in targets))


def _swin(swin: Swin, head: str) -> Iterator[Entry]:
    start = "model.pixel_level_module.encoder."
    norms = f"{start}hidden_states_norms."
    start += "model." if head == "maskformer" else ""
    width = swin.width
    yield from _both("backbone.patch_embed.proj", f"{start}embeddings.patch_embeddings.projection", (width, 3, 4, 4))
    yield from _both("backbone.patch_embed.norm", f"{start}embeddings.norm", (width,))
    for i, (depth, heads, width) in enumerate(zip(swin.depths, swin.heads, swin.channels, strict=True)):
        source, target = f"backbone.layers.{i}", f"{start}encoder.layers.{i}"
        for j in range(depth):
            yield from _swin_block(f"{source}.blocks.{j}", f"{target}.blocks.{j}", swin, (width, heads))
        if i + 1 < len(swin.depths):
            merge = f"{target}.downsample"
            yield Entry(f"{source}.downsample.reduction.weight", (2 * width, 4 * width), (f"{merge}.reduction.weight",))
            yield from _both(f"{source}.downsample.norm", f"{merge}.norm", (4 * width,))
        yield from _both(f"backbone.norm{i}", f"{norms}{i if head == 'maskformer' else f'stage{i + 1}'}", (width,))


def _swin_block(source: str, target: str, swin: Swin, size: tuple[int, int]) -> Iterator[Entry]:
    width, heads = size
    inner, table = int(swin.mlp_ratio * width), (2 * swin.window - 1) ** 2
    own = f"{target}.attention.self"
    yield from _both(f"{source}.norm1", f"{target}.layernorm_before", (width,))
    yield Entry(f"{source}.attn.relative_position_bias_table", (table, heads), (f"{own}.relative_position_bias_table",))
    parts = (f"{own}.query", f"{own}.key", f"{own}.value")
    yield from _split((f"{source}.attn.qkv.weight", f"{source}.attn.qkv.bias"), parts, width)
    yield from _both(f"{source}.attn.proj", f"{target}.attention.output.dense", (width, width))
    yield from _both(f"{source}.norm2", f"{target}.layernorm_after", (width,))
    yield from _both(f"{source}.mlp.fc1", f"{target}.intermediate.dense", (inner, width))
    yield from _both(f"{source}.mlp.fc2", f"{target}.output.dense", (width, inner))


def _resnet(resnet: ResNet) -> Iterator[Entry]:
    """Yield the tensors of a ResNet, which keep their names."""
    edge = 3 if resnet.deep_stem else 7
    for i, (before, after) in enumerate(pairwise((3, *resnet.stem)), 1):
        yield from _convolution(f"{BACKBONE}stem.conv{i}", (after, before, edge, edge))
    before = resnet.stem[-1]
    for i, (depth, width) in enumerate(zip(resnet.depths, resnet.channels, strict=True)):
        inner = resnet.bottleneck * 2**i
        for j in range(depth):
            block = f"{BACKBONE}res{i + 2}.{j}"
            if j == 0:
                yield from _convolution(f"{block}.shortcut", (width, before, 1, 1))
            yield from _convolution(f"{block}.conv1", (inner, before, 1, 1))
            yield from _convolution(f"{block}.conv2", (inner, inner // resnet.groups, 3, 3))
            yield from _convolution(f"{block}.conv3", (width, inner, 1, 1))
            before = width


def _convolution(name: str, shape: Shape) -> Iterator[Entry]:
    yield Entry(f"{name}.weight", shape, (f"{name}.weight",))
    for part in ("weight", "bias", "running_mean", "running_var"):
        yield Entry(f"{name}.norm.{part}", shape[:1], (f"{name}.norm.{part}",))


def _with_norm(source: str, target: str, shape: Shape) -> Iterator[Entry]:
    """Yield a convolution without bias, and the normalisation behind it."""
    yield Entry(f"{source}.weight", shape, (f"{target}.0.weight",))
    yield from _both(f"{source}.norm", f"{target}.1", shape[:1])


def _mask2former(net: Architecture) -> Iterator[Entry]:
    width, features, mask = net.width, net.feature_width, net.mask_width
    pixel = "model.pixel_level_module.decoder"
    for i, channels in enumerate(reversed(net.backbone.channels[1:])):
        yield from _both(f"{_PIXEL}input_proj.{i}.0", f"{pixel}.input_projections.{i}.0", (features, channels, 1, 1))
        yield from _both(f"{_PIXEL}input_proj.{i}.1", f"{pixel}.input_projections.{i}.1", (features,))
    yield Entry(f"{_PIXEL}transformer.level_embed", (LEVELS, features), (f"{pixel}.level_embed",))
    for i in range(net.encoder_layers):
        yield from _encoder_layer(f"{_PIXEL}transformer.encoder.layers.{i}", f"{pixel}.encoder.layers.{i}", net)
    yield from _with_norm(f"{_PIXEL}adapter_1", f"{pixel}.adapter_1", (features, net.backbone.channels[0], 1, 1))
    yield from _with_norm(f"{_PIXEL}layer_1", f"{pixel}.layer_1", (features, features, 3, 3))
    yield from _both(f"{_PIXEL}mask_features", f"{pixel}.mask_projection", (mask, features, 1, 1))

    module = "model.transformer_module"
    for name, target in (("query_feat", "queries_features"), ("query_embed", "queries_embedder")):
        yield Entry(f"{_PREDICTOR}{name}.weight", (net.queries, width), (f"{module}.{target}.weight",))
    yield Entry(f"{_PREDICTOR}level_embed.weight", (LEVELS, width), (f"{module}.level_embed.weight",))
    for i in range(net.decoder_layers):
        yield from _masked_layer(i, f"{module}.decoder.layers.{i}", net)
    yield from _both(f"{_PREDICTOR}decoder_norm", f"{module}.decoder.layernorm", (width,))
    yield from _predictions(f"{module}.decoder.mask_predictor.mask_embedder", net)


def _encoder_layer(source: str, target: str, net: Architecture) -> Iterator[Entry]:
    width, inner, samples = net.feature_width, net.encoder_feedforward, (net.heads or 1) * LEVELS * POINTS
    for name, rows in (
        ("sampling_offsets", 2 * samples),
        ("attention_weights", samples),
        ("value_proj", width),
        ("output_proj", width),
    ):
        yield from _both(f"{source}.self_attn.{name}", f"{target}.self_attn.{name}", (rows, width))
    yield from _both(f"{source}.norm1", f"{target}.self_attn_layer_norm", (width,))
    yield from _both(f"{source}.linear1", f"{target}.fc1", (inner, width))
    yield from _both(f"{source}.linear2", f"{target}.fc2", (width, inner))
    yield from _both(f"{source}.norm2", f"{target}.final_layer_norm", (width,))


def _masked_layer(i: int, target: str, net: Architecture) -> Iterator[Entry]:
    width, inner = net.width, net.decoder_feedforward
    across, own, feed = (
        f"{_PREDICTOR}transformer_{n}_layers.{i}" for n in ("cross_attention", "self_attention", "ffn")
    )
    for kind, shape in (("weight", (3 * width, width)), ("bias", (3 * width,))):
        yield Entry(f"{across}.multihead_attn.in_proj_{kind}", shape, (f"{target}.cross_attn.in_proj_{kind}",))
    yield from _both(f"{across}.multihead_attn.out_proj", f"{target}.cross_attn.out_proj", (width, width))
    yield from _both(f"{across}.norm", f"{target}.cross_attn_layer_norm", (width,))
    yield from _attention(f"{own}.self_attn", f"{target}.self_attn", width)
    yield from _both(f"{own}.norm", f"{target}.self_attn_layer_norm", (width,))
    yield from _both(f"{feed}.linear1", f"{target}.fc1", (inner, width))
    yield from _both(f"{feed}.linear2", f"{target}.fc2", (width, inner))
    yield from _both(f"{feed}.norm", f"{target}.final_layer_norm", (width,))


def _attention(source: str, target: str, width: int) -> Iterator[Entry]:
    packed = (f"{source}.in_proj_weight", f"{source}.in_proj_bias")
    yield from _split(packed, (f"{target}.q_proj", f"{target}.k_proj", f"{target}.v_proj"), width)
    yield from _both(f"{source}.out_proj", f"{target}.out_proj", (width, width))


def _maskformer(net: Architecture) -> Iterator[Entry]:
    width, features, channels = net.width, net.feature_width, net.backbone.channels
    pixel = "model.pixel_level_module.decoder"
    yield from _with_norm(f"{_PIXEL}layer_4", f"{pixel}.fpn.stem", (features, channels[-1], 3, 3))
    for i, level in enumerate((3, 2, 1)):
        layer = f"{pixel}.fpn.layers.{i}"
        yield from _with_norm(f"{_PIXEL}adapter_{level}", f"{layer}.proj", (features, channels[level - 1], 1, 1))
        yield from _with_norm(f"{_PIXEL}layer_{level}", f"{layer}.block", (features, features, 3, 3))
    yield from _both(f"{_PIXEL}mask_features", f"{pixel}.mask_projection", (net.mask_width, features, 3, 3))

    module = "model.transformer_module"
    yield Entry(f"{_PREDICTOR}query_embed.weight", (net.queries, width), (f"{module}.queries_embedder.weight",))
    yield from _both(f"{_PREDICTOR}input_proj", f"{module}.input_projection", (width, channels[-1], 1, 1))
    for i in range(net.decoder_layers):
        source, target = f"{_PREDICTOR}transformer.decoder.layers.{i}", f"{module}.decoder.layers.{i}"
        yield from _attention(f"{source}.self_attn", f"{target}.self_attn", width)
        yield from _attention(f"{source}.multihead_attn", f"{target}.encoder_attn", width)
        yield from _both(f"{source}.linear1", f"{target}.fc1", (net.decoder_feedforward, width))
        yield from _both(f"{source}.linear2", f"{target}.fc2", (width, net.decoder_feedforward))
        for norm, name in (("norm1", "self_attn"), ("norm2", "encoder_attn"), ("norm3", "final")):
            yield from _both(f"{source}.{norm}", f"{target}.{name}_layer_norm", (width,))
    yield from _both(f"{_PREDICTOR}transformer.decoder.norm", f"{module}.decoder.layernorm", (width,))
    yield from _predictions("mask_embedder", net)


def _predictions(embedder: str, net: Architecture) -> Iterator[Entry]:
    """Yield the layers that give classes and masks of queries."""
    yield from _both(f"{_PREDICTOR}class_embed", "class_predictor", (net.classes + 1, net.width))
    for i, rows in enumerate((net.width, net.width, net.mask_width)):
        yield from _both(f"{_PREDICTOR}mask_embed.layers.{i}", f"{embedder}.{i}.0", (rows, net.width))
