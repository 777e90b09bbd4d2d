"""Mask classification in torch, for graphs: class maps from queries and masks, as `kernels.reference_masks` has them.

Images have one size, so the places that interpolation adds up, and their weights, are numbers of the graph.
"""

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from reliseg.kernels.reference_masks import Order, Size
from reliseg.kernels.rows.bilinear import Taps
from reliseg.kernels.rows.masks import NetworkInput, steps_of
from reliseg.models.torch.network import Queries
from reliseg.stats.probabilities import LEAST_MAP
from reliseg.types import Float

_NUMBERS = 1 << 24
"""How many numbers of masks are interpolated at a time: masks of all queries at the size of an image take gigabytes."""
_SCALE = 2.0**64
"""Of class maps until their logarithm is taken: small ones would lose digits, or be 0 where denormals are flushed."""


def class_maps(queries: Queries, order: Order, seen: NetworkInput, image: Size) -> Float[Tensor, "n c H W"]:
    """Return the class maps at the size of the image, no object left out, times 2**64."""
    masks = queries.masks.float()
    weights = queries.classes.float().softmax(dim=2)[:, :, :-1].transpose(1, 2) * _SCALE
    to_maps, to_image = steps_of((masks.shape[2], masks.shape[3]), order, seen, image)
    maps = _class_sum(masks, weights) if to_maps is None else _sum_by_rows(masks, weights, to_maps)
    return maps if to_image is None else _interpolated(maps, to_image)


def logs_of(maps: Float[Tensor, "n c H W"]) -> Float[Tensor, "n c H W"]:
    """Return the logarithms of class maps times 2**64, which stand in the place of logits."""
    return maps.clamp(min=LEAST_MAP * _SCALE).log() - math.log(_SCALE)


def shares_of(maps: Float[Tensor, "n c H W"]) -> Float[Tensor, "n c H W"]:
    """Return class maps divided by their sum, times 2**64 as these are."""
    bounded = maps.clamp(min=LEAST_MAP * _SCALE)
    return bounded / bounded.sum(dim=1, keepdim=True) * _SCALE


def _sum_by_rows(
    masks: Float[Tensor, "n q h w"], weights: Float[Tensor, "n c q"], directions: Sequence[Taps]
) -> Float[Tensor, "n c H W"]:
    """Return the class sum of interpolated masks, some rows after the other."""
    rows, columns = directions
    height, width = rows.source.shape[1], columns.source.shape[1]
    step = max(1, _NUMBERS // (masks.shape[1] * width))
    parts = []
    for first in range(0, height, step):
        here = Taps(rows.source[:, first : first + step], rows.weight[:, first : first + step])
        parts.append(_class_sum(_interpolated(masks, [here, columns]), weights))
    return torch.cat(parts, dim=2)


def _class_sum(masks: Float[Tensor, "n q h w"], weights: Float[Tensor, "n c q"]) -> Float[Tensor, "n c h w"]:
    e = (-masks.abs()).exp()  # the sigmoid of ONNX Runtime ends at masks of 18
    sigmoid = torch.where(masks < 0, e, torch.ones_like(e)) / (1 + e)
    return (weights @ sigmoid.flatten(2)).reshape(-1, weights.shape[1], masks.shape[2], masks.shape[3])


def _interpolated(maps: Float[Tensor, "n c h w"], directions: Sequence[Taps]) -> Float[Tensor, "n c H W"]:
    """Return maps interpolated down, then across."""
    for axis, (places, weights) in zip((2, 3), directions, strict=True):
        shape = (-1, 1) if axis == 2 else (1, -1)
        parts = [
            maps.index_select(axis, torch.from_numpy(own)) * torch.tensor(weight, dtype=torch.float32).view(shape)
            for own, weight in zip(places, weights, strict=True)
        ]
        maps = sum(parts[1:], parts[0])
    return maps
