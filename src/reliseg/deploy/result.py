"""What a calibrated model says of one image, computed when it is asked for."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from reliseg.deploy.acceptance import Acceptance
from reliseg.errors import ConfigError, image_size_text
from reliseg.kernels.maps import PixelMaps, pixel_maps, probability_rows
from reliseg.kernels.reference import full_logits
from reliseg.prediction import Prediction
from reliseg.scores import SCORES, score_of_rows
from reliseg.stats.device import DeviceLogits
from reliseg.stats.rows import row_blocks
from reliseg.types import Bool, Feature, Float, Float32, Truth


@dataclass(frozen=True, eq=False)
class CalibratedImage:
    """The calibrated prediction of one image, at the image's size.

    It holds the model's logits at their own stride. Maps are computed at their first use, to the bit as a run counts
    them, and kept.
    """

    name: str
    """The file of the image, or its number."""
    prediction: Prediction
    """Projected and calibrated."""
    acceptance: Acceptance

    def __repr__(self) -> str:
        """Return the image and its size on one line."""
        return f"CalibratedImage({self.name!r}: {image_size_text(self.size)})"

    @classmethod
    def of(cls, name: str, prediction: Prediction, acceptance: Acceptance) -> "CalibratedImage":
        """Return the result of a prediction, which lets go of the image and of a device's memory."""
        logits = prediction.logits
        here = np.asarray(logits) if isinstance(logits, DeviceLogits) else logits
        return cls(name, replace(prediction, logits=here, image=None), acceptance)

    @property
    def size(self) -> tuple[int, int]:
        """Height and width."""
        return self.prediction.size

    @property
    def feature(self) -> Feature | None:
        """The pooled feature of the image, if the model gives one."""
        return self.prediction.feature

    @property
    def classes(self) -> Truth:
        """The predicted class of each pixel as an id of the data set; 255 for a class that it does not have."""
        return self._maps.classes

    @property
    def confidence(self) -> Float32[np.ndarray, "H W"]:
        """The calibrated probability of the predicted class."""
        return self._maps.scores["msp"]

    @cached_property
    def accepted(self) -> Bool[np.ndarray, "H W"]:
        """Whether each pixel is at least as sure as the threshold; a ConfigError where there is none."""
        return self._maps.accepted(self.acceptance.score, self.acceptance.require())

    def sets(self, rows: slice = slice(None)) -> Bool[np.ndarray, "c n W"]:
        """Return which classes are in the set of each pixel of some rows, or of all: classes x rows x width.

        A set holds the predicted class, and those that are probable enough for the promise of sets that the run makes;
        a ConfigError where it makes none. All rows take a byte, and meanwhile four, for each class and pixel.
        """
        above, classes = self.acceptance.least_probable, self.classes[rows]
        probable = self.probabilities(rows)[: self.prediction.columns - 1] > (above or -1.0)
        return np.asarray(probable | (np.arange(len(probable))[:, None, None] == classes))

    def score(self, name: str) -> Float[np.ndarray, "H W"]:
        """Return a score of each pixel, higher where the model is surer; a ConfigError where it cannot be had."""
        kind = SCORES.get(name)
        if kind.needs_logits and self.prediction.is_of_probabilities:
            raise ConfigError(f"{name} needs logits, and this model gives probabilities; ask for another score")
        if kind.given_by_model and name not in self.prediction.score_maps:
            raise ConfigError(f"{name} is not given by this model; it comes with {kind.comes_with}")
        if kind.built_in:
            known = self._maps.scores
            return known[name] if name in known else pixel_maps(self.prediction.view(), [name]).scores[name]
        score, view = kind(), self.prediction.view()
        values = np.empty(self.size)
        for rows in self._row_blocks():
            z = full_logits(view, self.prediction.columns, rows)
            values[rows] = score_of_rows(name, score, z, self.prediction.score_maps, rows).reshape(-1, self.size[1])
        return values

    def probabilities(self, rows: slice = slice(None)) -> Float32[np.ndarray, "c n W"]:
        """Return the calibrated probabilities of the pixels of some rows, or of all: classes x rows x width.

        They are those of the data set's classes, and of `other` behind them where the model has classes that the data
        set does not have. All rows take 4 bytes for each class and pixel: ask for some at a time, or go through
        `probability_blocks`.
        """
        return probability_rows(self.prediction.view(), rows)[: self._reachable]

    def probability_blocks(self) -> Iterator[tuple[slice, Float32[np.ndarray, "c n W"]]]:
        """Yield all rows, some at a time, with their probabilities: never more than 8 MiB."""
        for rows in self._row_blocks():
            yield rows, self.probabilities(rows)

    @property
    def _reachable(self) -> int:
        """The columns that probabilities are given of: `other` only where some class of the model goes there."""
        projection = self.prediction.projection
        return self.prediction.columns - (0 if projection and -1 in projection.groups else 1)

    def _row_blocks(self) -> Iterator[slice]:
        return row_blocks((self.prediction.columns, *self.size))

    @cached_property
    def _maps(self) -> PixelMaps:
        scores = [] if self.acceptance.last is None else [self.acceptance.score]
        return pixel_maps(self.prediction.view(), scores)
