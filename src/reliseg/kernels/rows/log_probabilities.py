"""Compiled arithmetic on logarithms of probabilities: softmax, mean of several predictions, entropy.

All is float32, on maps whose pixels lie side by side. numba is imported with this module: import it where it is used.
"""

import numpy as np

from reliseg.runtime.arithmetic import F32, U64, exp, log
from reliseg.runtime.numba_compile import cached_njit
from reliseg.stats.probabilities import LEAST_LOG, LOG_ZERO
from reliseg.types import Float32

_TILE = 256
_LEAST, _ZERO = F32(LEAST_LOG), F32(LOG_ZERO)


@cached_njit
def take_log_softmax(z: Float32[np.ndarray, "c p"], least: F32) -> None:
    """Replace logits by the logarithms of their softmax, at least `least`."""
    top, total = np.empty(_TILE, np.float32), np.empty(_TILE, np.float32)
    for begin in range(0, z.shape[1], _TILE):
        n, b = U64(min(_TILE, z.shape[1] - begin)), U64(begin)
        for x in range(n):
            top[x] = z[U64(0), b + x]
            total[x] = F32(0)
        for c in range(U64(1), U64(z.shape[0])):
            for x in range(n):
                top[x] = z[c, b + x] if z[c, b + x] > top[x] else top[x]
        for c in range(U64(z.shape[0])):
            for x in range(n):
                total[x] += exp(z[c, b + x] - top[x])
        for x in range(n):
            total[x] = log(total[x])
        for c in range(U64(z.shape[0])):
            for x in range(n):
                value = (z[c, b + x] - top[x]) - total[x]
                z[c, b + x] = value if value > least else least


@cached_njit
def log_mean(logs: Float32[np.ndarray, "k c p"], mean: Float32[np.ndarray, "c p"]) -> None:
    """Write the logarithm of the mean over k: `LOG_ZERO` where all are, else at least the least logarithm above it."""
    count = log(F32(logs.shape[0]))
    top, total = np.empty(_TILE, np.float32), np.empty(_TILE, np.float32)
    for begin in range(0, logs.shape[2], _TILE):
        n, b = U64(min(_TILE, logs.shape[2] - begin)), U64(begin)
        for c in range(U64(logs.shape[1])):
            for x in range(n):
                top[x] = logs[U64(0), c, b + x]
                total[x] = F32(0)
            for k in range(U64(1), U64(logs.shape[0])):
                for x in range(n):
                    top[x] = logs[k, c, b + x] if logs[k, c, b + x] > top[x] else top[x]
            for k in range(U64(logs.shape[0])):
                for x in range(n):
                    total[x] += exp(logs[k, c, b + x] - top[x])
            for x in range(n):
                value = top[x] + (log(total[x]) - count)
                value = value if value > _LEAST else _LEAST
                mean[c, b + x] = value if top[x] > _ZERO else _ZERO


@cached_njit
def neg_entropy(logs: Float32[np.ndarray, "c p"], result: Float32[np.ndarray, " p"]) -> None:
    """Write the sum of p log p over the classes: terms that are not positive."""
    for x in range(U64(len(result))):
        result[x] = F32(0)
    for c in range(U64(logs.shape[0])):
        for x in range(U64(len(result))):
            value = logs[c, x]
            result[x] += exp(value) * value
