"""Selective scaling: pixels that a small classifier calls wrong are made less sure than the others."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, ClassVar, TypeAlias

import numpy as np

from reliseg.calibration.base import Calibration, Calibrator
from reliseg.calibration.fitting.affine import pack_affine
from reliseg.calibration.fitting.columns import (
    ColumnUse,
    check_column_count,
    check_live_columns,
    inspect_columns,
    live_blocks,
    log_softmax,
)
from reliseg.calibration.fitting.inverse_temperature import HIGHEST, fit_inverse_temperatures
from reliseg.calibration.parameters import is_natural, require, require_flag, require_positive, require_seed
from reliseg.calibration.sample import CalibrationSample, PixelIndices, PixelLogits, PixelValues
from reliseg.errors import CalibrationError
from reliseg.prediction import Prediction
from reliseg.types import Block, Bool, Float32, Float64

_LEARNT = 50_000
"""Pixels that the classifier learns from, at most."""
SORTED = 3
LOWEST = -20.0
"""Log probabilities below this say no more."""
_STEPS = 200
_PATIENCE = 20
"""Steps without gain on what is held out."""
_HELD_OUT = 5
"""One image of so many is held out."""
_DECAY = 1e-6
_CLIP = 500.0

Hidden: TypeAlias = Float64[np.ndarray, "u g"]
"""Weights of the hidden units: one for each feature, and a bias."""
Last: TypeAlias = Float64[np.ndarray, " v"]
"""Weights of the sum that decides: one for each hidden unit, and a bias."""


@dataclass(frozen=True, eq=False)
class ScaledSelectively(Calibration):
    """Logits of pixels that the classifier calls wrong are divided by `wrong`, those of the others by `right`.

    The classifier reads the log probabilities of the `live` columns (those that some model class goes to, of `columns`
    in all) and the three largest of them, sorted; `centre` and `scale` standardise them. One hidden layer of rectified
    units; a pixel is called wrong where the last sum is above 0. `called` is the share of the sample's pixels that are
    called wrong, and `errors` the share of those that are.
    """

    wrong: float
    right: float
    columns: int
    live: tuple[int, ...]
    centre: Float32[np.ndarray, " f"]
    scale: Float32[np.ndarray, " f"]
    hidden: Float32[np.ndarray, "u g"]
    last: Float32[np.ndarray, " v"]
    called: float
    errors: float
    keeps_argmax: ClassVar[bool] = True

    def __post_init__(self) -> None:
        features = len(self.live) + min(SORTED, len(self.live))
        units, inputs = self.hidden.shape
        fits = self.centre.shape == self.scale.shape == (features,) and inputs == features + 1
        if not fits or self.last.shape != (units + 1,):
            raise ValueError("this is not a classifier of pixels with so many columns")

    def __call__(self, prediction: Prediction) -> Prediction:
        """Return the prediction with 1/T of each pixel, decided in blocks of rows."""
        check_column_count("selective", self.columns, prediction.columns)
        check_live_columns("selective", prediction, self.live)
        from reliseg.calibration.compiled.transforms import find_wrong  # slow to import
        from reliseg.kernels.cpu.transformed import rows_per_block
        from reliseg.kernels.cpu.upsample import Upsampled

        source = Upsampled.of(prediction.view())
        hidden, biases, last = self._fold_scaling()
        height, width = prediction.size
        factors = np.empty(prediction.size, np.float32)
        step = rows_per_block(width)
        for start in range(0, height, step):
            rows = slice(start, min(start + step, height))
            z = source.to_float32(rows)
            wrong = np.empty(z.shape[1], bool)
            find_wrong(z, hidden, biases, last, LOWEST, min(SORTED, len(z)), wrong)
            factors[rows] = np.where(wrong, 1 / self.wrong, 1 / self.right).reshape(-1, width)
        return replace(prediction, pixel_factors=factors)

    def _fold_scaling(self) -> tuple[Float32[np.ndarray, "u f"], Float32[np.ndarray, " u"], Float32[np.ndarray, " v"]]:
        """Return the classifier on raw features: weights and biases of the hidden units, and weights of the sum."""
        weights = self.hidden[:, :-1] / self.scale.astype(np.float64)
        return *pack_affine(weights, self.hidden[:, -1] - weights @ self.centre), self.last

    def find_wrong(self, z: Block) -> Bool[np.ndarray, " p"]:
        """Return which pixels the classifier calls wrong, from the logits of the live columns."""
        return _output(_standardise(z, self.centre, self.scale), self.hidden, self.last)[0] > 0

    def notes(self) -> list[str]:
        """Return a line where nothing is changed, and where a temperature stands at the end of its range."""
        notes = []
        if self.called == 0:
            notes.append("the classifier calls no pixel wrong, so all pixels have the same temperature")
        elif self.wrong == 1:
            notes.append("pixels that are called wrong are not overconfident, so their temperature stays 1")
        if self.right == self.wrong == 1:
            notes.append("every pixel stays as it is without calibration")
        if self.wrong >= HIGHEST:
            notes.append(f"the temperature of pixels that are called wrong is at the end of its range, {HIGHEST:g}")
        return notes


@dataclass(frozen=True)
class SelectiveScaling(Calibrator):
    """Pixels that a classifier calls wrong get a temperature of at least 1 (Wang et al., CVPR 2023); others stay.

    The classifier, `units` rectified units on each pixel's log probabilities (of at most 50,000 pixels, from random
    weights by `seed`), learns which pixels are wrong; an error weighs as much as `weight` right pixels. One image in
    five is held out; the weights that are best there are kept, a classifier that calls nothing wrong included. Then the
    temperature with the least negative log-likelihood of the pixels that are called wrong, over the whole sample; the
    paper tunes it by hand (2 to 1e10). With `scale_right` the others get their best temperature too, in place of 1.
    The likelihood loss of the sample is never above that without calibration.
    """

    weight: float = 2.0
    units: int = 16
    scale_right: bool = False
    seed: int = 42

    def __post_init__(self) -> None:
        require_positive("selective", "weight", self.weight)
        object.__setattr__(self, "weight", float(self.weight))
        require(is_natural(self.units, 1), "selective", "units", self.units, "a number from 1")
        require_flag("selective", "scale_right", self.scale_right)
        require_seed("selective", self.seed)

    def fit(self, sample: CalibrationSample) -> ScaledSelectively:
        """Return the classifier, with the temperatures that are best for its two groups of pixels."""
        columns = inspect_columns(sample, "selective")
        live = np.flatnonzero(columns.live)
        fitted = self._train_classifier(sample, columns)

        def group(logits: PixelLogits, images: PixelIndices) -> PixelIndices:
            return fitted.find_wrong(np.array(logits.T[live], np.float64)).astype(np.int64)

        inverse_temperatures, _ = fit_inverse_temperatures(
            lambda: sample.blocks_with_groups(group), 2, sample.training.threads
        )
        calls, hits = 0, 0
        for z, labels in live_blocks(sample, columns.live):
            wrong = fitted.find_wrong(z)
            calls += int(wrong.sum())
            hits += int((wrong & (z.argmax(axis=0) != labels)).sum())
        return replace(
            fitted,
            wrong=max(1.0, 1 / float(inverse_temperatures[1])),
            right=1 / float(inverse_temperatures[0]) if self.scale_right else 1.0,
            called=calls / len(sample),
            errors=hits / max(calls, 1),
        )

    def restore(self, parameters: dict[str, Any]) -> ScaledSelectively:
        """Return the calibration with this classifier and these temperatures."""
        return ScaledSelectively(
            wrong=float(parameters["wrong"]),
            right=float(parameters["right"]),
            columns=int(parameters["columns"]),
            live=tuple(int(c) for c in parameters["live"]),
            centre=_float32(parameters["centre"]),
            scale=_float32(parameters["scale"]),
            hidden=_float32(parameters["hidden"]),
            last=_float32(parameters["last"]),
            called=float(parameters["called"]),
            errors=float(parameters["errors"]),
        )

    def _train_classifier(self, sample: CalibrationSample, columns: ColumnUse) -> ScaledSelectively:
        """Return the trained classifier; both temperatures are 1."""
        from scipy.optimize import minimize  # slow to import

        generator = np.random.default_rng(self.seed)
        z, wrong, held_out = _draw_pixels(sample, columns, generator)
        features = _features(z[:, ~held_out])
        centre, scale = features.mean(axis=1), features.std(axis=1)
        scale[scale == 0] = 1
        x = _standardise(z, centre, scale)
        shape = (self.units, len(x))
        hidden = generator.normal(0, 1 / np.sqrt(len(x)), shape)
        last = generator.normal(0, 1 / np.sqrt(self.units), self.units + 1)
        cost = np.where(wrong, self.weight, 1.0)
        stopping = _EarlyStopping(
            shape, x[:, held_out], wrong[held_out], cost[held_out], sample.training.stage("selective", _STEPS)
        )
        targets, share = wrong[~held_out], cost[~held_out] / cost[~held_out].sum()
        minimize(
            lambda steps: loss(*_unflatten(steps, shape), x[:, ~held_out], targets, share),
            np.concatenate([hidden.ravel(), last]),
            jac=True,
            method="L-BFGS-B",
            callback=stopping,
            options={"maxiter": _STEPS, "gtol": 1e-7, "ftol": 1e-9},
        )
        hidden, last = _unflatten(stopping.best, shape)
        return ScaledSelectively(
            wrong=1.0,
            right=1.0,
            columns=len(columns.live),
            live=tuple(np.flatnonzero(columns.live).tolist()),
            centre=_float32(centre),
            scale=_float32(scale),
            hidden=_float32(hidden),
            last=_float32(last),
            called=0.0,
            errors=0.0,
        )


class _EarlyStopping:
    """Measures held-out pixels after every step: keeps the best weights, and stops where they gain no more.

    To begin with, the best is a classifier that calls no pixel wrong.
    """

    def __init__(
        self,
        shape: tuple[int, int],
        x: Block,
        wrong: Bool[np.ndarray, " p"],
        cost: PixelValues,
        step: Callable[[], object],
    ) -> None:
        self._shape, self._x, self._wrong, self._step = shape, x, wrong, step
        self._cost = cost / cost.sum()
        self._idle = 0
        share = min(float(self._cost[wrong].sum()), 0.5)
        self.best = np.zeros(shape[0] * shape[1] + shape[0] + 1)
        self.best[-1] = np.log(max(share, 1e-9) / (1 - share)) if share < 0.5 else 0.0
        self._value = self._loss(self.best)

    def __call__(self, weights: Float64[np.ndarray, " v"]) -> None:
        """Measure the weights after a step; a StopIteration ends the search."""
        self._step()
        value = self._loss(weights)
        self._idle += 1
        if value < self._value:
            self._value, self.best, self._idle = value, weights.copy(), 0
        if self._idle >= _PATIENCE:
            raise StopIteration

    def _loss(self, weights: Float64[np.ndarray, " v"]) -> float:
        return loss(*_unflatten(weights, self._shape), self._x, self._wrong, self._cost)[0]


def loss(
    hidden: Hidden, last: Last, x: Block, wrong: Bool[np.ndarray, " p"], cost: PixelValues
) -> tuple[float, Float64[np.ndarray, " v"]]:
    """Return the weighted logistic loss of the classifier and its derivatives, hidden weights first."""
    output, units = _output(x, hidden, last)
    signed = np.where(wrong, output, -output)
    value = float((cost * np.logaddexp(0, -signed)).sum()) + _DECAY * float((hidden**2).sum() + (last**2).sum())
    by_output = -cost * np.where(wrong, 1.0, -1.0) / (1 + np.exp(np.clip(signed, -_CLIP, _CLIP)))
    by_last = np.append(units @ by_output, by_output.sum()) + 2 * _DECAY * last
    by_units = np.outer(last[:-1], by_output) * (units > 0)
    by_hidden = by_units @ x.T + 2 * _DECAY * hidden
    return value, np.concatenate([by_hidden.ravel(), by_last])


def _draw_pixels(
    sample: CalibrationSample, columns: ColumnUse, generator: np.random.Generator
) -> tuple[Block, Bool[np.ndarray, " p"], Bool[np.ndarray, " p"]]:
    """Return logits of the live columns of some pixels, which of these are wrong, and which are held out.

    Whole images are held out; pixels where there is only one image.
    """
    chosen = np.sort(generator.choice(len(sample), min(_LEARNT, len(sample)), replace=False))
    ends = np.cumsum([image.pixels for image in sample.images])
    _, image = np.unique(np.searchsorted(ends, chosen, side="right"), return_inverse=True)
    unit = image if image[-1] > 0 else np.arange(len(chosen))
    units = int(unit[-1]) + 1
    if units < 2:
        raise CalibrationError(
            "selective needs at least 2 pixels, one to learn from and one to hold out; the calibration split has 1"
        )
    held_out = np.isin(unit, generator.choice(units, max(1, round(units / _HELD_OUT)), replace=False))
    parts, first = [], 0
    for z, labels in live_blocks(sample, columns.live):
        start, stop = np.searchsorted(chosen, (first, first + len(labels)))
        here = chosen[start:stop] - first
        first += len(labels)
        parts.append((z[:, here], (z.argmax(axis=0) != labels)[here]))
    return np.concatenate([z for z, _ in parts], axis=1), np.concatenate([wrong for _, wrong in parts]), held_out


def _features(z: Block) -> Block:
    """Return log probabilities, and the largest of them in order."""
    p = np.maximum(log_softmax(z), LOWEST)
    return np.concatenate([p, -np.sort(-p, axis=0)[:SORTED]])


def _standardise(z: Block, centre: PixelValues, scale: PixelValues) -> Block:
    """Return standardised features, and a row of ones."""
    x = (_features(z) - centre[:, None]) / scale[:, None]
    return np.concatenate([x, np.ones((1, z.shape[1]))])


def _output(x: Block, hidden: Hidden, last: Last) -> tuple[PixelValues, Block]:
    """Return the sum that decides (wrong above 0), and the hidden units."""
    units = np.maximum(hidden @ x, 0)
    return last[:-1] @ units + last[-1], units


def _unflatten(steps: Float64[np.ndarray, " n"], shape: tuple[int, ...]) -> tuple[Hidden, Last]:
    size = shape[0] * shape[1]
    return steps[:size].reshape(shape), steps[size:]


def _float32(values: Any) -> Float32[np.ndarray, "..."]:
    return np.asarray(values, np.float32)
