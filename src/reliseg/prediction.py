"""What a model says about one image, and the pixels of it that count."""

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float32, Float64, Int64, UInt8

from reliseg.labels import UNKNOWN, Projection
from reliseg.stats import DeviceLogits, LogitView
from reliseg.stats.view import Transform, source_positions
from reliseg.types import Factors, Feature, Image, Logits, Truth

LOGIT_LIMIT = 2.0**14
"""Logits beyond this are refused as infinite ones are: the exact sums have room for no more."""
_BLOCK = 1 << 18
"""Pixels that are brought to the image's size at a time: a whole image would take gigabytes."""


@dataclass(frozen=True, eq=False)
class Prediction:
    """Logits at the model's own stride and how they become probabilities: upsample -> project -> calibrate.

    `size` (H, W) is the image's; logits are brought there bilinearly, `align_corners` as torch defines it.
    `inverse_temperatures` holds 1/T per predicted class of the data set (the last entry is `other`'s): the
    projected logits of a pixel are multiplied by the entry of its argmax, and by the pixel's own entry of
    `pixel_factors`. `transform` changes projected logits in any other way, before that: a function of the logits of
    some pixels (columns x pixels, float64), each by itself. None changes nothing. `image` is what was predicted, None
    where it was not read. Logits may stay on the device of the model that gave them.
    """

    logits: Logits | DeviceLogits
    size: tuple[int, int]
    align_corners: bool = False
    feature: Feature | None = None
    projection: Projection | None = None
    inverse_temperatures: Float64[np.ndarray, " g"] | None = None
    transform: Transform | None = None
    pixel_factors: Factors | None = None
    image: Image | None = None

    def project(self, projection: Projection) -> "Prediction":
        """The same prediction in a data set's classes."""
        return replace(self, projection=projection)

    @property
    def columns(self) -> int:
        """Number of columns of the projected logits: the data set's classes, and `other`."""
        return (len(self.projection.target) if self.projection else len(self.logits)) + 1

    def view(self) -> LogitView:
        """What kernels read."""
        groups = np.array(self.projection.groups if self.projection else range(len(self.logits)), np.int64)
        slopes = self.inverse_temperatures
        return LogitView(
            logits=self.logits,
            size=self.size,
            align_corners=self.align_corners,
            groups=np.where(groups < 0, self.columns - 1, groups),
            inverse_temperatures=np.ones(self.columns) if slopes is None else slopes,
            transform=self.transform,
            pixel_factors=self.pixel_factors,
        )

    def problem(self) -> str | None:
        """Why these logits cannot be counted, or None."""
        if self.logits.size == 0:
            return "the model gave an empty tensor"
        largest = _magnitude(self.logits)
        if not np.isfinite(largest):
            return _describe_infinite(np.asarray(self.logits))
        if largest > LOGIT_LIMIT:
            return f"the model gave a logit of magnitude {largest:.3g}; the limit is {LOGIT_LIMIT:.0f}"
        return None


def _magnitude(logits: Logits | DeviceLogits) -> float:
    """The largest, without a copy on the CPU; NaN and infinity propagate."""
    if isinstance(logits, DeviceLogits):
        return float(abs(logits).max())
    return float(np.maximum(logits.max(), -logits.min()))


def _describe_infinite(logits: Logits) -> str:
    """What to say of logits that are not all finite."""
    if not np.isneginf(logits[~np.isfinite(logits)]).all():
        return "the model gave NaN or infinite logits"
    return "the model gave logits of -inf, as the logarithm of 0 is; write finite ones in their place, -100 say"


def sample_pixels(
    prediction: Prediction, truth: Truth, count: int, generator: np.random.Generator
) -> tuple[Float32[np.ndarray, "p y"], UInt8[np.ndarray, " p"]]:
    """At most `count` counted pixels, drawn without replacement: projected logits and labels, in the order drawn.

    Of equal generators a smaller draw is the beginning of a larger one. No calibration is applied: these are what
    calibrations are fitted on. Columns that no model class goes to are -inf; pixels with such a label are left out.
    """
    view = prediction.view()
    reachable = np.zeros(256, bool)
    reachable[np.unique(view.groups)] = True
    reachable[prediction.columns - 1 :] = False
    known = np.flatnonzero((truth.ravel() < UNKNOWN) & reachable[truth.ravel()])
    chosen = known[_random_places(len(known), count, generator)]
    logits = np.empty((len(chosen), prediction.columns), np.float32)
    order = np.argsort(chosen)  # in image order, what is read next lies near
    for start in range(0, len(chosen), _BLOCK):
        here = order[start : start + _BLOCK]
        members = _logits_at(view, chosen[here])
        block = np.full((len(here), prediction.columns), -np.inf, np.float32)
        for g in np.unique(view.groups):
            group = members[view.groups == g]
            top = group.max(axis=0, initial=-np.inf)
            block[:, g] = top + np.log(np.exp(group - top).sum(axis=0))
        logits[here] = block
    return logits, truth.ravel()[chosen]


def _random_places(places: int, count: int, generator: np.random.Generator) -> Int64[np.ndarray, " p"]:
    """The first `count` of so many places in a random order, that of a random number for each."""
    numbers = generator.random(places)
    first = np.argpartition(numbers, count)[:count] if count < places else np.arange(places)
    return first[np.argsort(numbers[first], kind="stable")]


def _logits_at(view: LogitView, pixels: np.ndarray) -> Float64[np.ndarray, "c p"]:
    """Upsampled logits at flat pixel indices."""
    rows, columns = np.divmod(pixels, view.size[1])
    h, w = view.logits.shape[1:]
    y, wy = (a[rows] for a in source_positions(h, view.size[0], view.align_corners))
    x, wx = (a[columns] for a in source_positions(w, view.size[1], view.align_corners))
    y1, x1 = np.minimum(y + 1, h - 1), np.minimum(x + 1, w - 1)
    z = np.asarray(view.logits, np.float64)
    left = z[:, y, x] + (z[:, y1, x] - z[:, y, x]) * wy
    right = z[:, y, x1] + (z[:, y1, x1] - z[:, y, x1]) * wy
    return left + (right - left) * wx
