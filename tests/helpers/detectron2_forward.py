"""What Mask2Former and MaskFormer of detectron2 compute, written out from its tensors: an image in, queries out.

It has no modules: each function takes the tensors by the names that detectron2 gives them. Nothing is shared with the
package, nor with transformers.
"""

import math
from collections.abc import Mapping

import torch
from torch import Tensor
from torch.nn import functional as f

Tensors = Mapping[str, Tensor]


class _Part:
    """The tensors whose names begin with a prefix."""

    def __init__(self, tensors: Tensors, prefix: str) -> None:
        self.tensors, self.prefix = tensors, prefix

    def __getitem__(self, name: str) -> Tensor:
        return self.tensors[self.prefix + name]

    def __contains__(self, name: str) -> bool:
        return any(key.startswith(self.prefix + name) for key in self.tensors)

    def part(self, name: str) -> "_Part":
        return _Part(self.tensors, f"{self.prefix}{name}.")

    def linear(self, name: str, x: Tensor) -> Tensor:
        return f.linear(x, self[f"{name}.weight"], self[f"{name}.bias"])

    def layer_norm(self, name: str, x: Tensor) -> Tensor:
        weight = self[f"{name}.weight"]
        return f.layer_norm(x, weight.shape, weight, self[f"{name}.bias"])

    def group_norm(self, name: str, x: Tensor) -> Tensor:
        return f.group_norm(x, 32, self[f"{name}.weight"], self[f"{name}.bias"])


# -- backbones


def resnet(
    tensors: Tensors, x: Tensor, *, multi_grid: tuple[int, ...] = (), dilations: tuple[int, int] = (1, 1)
) -> list[Tensor]:
    """Return the maps at strides 4 to 32 of a ResNet; strides stand in the convolutions of 3 x 3."""
    part = _Part(tensors, "backbone.")
    if "stem.conv2" in part:
        for i, stride in ((1, 2), (2, 1), (3, 1)):
            x = _batch_norm(part, f"stem.conv{i}", x, stride=stride).relu()
    else:
        x = _batch_norm(part, "stem.conv1", x, stride=2).relu()
    x = f.max_pool2d(x, 3, 2, 1)
    maps = []
    for stage in (2, 3, 4, 5):
        own = dilations[stage - 4] if stage > 3 else 1
        block = 0
        while f"res{stage}.{block}." in part:
            factor = multi_grid[block] if stage == 5 and multi_grid else 1
            stride = 2 if block == 0 and stage > 2 and own == 1 else 1
            name = f"res{stage}.{block}"
            inner = _batch_norm(part, f"{name}.conv1", x).relu()
            inner = _batch_norm(part, f"{name}.conv2", inner, stride=stride, dilation=own * factor).relu()
            inner = _batch_norm(part, f"{name}.conv3", inner)
            way = _batch_norm(part, f"{name}.shortcut", x, stride=stride) if f"{name}.shortcut" in part else x
            x = (inner + way).relu()
            block += 1
        maps.append(x)
    return maps


def _batch_norm(part: _Part, name: str, x: Tensor, *, stride: int = 1, dilation: int = 1) -> Tensor:
    weight = part[f"{name}.weight"]
    x = f.conv2d(x, weight, None, stride, dilation * (weight.shape[-1] // 2), dilation)
    scale = part[f"{name}.norm.weight"] * (part[f"{name}.norm.running_var"] + 1e-5).rsqrt()
    shift = part[f"{name}.norm.bias"] - part[f"{name}.norm.running_mean"] * scale
    return x * scale.reshape(1, -1, 1, 1) + shift.reshape(1, -1, 1, 1)


def swin(tensors: Tensors, x: Tensor) -> list[Tensor]:
    """Return the maps at strides 4 to 32 of a Swin transformer; every second block shifts its windows by half."""
    part = _Part(tensors, "backbone.")
    x = f.conv2d(x, part["patch_embed.proj.weight"], part["patch_embed.proj.bias"], 4).permute(0, 2, 3, 1)
    x = part.layer_norm("patch_embed.norm", x)
    maps, stage = [], 0
    while f"layers.{stage}." in part:
        block = 0
        while f"layers.{stage}.blocks.{block}." in part:
            x = _swin_block(part.part(f"layers.{stage}.blocks.{block}"), x, shifted=block % 2 == 1)
            block += 1
        maps.append(part.layer_norm(f"norm{stage}", x).permute(0, 3, 1, 2))
        if f"layers.{stage}.downsample" in part:
            merge = part.part(f"layers.{stage}.downsample")
            x = f.pad(x, (0, 0, 0, x.shape[2] % 2, 0, x.shape[1] % 2))
            x = torch.cat([x[:, i::2, j::2] for j in (0, 1) for i in (0, 1)], -1)
            x = merge.layer_norm("norm", x) @ merge["reduction.weight"].T
        stage += 1
    return maps


def _swin_block(part: _Part, x: Tensor, *, shifted: bool) -> Tensor:
    table = part["attn.relative_position_bias_table"]
    window = (math.isqrt(len(table)) + 1) // 2
    shift = window // 2 if shifted else 0
    n, height, width, channels = x.shape
    y = part.layer_norm("norm1", x)
    y = f.pad(y, (0, 0, 0, -width % window, 0, -height % window))
    rows, columns = y.shape[1:3]
    regions = torch.zeros(rows, columns)
    if shift:  # positions may see those of the same region only
        y = y.roll((-shift, -shift), (1, 2))
        marks = [torch.zeros(size) for size in (rows, columns)]
        for mark in marks:
            mark[-window:] = 1
            mark[-shift:] = 2
        regions = marks[0][:, None] * 3 + marks[1]
    y, regions = _windows(y, window), _windows(regions[None, :, :, None], window)[..., 0]
    apart = regions[:, :, None] != regions[:, None, :]

    heads = table.shape[1]
    q, k, v = part.linear("attn.qkv", y).reshape(len(y), -1, 3, heads, channels // heads).permute(2, 0, 3, 1, 4)
    place = torch.stack(torch.meshgrid(torch.arange(window), torch.arange(window), indexing="ij")).flatten(1)
    offset = place[:, :, None] - place[:, None, :] + window - 1
    bias = table[offset[0] * (2 * window - 1) + offset[1]].permute(2, 0, 1)
    scores = q @ k.transpose(-1, -2) / math.sqrt(channels // heads) + bias
    scores = scores - 100.0 * apart.repeat(n, 1, 1)[:, None]
    y = (scores.softmax(-1) @ v).transpose(1, 2).flatten(2)
    y = part.linear("attn.proj", y).reshape(n, rows // window, columns // window, window, window, channels)
    y = y.transpose(2, 3).reshape(n, rows, columns, channels).roll((shift, shift), (1, 2))
    x = x + y[:, :height, :width]
    return x + part.linear("mlp.fc2", f.gelu(part.linear("mlp.fc1", part.layer_norm("norm2", x))))


def _windows(x: Tensor, window: int) -> Tensor:
    n, height, width, channels = x.shape
    x = x.reshape(n, height // window, window, width // window, window, channels).transpose(2, 3)
    return x.reshape(-1, window * window, channels)


# -- heads


def sine(height: int, width: int, channels: int) -> Tensor:
    """Return the sine code of positions, 1 x channels x height x width: rows first, normalised to 2 pi."""
    half = channels // 2
    wave = 10000.0 ** (2 * (torch.arange(half) // 2) / half)
    codes = []
    for size in (height, width):
        place = torch.arange(1, size + 1, dtype=torch.float32) / (size + 1e-6) * 2 * math.pi
        angle = place[:, None] / wave
        codes.append(torch.stack((angle[:, 0::2].sin(), angle[:, 1::2].cos()), 2).flatten(1))
    rows, columns = codes
    code = torch.cat((rows[:, None].expand(-1, width, -1), columns[None].expand(height, -1, -1)), -1)
    return code.permute(2, 0, 1)[None]


def mask2former(tensors: Tensors, maps: list[Tensor], heads: int) -> tuple[Tensor, Tensor]:
    """Return class logits of the queries, n x q x (c + 1), and their masks, n x q x h x w."""
    levels, features = _deformable_decoder(_Part(tensors, "sem_seg_head.pixel_decoder."), maps, heads)
    part = _Part(tensors, "sem_seg_head.predictor.")
    width = part["query_feat.weight"].shape[1]
    n = len(features)
    sizes = [level.shape[-2:] for level in levels]
    keys = [(lv.flatten(2) + part["level_embed.weight"][i][None, :, None]).mT for i, lv in enumerate(levels)]
    places = [sine(*size, width).flatten(2).mT for size in sizes]
    queries = part["query_feat.weight"].expand(n, -1, -1)
    own = part["query_embed.weight"].expand(n, -1, -1)

    def predictions(x: Tensor, size: torch.Size) -> tuple[Tensor, Tensor, Tensor]:
        x = part.layer_norm("decoder_norm", x)
        classes = part.linear("class_embed", x)
        masks = torch.einsum("nqc,nchw->nqhw", _mlp(part.part("mask_embed.layers"), x), features)
        small = f.interpolate(masks, size=size, mode="bilinear", align_corners=False)
        hidden = small.sigmoid().flatten(2) < 0.5
        return classes, masks, hidden & ~hidden.all(-1, keepdim=True)  # a query that sees nothing looks at all

    classes, masks, hidden = predictions(queries, sizes[0])
    layer = 0
    while f"transformer_ffn_layers.{layer}." in part:
        level = layer % 3
        across = part.part(f"transformer_cross_attention_layers.{layer}")
        looked = _attend(
            across.part("multihead_attn"), (queries + own, keys[level] + places[level], keys[level]), heads, hidden
        )
        queries = across.layer_norm("norm", queries + looked)
        self_attention = part.part(f"transformer_self_attention_layers.{layer}")
        looked = _attend(self_attention.part("self_attn"), (queries + own, queries + own, queries), heads)
        queries = self_attention.layer_norm("norm", queries + looked)
        feed = part.part(f"transformer_ffn_layers.{layer}")
        queries = feed.layer_norm("norm", queries + feed.linear("linear2", feed.linear("linear1", queries).relu()))
        classes, masks, hidden = predictions(queries, sizes[(layer + 1) % 3])
        layer += 1
    return classes, masks


def maskformer(tensors: Tensors, maps: list[Tensor], heads: int = 8) -> tuple[Tensor, Tensor]:
    """Return class logits of the queries, n x q x (c + 1), and their masks, n x q x h x w."""
    pixel, part = _Part(tensors, "sem_seg_head.pixel_decoder."), _Part(tensors, "sem_seg_head.predictor.")
    x = pixel.group_norm("layer_4.norm", f.conv2d(maps[3], pixel["layer_4.weight"], None, 1, 1)).relu()
    for level in (3, 2, 1):
        side = pixel.group_norm(f"adapter_{level}.norm", f.conv2d(maps[level - 1], pixel[f"adapter_{level}.weight"]))
        x = side + f.interpolate(x, size=side.shape[-2:], mode="nearest")
        x = pixel.group_norm(f"layer_{level}.norm", f.conv2d(x, pixel[f"layer_{level}.weight"], None, 1, 1)).relu()
    features = f.conv2d(x, pixel["mask_features.weight"], pixel["mask_features.bias"], 1, 1)

    keys = f.conv2d(maps[3], part["input_proj.weight"], part["input_proj.bias"])
    places = sine(*keys.shape[-2:], keys.shape[1]).flatten(2).mT
    keys = keys.flatten(2).mT
    own = part["query_embed.weight"].expand(len(keys), -1, -1)
    queries = torch.zeros_like(own)
    layer = 0
    while f"transformer.decoder.layers.{layer}." in part:
        own_part = part.part(f"transformer.decoder.layers.{layer}")
        looked = _attend(own_part.part("self_attn"), (queries + own, queries + own, queries), heads)
        queries = own_part.layer_norm("norm1", queries + looked)
        looked = _attend(own_part.part("multihead_attn"), (queries + own, keys + places, keys), heads)
        queries = own_part.layer_norm("norm2", queries + looked)
        inner = own_part.linear("linear2", own_part.linear("linear1", queries).relu())
        queries = own_part.layer_norm("norm3", queries + inner)
        layer += 1
    queries = part.layer_norm("transformer.decoder.norm", queries)
    masks = torch.einsum("nqc,nchw->nqhw", _mlp(part.part("mask_embed.layers"), queries), features)
    return part.linear("class_embed", queries), masks


def _mlp(part: _Part, x: Tensor) -> Tensor:
    return part.linear("2", part.linear("1", part.linear("0", x).relu()).relu())


def _attend(part: _Part, inputs: tuple[Tensor, Tensor, Tensor], heads: int, hidden: Tensor | None = None) -> Tensor:
    """Return the attention of queries to keys; `hidden` marks positions that a query does not see."""
    weights, biases = part["in_proj_weight"].chunk(3), part["in_proj_bias"].chunk(3)
    q, k, v = (
        f.linear(x, w, b).unflatten(-1, (heads, -1)).transpose(1, 2)
        for x, w, b in zip(inputs, weights, biases, strict=True)
    )
    scores = q @ k.mT / math.sqrt(q.shape[-1])
    if hidden is not None:
        scores = scores.masked_fill(hidden[:, None], -torch.inf)
    return part.linear("out_proj", (scores.softmax(-1) @ v).transpose(1, 2).flatten(2))


def _deformable_decoder(part: _Part, maps: list[Tensor], heads: int) -> tuple[list[Tensor], Tensor]:
    """Return the maps at strides 32, 16 and 8, and the features of masks at stride 4."""
    inputs, places = [], []
    for i, feature in enumerate(reversed(maps[1:])):
        x = f.conv2d(feature, part[f"input_proj.{i}.0.weight"], part[f"input_proj.{i}.0.bias"])
        inputs.append(part.group_norm(f"input_proj.{i}.1", x))
        code = sine(*x.shape[-2:], x.shape[1]) + part["transformer.level_embed"][i][None, :, None, None]
        places.append(code.flatten(2).mT)
    sizes = [x.shape[-2:] for x in inputs]
    tokens, place = torch.cat([x.flatten(2).mT for x in inputs], 1), torch.cat(places, 1)
    layer = 0
    while f"transformer.encoder.layers.{layer}." in part:
        own = part.part(f"transformer.encoder.layers.{layer}")
        tokens = own.layer_norm("norm1", tokens + _sampled(own.part("self_attn"), tokens, place, sizes, heads))
        inner = own.linear("linear2", own.linear("linear1", tokens).relu())
        tokens = own.layer_norm("norm2", tokens + inner)
        layer += 1
    parts = tokens.split([h * w for h, w in sizes], 1)
    levels = [x.mT.unflatten(2, tuple(size)) for x, size in zip(parts, sizes, strict=True)]
    side = part.group_norm("adapter_1.norm", f.conv2d(maps[0], part["adapter_1.weight"]))
    x = side + f.interpolate(levels[2], size=side.shape[-2:], mode="bilinear", align_corners=False)
    x = part.group_norm("layer_1.norm", f.conv2d(x, part["layer_1.weight"], None, 1, 1)).relu()
    return levels, f.conv2d(x, part["mask_features.weight"], part["mask_features.bias"])


def _sampled(part: _Part, tokens: Tensor, place: Tensor, sizes: list[torch.Size], heads: int) -> Tensor:
    """Return what deformable attention gathers: four points a level and head, at learnt offsets."""
    n, length, width = tokens.shape
    queries = tokens + place
    values = part.linear("value_proj", tokens).reshape(n, length, heads, width // heads)
    offsets = part.linear("sampling_offsets", queries).reshape(n, length, heads, 3, 4, 2)
    weights = part.linear("attention_weights", queries).reshape(n, length, heads, 12).softmax(-1)
    weights = weights.reshape(n, length, heads, 3, 4)
    centres = torch.cat([_centres(*size) for size in sizes])  # of all positions, x and y in 0..1
    gathered = torch.zeros(n, length, heads, width // heads)
    start = 0
    for level, (height, columns) in enumerate(sizes):
        own = values[:, start : start + height * columns]
        start += height * columns
        points = centres[None, :, None, None] + offsets[:, :, :, level] / torch.tensor([columns, height])
        for head in range(heads):
            image = own[:, :, head].mT.unflatten(2, (height, columns))
            taken = f.grid_sample(image, 2 * points[:, :, head] - 1, mode="bilinear", align_corners=False)
            gathered[:, :, head] += (taken * weights[:, None, :, head, level]).sum(-1).mT
    return part.linear("output_proj", gathered.flatten(2))


def _centres(height: int, width: int) -> Tensor:
    rows, columns = (torch.arange(size) + 0.5 for size in (height, width))
    return torch.stack(((columns / width).expand(height, -1), (rows / height)[:, None].expand(-1, width)), -1).reshape(
        -1, 2
    )
