"""Ensemble temperature scaling."""

from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np

from reliseg.calibration.base import Calibration, Calibrator
from reliseg.calibration.fitting.columns import ColumnUse, inspect_columns, keep_on_top, live_blocks, log_softmax
from reliseg.calibration.fitting.inverse_temperature import check_range, fit_inverse_temperature, range_notes
from reliseg.calibration.sample import CalibrationSample, PixelValues
from reliseg.prediction import Prediction
from reliseg.stats.view import CompiledTransform
from reliseg.types import Block, Float64, LiveBlock

_UNIFORM = 1 - 1e-6
"""The most that the uniform distribution weighs: alone it would have no argmax."""
_NONE = 1e-9
"""A weight below this is 0."""
_ROUNDING = 1e-6
_MOSTLY = 0.9
"""A uniform part above this is worth a note."""
_EXPONENT = 300.0

Mixture = Float64[np.ndarray, " 3"]


@dataclass(frozen=True)
class ScaledEnsemble(Calibration):
    """w1 softmax(z / T) + w2 softmax(z) + w3 uniform; uniform over the columns that some model class goes to."""

    temperature: float
    weights: tuple[float, float, float]
    keeps_argmax: ClassVar[bool] = True

    def __post_init__(self) -> None:
        check_range([self.temperature])
        if len(self.weights) != 3 or min(self.weights) < 0 or abs(sum(self.weights) - 1) > _ROUNDING:
            raise ValueError("the weights are not three shares of 1")

    def __call__(self, prediction: Prediction) -> Prediction:
        """Return the prediction with the logs of the mixed probabilities as logits."""
        return replace(
            prediction, transform=CompiledTransform(self.transform, self._transform_in_place, self.keeps_argmax)
        )

    def transform(self, z: Block) -> Block:
        """Return logs of the mixed probabilities; the top class stays on top where rounding would tie it."""
        parts = (log_softmax(z / self.temperature), log_softmax(z), _log_uniform(z))
        mixed = np.full_like(z, -np.inf)
        for weight, part in zip(self.weights, parts, strict=True):
            if weight > 0:
                mixed = np.logaddexp(mixed, part + np.log(weight))
        return keep_on_top(mixed, z.argmax(axis=0))

    def _transform_in_place(self, z: LiveBlock) -> None:
        from reliseg.calibration.compiled.transforms import mix  # slow to import

        mix(z, 1 / self.temperature, np.array(self.weights, np.float64))

    def notes(self) -> list[str]:
        """Return a line where the temperature stands at the end of its range, and where logits hardly matter."""
        notes = range_notes([self.temperature])
        if self.weights[2] > _MOSTLY:
            notes.append(
                f"the uniform distribution has {self.weights[2]:.0%} of the weight, so logits have almost no influence"
            )
        return notes


@dataclass(frozen=True)
class EnsembleTemperature(Calibrator):
    """A weighted mean of scaled, unscaled and uniform probabilities (Zhang et al., ICML 2020).

    The temperature is fitted first, as in `ts`, then the weights with the least negative log-likelihood. The loss is
    convex in the weights: SLSQP starts from equal ones. Never worse than `ts` on the sample. The uniform part includes
    `other` where some model class goes there. Its weight is 1 - 1e-6 at most, so that the argmax stays.
    """

    def fit(self, sample: CalibrationSample) -> ScaledEnsemble:
        """Return the temperature and the weights."""
        columns = inspect_columns(sample, "ensemble_ts")
        inverse_temperature = fit_inverse_temperature(sample)
        first, second, third = _fit_weights(sample, columns, inverse_temperature).tolist()
        return ScaledEnsemble(1 / inverse_temperature, (first, second, third))

    def restore(self, parameters: dict[str, Any]) -> ScaledEnsemble:
        """Return the calibration with this temperature and these weights."""
        first, second, third = (float(w) for w in parameters["weights"])
        return ScaledEnsemble(float(parameters["temperature"]), (first, second, third))


def loss(
    sample: CalibrationSample, columns: ColumnUse, inverse_temperature: float, weights: Mixture
) -> tuple[float, Mixture]:
    """Return the mean negative log-likelihood of the mixture and its derivative by the weights, in one pass."""
    value, gradient = 0.0, np.zeros(3)
    with np.errstate(divide="ignore"):
        log_weights = np.log(np.maximum(weights, 0.0))
    for z, labels in live_blocks(sample, columns.live):
        at = np.arange(len(labels))
        hits = np.stack(
            [
                _label_log_probabilities(inverse_temperature * z, labels),
                _label_log_probabilities(z, labels),
                _log_uniform(z)[labels, at],
            ]
        )
        mixed: PixelValues = np.logaddexp.reduce(hits + log_weights[:, None], axis=0)
        value -= float(mixed.sum())
        gradient -= np.exp(np.minimum(hits - mixed, _EXPONENT)).sum(axis=1)
    return value / len(sample), gradient / len(sample)


def _fit_weights(sample: CalibrationSample, columns: ColumnUse, inverse_temperature: float) -> Mixture:
    """Return weights in the simplex; those of `ts` alone where none are better."""
    from scipy.optimize import minimize  # slow to import

    alone = np.array([1.0, 0.0, 0.0])
    end = minimize(
        lambda w: loss(sample, columns, inverse_temperature, w),
        np.full(3, 1 / 3),
        jac=True,
        method="SLSQP",
        bounds=[(0, 1), (0, 1), (0, _UNIFORM)],
        constraints={"type": "eq", "fun": lambda w: w.sum() - 1, "jac": np.ones_like},
        options={"ftol": 1e-12, "maxiter": 100},
    )
    weights = np.where(end.x < _NONE, 0.0, np.minimum(end.x, [1, 1, _UNIFORM]))
    weights[:2] *= (1 - weights[2]) / max(weights[:2].sum(), 1e-300)
    if not np.isfinite(weights).all() or abs(weights.sum() - 1) > _NONE:
        return alone
    losses = [loss(sample, columns, inverse_temperature, w)[0] for w in (weights, alone)]
    return weights if losses[0] < losses[1] else alone


def _label_log_probabilities(z: Block, labels: np.ndarray) -> PixelValues:
    """Return the log probability of the label of each pixel."""
    below = z - z.max(axis=0)
    return below[labels, np.arange(len(labels))] - np.log(np.exp(below).sum(axis=0))


def _log_uniform(z: Block) -> Block:
    """Return the log of one over the number of live columns, at those columns."""
    live = np.isfinite(z)
    return np.where(live, -np.log(live.sum(axis=0)), -np.inf)
