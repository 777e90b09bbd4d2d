"""Mask classification as rows of an image: class maps from queries and masks, in any of the orders.

`kernels.reference_masks` defines it; here all is float32, and nothing of the size queries x height x width or classes x
height x width is built. numba is imported with this module: import it where it is used.
"""

from dataclasses import dataclass, field, replace
from functools import lru_cache
from threading import Lock
from typing import NamedTuple

import numpy as np

from reliseg.kernels.reference_masks import SQUARE, Order, Size
from reliseg.kernels.rows.bilinear import Axes, Taps, chained, taps
from reliseg.kernels.rows.class_sums import (
    SEGMENTS,
    Weights,
    resize_maps,
    sum_classes,
    sum_classes_between,
    sum_native_classes,
)
from reliseg.stats.probabilities import LEAST_MAP
from reliseg.stats.rows import Rows
from reliseg.types import Float, Float32


class NetworkInput(NamedTuple):
    """What a network saw: an image of the size `seen` at the upper left of an input of the size `padded`."""

    padded: Size
    seen: Size


class _Way(NamedTuple):
    """The way from masks to the image: masks are brought to class maps, or are not, and these to the image."""

    masks_to_maps: Axes | None
    maps_to_image: Axes | None


class _NativeMaps:
    """Class maps at the masks' own stride, no object too: computed once, when they are first read."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._maps: Float32[np.ndarray, "c h w"] | None = None

    def of(
        self, masks: Float32[np.ndarray, "q h w"], probabilities: Float32[np.ndarray, "q c"]
    ) -> Float32[np.ndarray, "c h w"]:
        """Return the maps, times 2**64."""
        with self._lock:
            if self._maps is None:
                self._maps = np.empty((probabilities.shape[1], *masks.shape[1:]), np.float32)
                sum_native_classes(masks, Weights.of(probabilities), self._maps)
            return self._maps


@dataclass(frozen=True, eq=False)
class MaskRows(Rows):
    """The class maps s of an image, or their logarithms, whose softmax is s / sum of s.

    p is within 1e-6 of the definition's, for masks up to 16 in magnitude; float32 holds an interpolated mask to 1e-7 of
    its neighbours, so p between masks of 10,000 and -10,000 has an error of 3e-4. Logarithms are at least that of
    `LEAST_MAP`. Rows have the same bits whichever are asked for together.
    """

    masks: Float32[np.ndarray, "q h w"]
    probabilities: Float32[np.ndarray, "q c"]
    """Of the classes of each query, the last that of no object."""
    order: Order
    seen: NetworkInput
    image: Size
    logs: bool = True
    no_object: bool = False
    """Whether no object has a map too, the last."""
    _native: _NativeMaps = field(default_factory=_NativeMaps, repr=False)

    @classmethod
    def of(
        cls, class_logits: Float[np.ndarray, "q c"], masks: Float[np.ndarray, "q h w"], order: Order, seen: NetworkInput
    ) -> "MaskRows":
        """Return the logarithms of class maps at the size of what the network saw, from logits of classes and masks."""
        z = np.asarray(class_logits, np.float64)
        p = np.exp(z - z.max(axis=1, keepdims=True))
        p /= p.sum(axis=1, keepdims=True)
        return cls(_read_only(masks), _read_only(p), order, seen, seen.seen)

    @property
    def shape(self) -> tuple[int, int, int]:
        """Classes, height and width."""
        return self.probabilities.shape[1] - (not self.no_object), *self.image

    @property
    def of_probabilities(self) -> bool:
        """Tell that the softmax of logarithms makes probabilities."""
        return self.logs

    def arrays(self) -> tuple[np.ndarray, ...]:
        """Return the probabilities of classes, and the masks."""
        return self.probabilities, self.masks

    def magnitude(self) -> float:
        """Return a bound of the values; NaN or infinity where a mask or a class is not finite."""
        largest = float(max(self.masks.max(), -self.masks.min()) + self.probabilities.sum())
        if not np.isfinite(largest):
            return largest
        queries = len(self.masks)
        return float(max(-np.log(LEAST_MAP), np.log(queries))) if self.logs else float(queries)

    def linear(self) -> "MaskRows":
        """Return the class maps themselves."""
        return replace(self, logs=False)

    def with_no_object(self) -> "MaskRows":
        """Return the class maps themselves, and the map of no object after them."""
        return replace(self, logs=False, no_object=True)

    def brought_to(self, size: Size) -> "MaskRows":
        """Return the same at another size: what is interpolated to it is said by the order."""
        return replace(self, image=size)

    def rows(self, rows: slice) -> Float32[np.ndarray, "c n w"]:
        """Return these rows."""
        first, stop, _ = rows.indices(self.image[0])
        here = slice(first, max(first, stop))
        classes, _, width = self.shape
        out = np.empty((classes, here.stop - first, width), np.float32)
        to_maps, to_image = _way(self.masks.shape[1:], self.order, self.seen, self.image)
        if to_maps is None:
            assert to_image is not None
            resize_maps(self._native.of(self.masks, self.probabilities), to_image.at(here), self.logs, out)
            return out
        weights = Weights.of(self.probabilities[:, :classes])
        if to_image is None:
            sum_classes(self.masks, weights, to_maps.at(here), self.logs, out)
        else:
            sum_classes_between(self.masks, weights, to_maps, to_image.at(here), self.logs, out)
        return out


class Steps(NamedTuple):
    """The interpolations on the way from masks to the image, by rows and by columns: before the sigmoid, after the sum.

    None where there is none: sums of masks at their own stride, or class maps that have the image's size.
    """

    masks_to_maps: list[Taps] | None
    maps_to_image: list[Taps] | None


def steps_of(native: Size, order: Order, network: NetworkInput, image: Size) -> Steps:
    """Return how masks of a size become class maps of an image."""
    padded, seen = network
    if order == "native":
        return Steps(None, _part(native, network, image))
    if order == "384":
        to_square = [taps(n, s) for n, s in zip(native, SQUARE, strict=True)]
        return Steps(to_square, _part(SQUARE, network, image))
    cropped = [_cropped(taps(n, p), s) for n, p, s in zip(native, padded, seen, strict=True)]
    if seen == image:
        return Steps(cropped, None)
    to_image = [taps(s, i) for s, i in zip(seen, image, strict=True)]
    if order == "image":
        return Steps([chained(c, i) for c, i in zip(cropped, to_image, strict=True)], None)
    return Steps(cropped, to_image)


@lru_cache(maxsize=16)
def _way(native: Size, order: Order, network: NetworkInput, image: Size) -> _Way:
    """Return the steps for compiled code."""
    to_maps, to_image = steps_of(native, order, network, image)
    return _Way(None if to_maps is None else _axes(to_maps, SEGMENTS), None if to_image is None else _axes(to_image))


def _axes(directions: list[Taps], multiple: int = 1) -> Axes:
    rows, columns = directions
    return Axes.of(rows, columns, multiple)


def _part(native: Size, network: NetworkInput, image: Size) -> list[Taps]:
    """Return the taps of one interpolation of the part of padded planes that shows the image."""
    padded, seen = network
    return [taps(n, i, n * s / p) for n, p, s, i in zip(native, padded, seen, image, strict=True)]


def _cropped(axis: Taps, size: int) -> Taps:
    return Taps(axis.source[:, :size], axis.weight[:, :size])


def _read_only(array: Float[np.ndarray, "..."]) -> Float32[np.ndarray, "..."]:
    """Return contiguous float32 that cannot be written to: one type for compiled code."""
    single = np.ascontiguousarray(array, np.float32).view()
    single.flags.writeable = False
    return single
