"""Probabilities as the logits that kernels read: their logarithms, at the size of the image.

`reference.log_probabilities` defines it. Here all is float32 times 2**64: where networks flush denormal numbers, a
probability below 2**-126 would else be 0. numba is imported with this module: import it where it is used.
"""

from typing import NamedTuple

import numpy as np

from reliseg.kernels.cpu.upsample import read_only
from reliseg.runtime.arithmetic import F32, I32, I64, U64, log_of_scaled
from reliseg.runtime.numba_compile import cached_njit
from reliseg.stats.probabilities import LEAST_LOG, LEAST_PROBABILITY, LOG_ZERO
from reliseg.stats.rows import Rows, row_blocks
from reliseg.stats.view import LogitView, source_positions
from reliseg.types import Float, Float32, Int32, Int64, Logits, Truth, UInt8

_SCALE = I32(64)
_EXPONENT, _FRACTION = I32(0x7F800000), I32(0x007FFFFF)
_FACTOR, _DENORMAL_UNIT = F32(2.0**64), F32(LEAST_PROBABILITY * 2.0**64)
_LEAST, _ZERO = F32(LEAST_LOG), F32(LOG_ZERO)


class Taps(NamedTuple):
    """For each place of the image the two native ones, and the weights of both."""

    first: Int64[np.ndarray, " o"]
    second: Int64[np.ndarray, " o"]
    of_first: Float32[np.ndarray, " o"]
    of_second: Float32[np.ndarray, " o"]

    @classmethod
    def of(cls, native: int, size: int, align_corners: bool) -> "Taps":
        """Return the places and weights of torch's bilinear rule, in one direction."""
        first, weight = source_positions(native, size, align_corners)
        weights = (1 - weight).astype(np.float32), weight.astype(np.float32)
        return cls(first, np.minimum(first + 1, native - 1), *weights)


def log_probabilities(probabilities: Float[np.ndarray, "c h w"], size: tuple[int, int], align_corners: bool) -> Logits:
    """Return the logarithms of probabilities that are interpolated bilinearly to `size`, within 3e-7 of their size.

    An interpolated 0 becomes `LOG_ZERO`, and what is below the least positive float32 counts as that.
    """
    scaled = _scaled(probabilities)
    if scaled.shape[1:] != size:
        rows, columns = (Taps.of(n, s, align_corners) for n, s in zip(scaled.shape[1:], size, strict=True))
        full = np.empty((len(scaled), *size), np.float32)
        interpolate(scaled, rows, columns, full)
        scaled = full
    take_logs(scaled.reshape(-1))
    return scaled


def count_impossible(view: LogitView, truth: Truth) -> int:
    """Return the number of known pixels whose label has probability 0; labels without a model class are left out."""
    columns, logits = len(view.inverse_temperatures), view.logits
    order = np.argsort(view.groups, kind="stable")
    starts = np.searchsorted(view.groups[order], np.arange(columns))

    def count(z: np.ndarray, labels: Truth) -> int:
        return int(count_zeros(read_only(z), read_only(labels), order, starts))

    if isinstance(logits, Rows):
        return sum(count(logits.rows(rows), truth[rows]) for rows in row_blocks(logits.shape))
    return count(np.asarray(logits), truth)


def _scaled(probabilities: Float[np.ndarray, "c h w"]) -> Logits:
    """Return a copy, rounded to float32, times 2**64."""
    if probabilities.dtype == np.float64:
        denormal = np.rint(probabilities / LEAST_PROBABILITY) * (LEAST_PROBABILITY * 2.0**64)
        return np.where(probabilities < 2.0**-126, denormal, probabilities * 2.0**64).astype(np.float32)
    p = np.ascontiguousarray(probabilities, np.float32)
    scaled = np.empty(p.shape, np.float32)
    scale(read_only(p.view(np.int32).reshape(-1)), read_only(p.reshape(-1)), scaled.reshape(-1))
    return scaled


@cached_njit
def scale(patterns: Int32[np.ndarray, " n"], p: Float32[np.ndarray, " n"], scaled: Float32[np.ndarray, " n"]) -> None:
    """Multiply by 2**64: denormal numbers by their bits, as the processor may take them for 0."""
    for x in range(U64(len(p))):
        denormal = F32(I32(patterns[x] & _FRACTION)) * _DENORMAL_UNIT
        scaled[x] = denormal if I32(patterns[x] & _EXPONENT) == I32(0) else p[x] * _FACTOR


@cached_njit
def interpolate(p: Float32[np.ndarray, "c h w"], rows: Taps, columns: Taps, full: Float32[np.ndarray, "c H W"]) -> None:
    """Interpolate bilinearly, as sums of positive terms: what is small keeps its digits."""
    native, width = U64(p.shape[2]), U64(full.shape[2])
    line = np.empty(native, np.float32)
    for c in range(p.shape[0]):
        for y in range(full.shape[1]):
            upper, lower, u, v = rows.first[y], rows.second[y], rows.of_first[y], rows.of_second[y]
            for x in range(native):
                line[x] = p[c, upper, x] * u + p[c, lower, x] * v
            for x in range(width):
                left, right = line[U64(columns.first[x])], line[U64(columns.second[x])]
                full[c, y, x] = left * columns.of_first[x] + right * columns.of_second[x]


@cached_njit
def take_logs(scaled: Float32[np.ndarray, " n"]) -> None:
    """Replace probabilities times 2**64 by the logarithms of the probabilities."""
    for x in range(U64(len(scaled))):
        q = scaled[x]
        value = log_of_scaled(q, _SCALE)
        value = value if value > _LEAST else _LEAST
        scaled[x] = value if q > F32(0) else _ZERO


@cached_njit
def count_zeros(
    logits: Float32[np.ndarray, "c H W"],
    truth: UInt8[np.ndarray, "H W"],
    order: Int64[np.ndarray, " c"],
    starts: Int64[np.ndarray, " g"],
) -> int:
    """Count the labels of which all model classes, and at least one, have probability 0."""
    count = 0
    for y in range(truth.shape[0]):
        for x in range(truth.shape[1]):
            label = I64(truth[y, x])
            if label + 1 < len(starts) and starts[label] < starts[label + 1]:
                zero = True
                for m in range(starts[label], starts[label + 1]):
                    zero &= logits[order[m], y, x] == _ZERO
                count += zero
    return count
