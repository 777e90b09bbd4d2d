"""Affine maps of each pixel's columns with the least likelihood loss: what `vector` and `dirichlet` solve."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from jaxtyping import Float32, Float64

from reliseg.calibration.fitting.columns import ColumnReport, live_blocks
from reliseg.calibration.sample import CalibrationSample
from reliseg.types import Block

Weights: TypeAlias = Float64[np.ndarray, "..."]
"""A factor for each column, or a matrix."""
Singles: TypeAlias = Float32[np.ndarray, "..."]
Bias: TypeAlias = Float64[np.ndarray, " c"]

_STEPS = 200
_GRADIENT = 1e-7
_GAIN = 1e-11


def single(weights: Weights, biases: Float64[np.ndarray, "..."]) -> tuple[Singles, Singles]:
    """Matrices and their biases in float32 as compiled maps read them: rows of 0 up to an even number, columns to 4."""
    *others, rows, columns = weights.shape
    none = [(0, 0)] * len(others)
    wide = np.pad(weights, [*none, (0, -rows % 2), (0, -columns % 4)])
    return wide.astype(np.float32), np.pad(biases, [*none, (0, -rows % 2)]).astype(np.float32)


def mapped(weights: Weights, bias: Bias, x: Block) -> Block:
    """`weights * x + bias`, or `weights @ x + bias` where the weights are a matrix."""
    product = weights @ x if weights.ndim == 2 else weights[:, None] * x
    return product + bias[:, None]


@dataclass(frozen=True, eq=False)
class AffineFit:
    """Mean negative log-likelihood of softmax(mapped(features(z))), and what departing from `start` costs.

    The cost is `weight_cost * (weights - start)**2`, summed, and `bias_cost * bias**2`, summed. It is 0 at the start:
    the likelihood loss of the optimum is never above that of the start. Rows of classes that do not occur in the
    sample stay as they start. Biases add up to 0 over the others: raised together they would drive the absent ones'
    probabilities to 0.
    """

    sample: CalibrationSample
    columns: ColumnReport
    features: Callable[[Block], Block]
    start: Weights
    weight_cost: Weights
    bias_cost: float

    def best(self) -> tuple[Weights, Bias]:
        """Weights and biases by L-BFGS, from weights `start` and biases 0; those where nothing better is found."""
        from scipy.optimize import minimize  # slow to import

        size = self.start.size
        spread = self._spread()
        begin = np.zeros(size + len(self.columns.present))

        def objective(steps: Float64[np.ndarray, " v"]) -> tuple[float, Float64[np.ndarray, " v"]]:
            value, by_weights, by_bias = self.objective(*self._placed(steps, spread))
            return value, np.concatenate([(by_weights / spread).ravel(), by_bias])

        options = {"maxiter": _STEPS, "gtol": _GRADIENT, "ftol": _GAIN, "maxcor": 20}
        step = self.sample.training.stage("an affine map of the classes", _STEPS)
        found = minimize(objective, begin, jac=True, method="L-BFGS-B", options=options, callback=lambda steps: step())
        better = bool(np.isfinite(found.x).all()) and found.fun < objective(begin)[0]
        return self._placed(found.x if better else begin, spread)

    def objective(self, weights: Weights, bias: Bias) -> tuple[float, Weights, Bias]:
        """The value to minimise and its derivatives along what is free, in one pass over the sample."""
        value, by_weights, by_bias = self._likelihood(weights, bias)
        moved = weights - self.start
        value += float((self.weight_cost * moved**2).sum() + self.bias_cost * (bias**2).sum())
        by_weights = by_weights + 2 * self.weight_cost * moved
        by_bias = by_bias + 2 * self.bias_cost * bias
        by_weights[~self.columns.present] = 0
        return value, by_weights, self._centred(by_bias)

    def _likelihood(self, weights: Weights, bias: Bias) -> tuple[float, Weights, Bias]:
        value, by_weights, by_bias = 0.0, np.zeros_like(weights), np.zeros_like(bias)
        for z, labels in live_blocks(self.sample, self.columns.live):
            x = self.features(z)
            p = mapped(weights, bias, x)
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

    def _placed(self, steps: Float64[np.ndarray, " v"], spread: Float64[np.ndarray, " c"]) -> tuple[Weights, Bias]:
        moves = steps[: self.start.size].reshape(self.start.shape) / spread
        moves[~self.columns.present] = 0
        return self.start + moves, self._centred(steps[self.start.size :])

    def _centred(self, bias: Bias) -> Bias:
        present = self.columns.present
        return np.where(present, bias - bias[present].mean(), 0.0)

    def _spread(self) -> Float64[np.ndarray, " c"]:
        """The root mean square of each feature: a step of one unit then moves all scores about as far."""
        total = np.zeros(len(self.columns.present))
        for z, _ in live_blocks(self.sample, self.columns.live):
            total += (self.features(z) ** 2).sum(axis=1)
        spread = np.sqrt(total / len(self.sample))
        return np.where(spread > 0, spread, 1.0)
