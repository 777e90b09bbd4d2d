"""Affine maps of each pixel's columns with the least likelihood loss: what `vector` and `dirichlet` solve."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from reliseg.calibration.fitting.columns import ColumnUse, live_blocks
from reliseg.calibration.sample import CalibrationSample
from reliseg.types import Block, Float32, Float64

Weights: TypeAlias = Float64[np.ndarray, "..."]
"""A factor for each column, or a matrix."""
PackedWeights: TypeAlias = Float32[np.ndarray, "..."]
Bias: TypeAlias = Float64[np.ndarray, " c"]

_STEPS = 200
_GRADIENT = 1e-7
_GAIN = 1e-11


def pack_affine(weights: Weights, biases: Float64[np.ndarray, "..."]) -> tuple[PackedWeights, PackedWeights]:
    """Return matrices and biases in float32 as compiled maps read them: with rows of 0 up to a multiple of 2, columns
    of 0 up to a multiple of 4.
    """
    *others, rows, columns = weights.shape
    none = [(0, 0)] * len(others)
    wide = np.pad(weights, [*none, (0, -rows % 2), (0, -columns % 4)])
    return wide.astype(np.float32), np.pad(biases, [*none, (0, -rows % 2)]).astype(np.float32)


def apply_affine(weights: Weights, bias: Bias, x: Block) -> Block:
    """Return `weights * x + bias`, or `weights @ x + bias` where the weights are a matrix."""
    product = weights @ x if weights.ndim == 2 else weights[:, None] * x
    return product + bias[:, None]


@dataclass(frozen=True, eq=False)
class AffineFit:
    """Mean negative log-likelihood of softmax(apply_affine(features(z))), and what departing from `start` costs.

    The cost is `weight_cost * (weights - start)**2`, summed, and `bias_cost * bias**2`, summed. It is 0 at the start:
    the likelihood loss of the optimum is never above that of the start. Rows of classes that do not occur in the
    sample stay as they start. Biases add up to 0 over the others: raised together they would drive the absent ones'
    probabilities to 0.
    """

    sample: CalibrationSample
    columns: ColumnUse
    features: Callable[[Block], Block]
    start: Weights
    weight_cost: Weights
    bias_cost: float

    def solve(self) -> tuple[Weights, Bias]:
        """Return weights and biases by L-BFGS, from `start` and biases 0; these where nothing better is found."""
        from scipy.optimize import minimize  # slow to import

        size = self.start.size
        scales = self._feature_scales()
        begin = np.zeros(size + len(self.columns.present))

        def objective(steps: Float64[np.ndarray, " v"]) -> tuple[float, Float64[np.ndarray, " v"]]:
            value, by_weights, by_bias = self.objective(*self._weights_and_bias(steps, scales))
            return value, np.concatenate([(by_weights / scales).ravel(), by_bias])

        options = {"maxiter": _STEPS, "gtol": _GRADIENT, "ftol": _GAIN, "maxcor": 20}
        step = self.sample.training.stage("an affine map of the classes", _STEPS)
        end = minimize(objective, begin, jac=True, method="L-BFGS-B", options=options, callback=lambda steps: step())
        better = bool(np.isfinite(end.x).all()) and end.fun < objective(begin)[0]
        return self._weights_and_bias(end.x if better else begin, scales)

    def objective(self, weights: Weights, bias: Bias) -> tuple[float, Weights, Bias]:
        """Return the value to minimise and its derivatives along what is free, in one pass over the sample."""
        value, by_weights, by_bias = self._likelihood(weights, bias)
        departure = weights - self.start
        value += float((self.weight_cost * departure**2).sum() + self.bias_cost * (bias**2).sum())
        by_weights = by_weights + 2 * self.weight_cost * departure
        by_bias = by_bias + 2 * self.bias_cost * bias
        by_weights[~self.columns.present] = 0
        return value, by_weights, self._centre(by_bias)

    def _likelihood(self, weights: Weights, bias: Bias) -> tuple[float, Weights, Bias]:
        value, by_weights, by_bias = 0.0, np.zeros_like(weights), np.zeros_like(bias)
        for z, labels in live_blocks(self.sample, self.columns.live):
            x = self.features(z)
            p = apply_affine(weights, bias, x)
            at = np.arange(len(labels))
            p -= p.max(axis=0)
            hit = p[labels, at].sum()
            np.exp(p, out=p)
            total = p.sum(axis=0)
            value += float(np.log(total).sum() - hit)
            p /= total
            p[labels, at] -= 1
            by_weights += p @ x.T if weights.ndim == 2 else np.einsum("cp,cp->c", p, x)
            by_bias += p.sum(axis=1)
        n = len(self.sample)
        return value / n, by_weights / n, by_bias / n

    def _weights_and_bias(
        self, steps: Float64[np.ndarray, " v"], scales: Float64[np.ndarray, " c"]
    ) -> tuple[Weights, Bias]:
        moves = steps[: self.start.size].reshape(self.start.shape) / scales
        moves[~self.columns.present] = 0
        return self.start + moves, self._centre(steps[self.start.size :])

    def _centre(self, bias: Bias) -> Bias:
        present = self.columns.present
        return np.where(present, bias - bias[present].mean(), 0.0)

    def _feature_scales(self) -> Float64[np.ndarray, " c"]:
        """Return the root mean square of each feature: a step of one unit then moves all scores about as far."""
        total = np.zeros(len(self.columns.present))
        for z, _ in live_blocks(self.sample, self.columns.live):
            total += (self.features(z) ** 2).sum(axis=1)
        scales = np.sqrt(total / len(self.sample))
        return np.where(scales > 0, scales, 1.0)
