"""The definition of mask classification in float64 and plain NumPy: class maps from queries and masks.

Each of Q queries has a mask (Q x h x w, logits) and the probabilities of C classes and of no object (Q x (C + 1)). The
class maps of a pixel are s_c = sum over q of probability[q, c] * sigmoid(mask[q]); its probabilities are s / sum of s
over the classes without no object; log s, bounded below by that of `LEAST_MAP`, stands in the place of logits. The
network saw an image of the size `seen`, at the upper left of an input of the size `padded`. Where masks and maps are
interpolated in between is the *order*:

- `input`: masks to the padded input, sigmoid, class sum; maps cropped to what the network saw, then to the image.
- `image`: masks to the padded input, cropped, then to the image; sigmoid, class sum.
- `native`: sigmoid, class sum at the masks' own stride; maps to the image.
- `384`: masks to 384 x 384, sigmoid, class sum; maps to the image.
- `window`: as `input`; the input is a window, and who averages windows takes the maps at its size.

All interpolation is bilinear with half-pixel centres (torch's `align_corners=False`). In `native` and `384`, maps cover
the padded input: the part that shows the image is brought to it in one interpolation, and without padding that is
interpolation to the image's size.
"""

from typing import Literal, TypeAlias, get_args

import numpy as np

from reliseg.stats.probabilities import LEAST_MAP
from reliseg.types import Float, Float64

Order: TypeAlias = Literal["input", "image", "native", "384", "window"]
ORDERS: tuple[Order, ...] = get_args(Order)

Size: TypeAlias = tuple[int, int]

SQUARE: Size = (384, 384)
"""The size of the order `384`: that of the first checkpoints of transformers' Mask2Former, and fixed in its code."""


def class_maps(
    masks: Float[np.ndarray, "q h w"],
    probabilities: Float[np.ndarray, "q c"],
    order: Order,
    sizes: tuple[Size, Size, Size],
) -> Float64[np.ndarray, "c H W"]:
    """Return the class maps at the image's size; `sizes` are those of the padded input, what was seen, the image."""
    padded, seen, image = sizes
    if order == "native":
        return resized(_class_sum(masks, probabilities), image, _part(masks.shape[1:], padded, seen))
    if order == "384":
        return resized(_class_sum(resized(masks, SQUARE), probabilities), image, _part(SQUARE, padded, seen))
    cropped = resized(masks, padded)[:, : seen[0], : seen[1]]
    if order == "image":
        return _class_sum(resized(cropped, image), probabilities)
    return resized(_class_sum(cropped, probabilities), image)


def logits_of_maps(maps: Float64[np.ndarray, "c H W"]) -> Float64[np.ndarray, "c H W"]:
    """Return log s, bounded below: softmax of it is s / sum of s."""
    return np.log(np.maximum(maps, LEAST_MAP))


def rba(maps: Float64[np.ndarray, "c H W"]) -> Float64[np.ndarray, "H W"]:
    """Return the sum of tanh(s_c) over the classes, no object left out: in [0, C), 0 where all classes reject a pixel.

    It is the negative of the outlier score *rejected by all* of Nayal et al. (ICCV 2023), as code and paper have it.
    """
    return np.tanh(maps[:-1]).sum(axis=0)


def object_share(maps: Float64[np.ndarray, "c H W"]) -> Float64[np.ndarray, "H W"]:
    """Return the share of the classes in the sum of all maps, that of no object (the last) too: in [0, 1].

    It is 1 minus the share of no object; 0 where every map is 0, as no class claims the pixel.
    """
    classes = maps[:-1].sum(axis=0)
    total = classes + maps[-1]
    return np.divide(classes, total, out=np.zeros_like(total), where=total > 0)


def resized(
    planes: Float[np.ndarray, "c h w"], size: Size, part: tuple[float, float] | None = None
) -> Float64[np.ndarray, "c H W"]:
    """Return planes, or their upper left part of so many rows and columns, interpolated bilinearly."""
    z = np.asarray(planes, np.float64)
    height, width = z.shape[1:] if part is None else part
    upper, lower, down = _positions(z.shape[1], height, size[0])
    left, right, across = _positions(z.shape[2], width, size[1])
    lines = z[:, upper] * (1 - down)[:, None] + z[:, lower] * down[:, None]
    return lines[:, :, left] * (1 - across) + lines[:, :, right] * across


def _positions(native: int, extent: float, size: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return for each output place the two native ones, and the weight of the second."""
    x = np.clip((np.arange(size) + 0.5) * (extent / size) - 0.5, 0, native - 1)
    lower = np.floor(x).astype(np.int64)
    return lower, np.minimum(lower + 1, native - 1), x - lower


def _part(native: Size, padded: Size, seen: Size) -> tuple[float, float]:
    """Return how many native rows and columns show the image."""
    return native[0] * seen[0] / padded[0], native[1] * seen[1] / padded[1]


def _class_sum(
    masks: Float[np.ndarray, "q h w"], probabilities: Float[np.ndarray, "q c"]
) -> Float64[np.ndarray, "c h w"]:
    # exp of a negative number only: it never overflows
    e = np.exp(-np.abs(np.asarray(masks, np.float64)))
    sigmoid = np.where(np.asarray(masks) < 0, e, 1) / (1 + e)
    return np.einsum("qc,qhw->chw", np.asarray(probabilities, np.float64), sigmoid)
