"""The prediction of one image, and samples of its pixels."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from reliseg.errors import image_size_text
from reliseg.labels import UNKNOWN, Projection
from reliseg.stats import DeviceLogits, LogitView
from reliseg.stats.rows import Rows, ScoreRows, row_blocks
from reliseg.stats.view import Transform, source_positions
from reliseg.types import Factors, Feature, Float, Float32, Float64, Image, Int64, Logits, Truth, UInt8

LOGIT_LIMIT = 2.0**14
"""The largest magnitude of a logit: the exact sums have no room for more."""
_BLOCK = 1 << 18
"""Number of pixels that are upsampled at a time: a whole image would take gigabytes."""


@dataclass(frozen=True, eq=False)
class Prediction:
    """Logits at the model's own stride, and the steps to probabilities: upsample -> project -> calibrate.

    `size` (H, W) is the image's. Logits are upsampled to it bilinearly, with `align_corners` as torch defines it.
    `transform` maps the projected logits of some pixels (columns x pixels, float64), each by itself. Then the logits
    of a pixel are multiplied by 1/T: by the entry of `inverse_temperatures` of its argmax (one per class of the data
    set, the last one for `other`), and by its own entry of `pixel_factors`. Each of these may be None, which changes
    nothing. `image` is the image, or None if it was not read. Logits may stay on the device of the model, or be rows
    that are computed when they are read, at the size of the image.

    `score_maps` are the scores that the model itself gives, by their names in configurations: confidences of the pixels
    of some rows, at the size of the image.

    Where a model gave `probabilities`, at its own stride, the logits are their logarithms at the size of the image: see
    `of_probabilities`.
    """

    logits: Logits | DeviceLogits | Rows
    size: tuple[int, int]
    align_corners: bool = False
    feature: Feature | None = None
    projection: Projection | None = None
    inverse_temperatures: Float64[np.ndarray, " g"] | None = None
    transform: Transform | None = None
    pixel_factors: Factors | None = None
    image: Image | None = None
    probabilities: Float[np.ndarray, "c h w"] | None = None
    score_maps: Mapping[str, ScoreRows] = field(default_factory=dict)

    def __repr__(self) -> str:
        """Return the shapes on one line."""
        classes, *stride = self.logits.shape
        logits = f"{classes} classes at {image_size_text((stride[0], stride[1]))}"
        return f"Prediction({logits}, of an image of {image_size_text(self.size)})"

    @classmethod
    def of_probabilities(
        cls,
        probabilities: Float[np.ndarray, "c h w"],
        size: tuple[int, int],
        align_corners: bool = False,
        feature: Feature | None = None,
    ) -> "Prediction":
        """Return the prediction of a model that gives probabilities: they are interpolated, then log p is the logits.

        They are read as float32. 0 counts as the least positive float32, 2**-149, and is remembered. The softmax makes
        their sum 1 where it is only nearly so.
        """
        from reliseg.kernels.cpu.probabilities import log_probabilities

        logits = log_probabilities(probabilities, size, align_corners)
        return cls(logits, size, align_corners, feature, probabilities=probabilities)

    def project(self, projection: Projection) -> "Prediction":
        """Return this prediction in the classes of a data set."""
        return replace(self, projection=projection)

    @property
    def columns(self) -> int:
        """Number of columns of the projected logits: the data set's classes, and `other`."""
        return (len(self.projection.target) if self.projection else len(self.logits)) + 1

    def view(self) -> LogitView:
        """Return the view that kernels read."""
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
            of_probabilities=self.is_of_probabilities,
        )

    @property
    def is_of_probabilities(self) -> bool:
        """Tell if the logits are logarithms of probabilities: there are no others."""
        return self.probabilities is not None or (isinstance(self.logits, Rows) and self.logits.of_probabilities)

    def problem(self) -> str | None:
        """Return why these logits cannot be counted, or None."""
        if self.logits.size == 0:
            return "the model gave an empty tensor"
        largest = _magnitude(self.logits)
        if not np.isfinite(largest):
            return _describe_infinite(self.logits)
        if largest > LOGIT_LIMIT:
            return f"the model gave a logit of magnitude {largest:.3g}; the limit is {LOGIT_LIMIT:.0f}"
        return None


def _magnitude(logits: Logits | DeviceLogits | Rows) -> float:
    """Return the largest magnitude, computed where the logits are; NaN and infinity propagate."""
    if isinstance(logits, Rows):
        return logits.magnitude()
    if isinstance(logits, DeviceLogits):
        return float(abs(logits).max())
    return float(np.maximum(logits.max(), -logits.min()))


def _describe_infinite(logits: Logits | DeviceLogits | Rows) -> str:
    """Return a message about logits that are not all finite."""
    parts = logits.arrays() if isinstance(logits, Rows) else (np.asarray(logits),)
    if not all(np.isneginf(part[~np.isfinite(part)]).all() for part in parts):
        return "the model gave NaN or infinite logits"
    return (
        "the model gave logits of -inf, as the logarithm of 0 is; give the probabilities, with values: probabilities, "
        "or finite logits, for example -100"
    )


def sample_pixels(
    prediction: Prediction, truth: Truth, count: int, generator: np.random.Generator
) -> tuple[Float32[np.ndarray, "p y"], UInt8[np.ndarray, " p"]]:
    """Draw at most `count` known pixels without replacement; return their projected logits and labels, in that order.

    A smaller sample is the beginning of a larger one, if the generators are equal. No calibration is applied, as
    calibrations are fitted on these. Columns that no model class goes to are -inf, and pixels with such a label are
    left out.
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
    """Return the first `count` of so many places in a random order: that of a random number for each."""
    numbers = generator.random(places)
    first = np.argpartition(numbers, count)[:count] if count < places else np.arange(places)
    return first[np.argsort(numbers[first], kind="stable")]


def _logits_at(view: LogitView, pixels: np.ndarray) -> Float64[np.ndarray, "c p"]:
    """Return the upsampled logits at flat pixel indices."""
    rows, columns = np.divmod(pixels, view.size[1])
    if isinstance(view.logits, Rows):
        return _values_at(view.logits, rows, columns)
    h, w = view.logits.shape[1:]
    y, wy = (a[rows] for a in source_positions(h, view.size[0], view.align_corners))
    x, wx = (a[columns] for a in source_positions(w, view.size[1], view.align_corners))
    y1, x1 = np.minimum(y + 1, h - 1), np.minimum(x + 1, w - 1)
    z = np.asarray(view.logits, np.float64)
    left = z[:, y, x] + (z[:, y1, x] - z[:, y, x]) * wy
    right = z[:, y, x1] + (z[:, y1, x1] - z[:, y, x1]) * wy
    return left + (right - left) * wx


def _values_at(maps: Rows, rows: np.ndarray, columns: np.ndarray) -> Float64[np.ndarray, "c p"]:
    """Return the values at places in the order of rows; rows without such places are not computed."""
    values = np.empty((len(maps), len(rows)))
    for block in row_blocks(maps.shape, slice(int(rows[0]), int(rows[-1]) + 1)):
        first, end = np.searchsorted(rows, (block.start, block.stop))
        if first < end:
            values[:, first:end] = maps.rows(block)[:, rows[first:end] - block.start, columns[first:end]]
    return values
