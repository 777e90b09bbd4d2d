"""An affine map for each predicted class, with the least likelihood loss: what `cms`, `cms_ap` and `cms_op` solve.

Each map sees the log probabilities of a pixel in an order of its own, `zs`, and is scores = S (W D zs + b): D takes
what W works on out of them (the log probabilities, or their margins), S makes scores of what comes out. S M D, with
M = W - I/T, is how far the map departs from one temperature in the space of logits: S (I/T) D is I/T but for what all
scores have in common.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any, ClassVar, TypeAlias

import numpy as np
from threadpoolctl import threadpool_limits

from reliseg.calibration.base import Calibration, Calibrator
from reliseg.calibration.fitting.affine import pack_affine
from reliseg.calibration.fitting.columns import (
    check_column_count,
    check_live_columns,
    inspect_columns,
    keep_on_top,
    live_blocks,
    log_softmax,
)
from reliseg.calibration.fitting.inverse_temperature import fit_inverse_temperature
from reliseg.calibration.fitting.parallel import map_in_order
from reliseg.calibration.parameters import require_positive
from reliseg.calibration.sample import CalibrationSample, PixelIndices, PixelLabels, PixelLogits
from reliseg.errors import CalibrationError
from reliseg.prediction import Prediction
from reliseg.stats.view import CompiledTransform
from reliseg.types import Block, Bool, Float64, Int64, LiveBlock

Maps: TypeAlias = Float64[np.ndarray, "e k k"]
Shifts: TypeAlias = Float64[np.ndarray, "e k"]
Matrix: TypeAlias = Float64[np.ndarray, "_ _"]
Steps: TypeAlias = Float64[np.ndarray, " v"]
Order: TypeAlias = Int64[np.ndarray, "c p"]

LEAST_DIAGONAL = 1e-3
"""The least diagonal entry of non-negative maps: margins do not vanish, so nothing is tied anew."""
_ORDERINGS = ("class", "top", "rank")
_RIDGE = 1e-6
"""Cost of the diagonal's mean squared distance from 1/T: it stays finite where classes are separable."""
_STEPS = 200
_GRADIENT = 1e-7
_GAIN = 1e-9
_STRIDE = 16
_MANY_PIXELS = 1 << 18
"""In a larger sample the search starts where that over every 16th block ends."""


@dataclass(frozen=True)
class Form:
    """How the maps of a method are stored: in which order a pixel's columns stand, and D and S for `c` columns.

    `ordering` is "class" (as they are), "top" (the predicted one first) or "rank" (falling). Where it is not "class",
    W works on margins below the first (below the one before, for "rank"), W and b are not negative and the score of
    the first is 0: the first stays first ("rank": all stay in order), because its margins cannot become negative.
    """

    ordering: str

    @property
    def is_non_negative(self) -> bool:
        """Whether W and b are kept from being negative."""
        return self.ordering != "class"

    def order(self, z: Block, top: PixelIndices) -> Order:
        """Return the columns of each pixel as its map sees them; equal ones by number."""
        if self.ordering == "class":
            return np.broadcast_to(np.arange(len(z))[:, None], z.shape)
        if self.ordering == "rank":
            return np.argsort(-z, axis=0, kind="stable")
        places = np.broadcast_to(np.arange(len(z))[:, None], z.shape).copy()
        places[1:] -= places[1:] <= top
        places[0] = top
        return places

    def encode(self, c: int) -> Matrix:
        """Return D: it takes what W works on out of `c` ordered columns."""
        if not self.is_non_negative:
            return np.eye(c)
        first = np.eye(c)[:-1] if self.ordering == "rank" else np.eye(c)[np.zeros(c - 1, np.int64)]
        return first - np.eye(c)[1:]

    def decode(self, c: int) -> Matrix:
        """Return S: it makes scores, in the same order, of what W gives."""
        if not self.is_non_negative:
            return np.eye(c)
        below = np.tri(c - 1) if self.ordering == "rank" else np.eye(c - 1)
        return -np.concatenate([np.zeros((1, c - 1)), below])

    def trainable_rows(self, present: Bool[np.ndarray, "e c"]) -> Bool[np.ndarray, "e k"]:
        """Return the rows of W and b that some label says something of, from the places of each map's labels."""
        if not self.is_non_negative:
            return present
        if self.ordering == "rank":  # a row moves all later ranks
            return np.logical_or.accumulate(present[:, :0:-1], axis=1)[:, ::-1]
        return present[:, 1:]


@dataclass(frozen=True)
class AffineByClass(Calibration):
    """softmax(S (W D zs + b)) with W and b of the predicted class; z / T where that is not among `predicted`.

    `live` are the columns that some model class goes to, of `columns` in all (`other` last). `weights` and `biases`
    hold W and b for each entry of `predicted`.
    """

    columns: int
    live: tuple[int, ...]
    temperature: float
    predicted: tuple[int, ...]
    weights: tuple[tuple[tuple[float, ...], ...], ...]
    biases: tuple[tuple[float, ...], ...]
    form: ClassVar[Form]
    method: ClassVar[str]

    def __call__(self, prediction: Prediction) -> Prediction:
        """Return the prediction with each pixel mapped as its predicted class says."""
        check_column_count(self.method, self.columns, prediction.columns)
        check_live_columns(self.method, prediction, self.live)
        k = len(self.live) - self.form.is_non_negative
        known = np.isin(self.live, self.predicted)
        weights, biases = np.zeros((len(known), k, k)), np.zeros((len(known), k))
        weights[known], biases[known] = np.reshape(self.weights, (-1, k, k)), np.reshape(self.biases, (-1, k))
        maps, shifts = pack_affine(weights, biases)
        ordering = _ORDERINGS.index(self.form.ordering)

        def in_place(z: LiveBlock) -> None:
            from reliseg.calibration.compiled.transforms_by_class import map_by_class  # slow to import

            map_by_class(z, ordering, 1 / self.temperature, known, maps, shifts)

        return replace(prediction, transform=CompiledTransform(self.transform, in_place, self.keeps_argmax))

    def transform(self, z: Block) -> Block:
        """Return the scores; columns without a model class stay -inf."""
        live = np.array(self.live)
        log_p, top = log_softmax(z[live]), z[live].argmax(axis=0)  # rounding may tie log probabilities
        order = self.form.order(z[live], top)
        zs = np.take_along_axis(log_p, order, axis=0)
        ranked = zs / self.temperature
        encode, decode = self.form.encode(len(live)), self.form.decode(len(live))
        for column, weights, biases in zip(self.predicted, self.weights, self.biases, strict=True):
            pixels = np.flatnonzero(live[top] == column)
            if len(pixels):
                mapped = np.array(weights) @ (encode @ zs[:, pixels]) + np.array(biases)[:, None]
                ranked[:, pixels] = decode @ mapped
        if self.form.ordering == "rank":
            ranked = np.minimum.accumulate(ranked, axis=0)  # sums of what is not negative, but for rounding
        by_column = np.empty_like(log_p)
        np.put_along_axis(by_column, order, ranked, axis=0)
        scores = np.full(z.shape, -np.inf)
        scores[live] = keep_on_top(by_column, top) if self.keeps_argmax else by_column
        return scores


@dataclass(frozen=True)
class AffineByClassCalibrator(Calibrator, ABC):
    """A method whose calibration is an `AffineByClass`; the parameters weigh the two penalties."""

    off_diagonal: float = 1e-3
    bias: float = 1e-3

    def __post_init__(self) -> None:
        for key in ("off_diagonal", "bias"):
            require_positive(self._kind().method, key, getattr(self, key))
            object.__setattr__(self, key, float(getattr(self, key)))

    @abstractmethod
    def _kind(self) -> type[AffineByClass]:
        """Return the type of the calibration."""

    def fit(self, sample: CalibrationSample) -> AffineByClass:
        """Return the map of each class that is predicted in the sample; a CalibrationError for a single class."""
        kind = self._kind()
        columns = inspect_columns(sample, kind.method)
        live = np.flatnonzero(columns.live)
        if len(live) < 2:
            raise CalibrationError(f"{kind.method}: the model has only one class, so there is nothing to calibrate")
        inverse_temperature = fit_inverse_temperature(sample)
        fit = AffineByClassFit.of(
            sample, columns.live, kind.form, inverse_temperature, off_diagonal=self.off_diagonal, bias=self.bias
        )
        weights, biases = fit.solve()
        predicted = np.flatnonzero(fit.present.any(axis=1))
        return kind(
            columns=len(columns.live),
            live=tuple(live.tolist()),
            temperature=1 / inverse_temperature,
            predicted=tuple(live[predicted].tolist()),
            weights=tuple(tuple(map(tuple, weights[e].tolist())) for e in predicted),
            biases=tuple(tuple(biases[e].tolist()) for e in predicted),
        )

    def restore(self, parameters: dict[str, Any]) -> AffineByClass:
        """Return the calibration with these maps."""
        return self._kind()(
            columns=int(parameters["columns"]),
            live=tuple(int(c) for c in parameters["live"]),
            temperature=float(parameters["temperature"]),
            predicted=tuple(int(c) for c in parameters["predicted"]),
            weights=tuple(tuple(tuple(float(v) for v in row) for row in w) for w in parameters["weights"]),
            biases=tuple(tuple(float(v) for v in b) for b in parameters["biases"]),
        )


@dataclass(frozen=True, eq=False)
class AffineByClassFit:
    """Mean negative log-likelihood of all maps together, and what departing from one temperature costs.

    The cost is `off_diagonal` times the mean square of the off-diagonal entries of S M D and `bias` times that of S b,
    each a mean over the maps of all live columns: normalised ODIR, on logits. It is 0 at the start, W = I / T and
    b = 0, so the likelihood loss of the optimum is never above that of one temperature. The whole is convex. Rows that
    no label of a map's pixels says anything of stay as they start; biases of free maps add up to 0.
    """

    sample: CalibrationSample
    live: Bool[np.ndarray, " y"]
    form: Form
    inverse_temperature: float
    cost: Matrix
    bias_cost: float
    present: Bool[np.ndarray, "e c"]
    """Which places of the ordered columns hold the label of some pixel of each map."""
    scales: Shifts
    """The size of each map's inputs, times the root of its share of the pixels; that share's root in the last one."""
    stride: int = 1
    """One block of so many counts."""

    @classmethod
    def of(
        cls,
        sample: CalibrationSample,
        live: Bool[np.ndarray, " y"],
        form: Form,
        inverse_temperature: float,
        *,
        off_diagonal: float,
        bias: float,
    ) -> "AffineByClassFit":
        """Return the problem, after a pass over the sample that says what each map has to learn from."""
        c = int(live.sum())
        cost = np.full((c, c), off_diagonal / (c * (c - 1)))
        np.fill_diagonal(cost, _RIDGE / c)
        encode = form.encode(c)
        counts, squares = np.zeros((c, c), np.int64), np.zeros((c, len(encode) + 1))
        for z, labels in live_blocks(sample, live):
            log_p, top = log_softmax(z), z.argmax(axis=0)
            order = form.order(z, top)
            inputs = (encode @ np.take_along_axis(log_p, order, axis=0)) ** 2
            np.add.at(counts, (top, (order == labels).argmax(axis=0)), 1)
            for j, row in enumerate((*inputs, np.ones(len(labels)))):
                squares[:, j] += np.bincount(top, row, minlength=c)
        scales = np.sqrt(squares / len(sample))
        scales = np.where(scales > 0, scales, 1.0)
        return cls(sample, live, form, inverse_temperature, cost / c, bias / c**2, counts > 0, scales)

    def solve(self) -> tuple[Maps, Shifts]:
        """Return W and b of each map by L-BFGS-B, from W = I / T and b = 0; these where nothing better is found."""
        import scipy.linalg.cython_blas  # noqa: F401  # whose products numba calls: loaded before threads are limited

        with threadpool_limits(1, "blas"):  # the last bits of a product depend on its threads
            begin = np.zeros((*self.scales.shape[:1], self.scales.shape[1] - 1, self.scales.shape[1])).ravel()
            start = begin
            if len(self.sample) > _MANY_PIXELS:
                start = replace(self, stride=_STRIDE)._minimise(begin)
            end = self._minimise(start)
            better = (
                bool(np.isfinite(end).all()) and self._objective_of_steps(end)[0] < self._objective_of_steps(begin)[0]
            )
            return self._maps_of_steps(end if better else begin)

    def _minimise(self, start: Steps) -> Steps:
        from scipy.optimize import minimize  # slow to import

        options = {"maxiter": _STEPS, "maxfun": 2 * _STEPS, "gtol": _GRADIENT, "ftol": _GAIN, "maxcor": 20}
        step = self.sample.training.stage("matrices of the predicted classes", _STEPS)
        end = minimize(
            self._objective_of_steps,
            start,
            jac=True,
            method="L-BFGS-B",
            bounds=self._step_bounds(),
            options=options,
            callback=lambda steps: step(),
        )
        return np.asarray(end.x)

    def _objective_of_steps(self, steps: Steps) -> tuple[float, Steps]:
        """Return the objective and its derivatives by steps that move all scores about as far."""
        value, by_weights, by_biases = self.objective(*self._maps_of_steps(steps))
        gradient = np.concatenate([by_weights, by_biases[:, :, None]], axis=2) / self.scales[:, None]
        return value, gradient.ravel()

    def objective(self, weights: Maps, biases: Shifts) -> tuple[float, Maps, Shifts]:
        """Return the value to minimise and its derivatives along what is free, in one pass over the sample."""
        c = len(self.cost)
        encode, decode = self.form.encode(c), self.form.decode(c)
        maps, shifts = decode @ weights @ encode, biases @ decode.T
        value, by_maps, by_shifts = self._likelihood(maps, shifts)
        departure = decode @ (weights - self.inverse_temperature * np.eye(len(encode))) @ encode
        value += float((self.cost * departure**2).sum() + self.bias_cost * (shifts**2).sum())
        by_weights = decode.T @ (by_maps + 2 * self.cost * departure) @ encode.T
        by_biases = (by_shifts + 2 * self.bias_cost * shifts) @ decode
        trainable = self.form.trainable_rows(self.present)
        by_weights[~trainable], by_biases[~trainable] = 0, 0
        return value, by_weights, self._centre(by_biases)

    def _likelihood(self, maps: Maps, shifts: Shifts) -> tuple[float, Maps, Shifts]:
        from reliseg.calibration.compiled.fit_kernels import add_map_derivatives  # slow to import
        from reliseg.kernels.cpu.upsample import read_only

        live, ordering = np.flatnonzero(self.live), _ORDERINGS.index(self.form.ordering)
        maps = np.ascontiguousarray(maps)

        def sum_block(block: tuple[PixelLogits, PixelLabels]) -> tuple[int, float, Maps, Shifts]:
            logits, labels = map(read_only, block)  # numba would compile it again for writable ones, for 20 s
            by = np.zeros_like(maps), np.zeros_like(shifts)
            value = add_map_derivatives(logits, labels, live, ordering, maps, shifts, *by)
            return len(labels), value, *by

        n, value, by_maps, by_shifts = 0, 0.0, np.zeros_like(maps), np.zeros_like(shifts)
        blocks = islice(self.sample.blocks(), 0, None, self.stride)
        for pixels, of_block, by_maps_of_block, by_shifts_of_block in map_in_order(
            sum_block, blocks, self.sample.training.threads
        ):
            n += pixels
            value += of_block
            by_maps += by_maps_of_block
            by_shifts += by_shifts_of_block
        return value / n, by_maps / n, by_shifts / n

    def _maps_of_steps(self, steps: Steps) -> tuple[Maps, Shifts]:
        e, k = self.scales.shape[0], self.scales.shape[1] - 1
        moves = steps.reshape(e, k, k + 1) / self.scales[:, None]
        moves[~self.form.trainable_rows(self.present)] = 0
        weights = self.inverse_temperature * np.eye(k) + moves[:, :, :-1]
        return weights, self._centre(moves[:, :, -1])

    def _step_bounds(self) -> list[tuple[float | None, None]] | None:
        if not self.form.is_non_negative:
            return None
        k = self.scales.shape[1] - 1
        low = np.zeros((len(self.scales), k, k + 1))
        low[:, :, :-1] = (LEAST_DIAGONAL - self.inverse_temperature) * np.eye(k)
        return [(v, None) for v in (low * self.scales[:, None]).ravel().tolist()]

    def _centre(self, biases: Shifts) -> Shifts:
        if self.form.is_non_negative:
            return biases
        means = (biases * self.present).sum(axis=1) / np.maximum(self.present.sum(axis=1), 1)
        return np.where(self.present, biases - means[:, None], 0.0)
