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
from jaxtyping import Bool, Float64, Int64
from threadpoolctl import threadpool_limits

from reliseg.calibration.base import Calibration, Calibrator
from reliseg.calibration.fitting.affine import single
from reliseg.calibration.fitting.columns import (
    Ids,
    check_columns,
    check_live,
    inspect_columns,
    kept_on_top,
    live_blocks,
    log_softmax,
)
from reliseg.calibration.fitting.inverse_temperature import fit_inverse_temperatures
from reliseg.calibration.fitting.parallel import in_order
from reliseg.calibration.parameters import required
from reliseg.calibration.sample import CalibrationSample, Labels, Logits
from reliseg.errors import CalibrationError
from reliseg.prediction import Prediction
from reliseg.stats.view import CompiledTransform
from reliseg.types import Block, LiveBlock

Maps: TypeAlias = Float64[np.ndarray, "e k k"]
Shifts: TypeAlias = Float64[np.ndarray, "e k"]
Matrix: TypeAlias = Float64[np.ndarray, "_ _"]
Steps: TypeAlias = Float64[np.ndarray, " v"]
Order: TypeAlias = Int64[np.ndarray, "c p"]

LEAST = 1e-3
"""What non-negative maps have on their diagonal at least: margins do not vanish, so nothing is tied anew."""
_ORDERS = ("class", "top", "rank")
_RIDGE = 1e-6
"""Cost of the diagonal's mean squared distance from 1/T: it stays finite where classes are separable."""
_STEPS = 200
_GRADIENT = 1e-7
_GAIN = 1e-9
_STRIDE, _MANY = 16, 1 << 18
"""A sample of many pixels: the search starts where that over every 16th block of them ends."""


@dataclass(frozen=True)
class Form:
    """How a method's maps are written: in which order a pixel's columns stand, and D and S for `c` columns.

    `ordered` is "class" (as they are), "top" (the predicted one first) or "rank" (falling). Where it is not "class",
    W works on margins below the first (below the one before, for "rank"), W and b are not negative and the score of
    the first is 0: the first stays first ("rank": all stay in order), because its margins cannot become negative.
    """

    ordered: str

    @property
    def positive(self) -> bool:
        """Whether W and b are kept from being negative."""
        return self.ordered != "class"

    def order(self, z: Block, top: Ids) -> Order:
        """The columns of each pixel as its map sees them; equal ones by number."""
        if self.ordered == "class":
            return np.broadcast_to(np.arange(len(z))[:, None], z.shape)
        if self.ordered == "rank":
            return np.argsort(-z, axis=0, kind="stable")
        places = np.broadcast_to(np.arange(len(z))[:, None], z.shape).copy()
        places[1:] -= places[1:] <= top
        places[0] = top
        return places

    def read(self, c: int) -> Matrix:
        """D: what of `c` ordered columns W works on."""
        if not self.positive:
            return np.eye(c)
        first = np.eye(c)[:-1] if self.ordered == "rank" else np.eye(c)[np.zeros(c - 1, np.int64)]
        return first - np.eye(c)[1:]

    def write(self, c: int) -> Matrix:
        """S: scores in the same order."""
        if not self.positive:
            return np.eye(c)
        below = np.tri(c - 1) if self.ordered == "rank" else np.eye(c - 1)
        return -np.concatenate([np.zeros((1, c - 1)), below])

    def taught(self, present: Bool[np.ndarray, "e c"]) -> Bool[np.ndarray, "e k"]:
        """The rows of W and b that some label says something of, from the places where each map's labels stand."""
        if not self.positive:
            return present
        if self.ordered == "rank":  # a row moves all later ranks
            return np.logical_or.accumulate(present[:, :0:-1], axis=1)[:, ::-1]
        return present[:, 1:]


@dataclass(frozen=True)
class ScaledByExpert(Calibration):
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
        """The prediction with each pixel mapped as its predicted class says."""
        check_columns(self.method, self.columns, prediction.columns)
        check_live(self.method, prediction, self.live)
        k = len(self.live) - self.form.positive
        known = np.isin(self.live, self.predicted)
        weights, biases = np.zeros((len(known), k, k)), np.zeros((len(known), k))
        weights[known], biases[known] = np.reshape(self.weights, (-1, k, k)), np.reshape(self.biases, (-1, k))
        maps, shifts = single(weights, biases)
        ordered = _ORDERS.index(self.form.ordered)

        def in_place(z: LiveBlock) -> None:
            from reliseg.calibration.compiled.transforms_by_class import map_by_class  # slow to import

            map_by_class(z, ordered, 1 / self.temperature, known, maps, shifts)

        return replace(prediction, transform=CompiledTransform(self.transformed, in_place, self.keeps_argmax))

    def transformed(self, z: Block) -> Block:
        """The scores; columns without a model class stay -inf."""
        live = np.array(self.live)
        found, top = log_softmax(z[live]), z[live].argmax(axis=0)  # rounding may tie log probabilities
        order = self.form.order(z[live], top)
        ordered = np.take_along_axis(found, order, axis=0)
        mapped = ordered / self.temperature
        read, write = self.form.read(len(live)), self.form.write(len(live))
        for column, weights, biases in zip(self.predicted, self.weights, self.biases, strict=True):
            pixels = np.flatnonzero(live[top] == column)
            if len(pixels):
                inside = np.array(weights) @ (read @ ordered[:, pixels]) + np.array(biases)[:, None]
                mapped[:, pixels] = write @ inside
        if self.form.ordered == "rank":
            mapped = np.minimum.accumulate(mapped, axis=0)  # sums of what is not negative, but for rounding
        np.put_along_axis(found, order, mapped, axis=0)
        scores = np.full(z.shape, -np.inf)
        scores[live] = kept_on_top(found, top) if self.keeps_argmax else found
        return scores


@dataclass(frozen=True)
class ExpertCalibrator(Calibrator, ABC):
    """A method whose calibration is a `ScaledByExpert`; the parameters weigh the two penalties."""

    off_diagonal: float = 1e-3
    bias: float = 1e-3

    def __post_init__(self) -> None:
        for key in ("off_diagonal", "bias"):
            value = getattr(self, key)
            number = isinstance(value, int | float) and not isinstance(value, bool)
            required(number and 0 < value < np.inf, self._kind().method, key, value, "a number above 0")
            object.__setattr__(self, key, float(value))

    @abstractmethod
    def _kind(self) -> type[ScaledByExpert]:
        """What is fitted."""

    def fit(self, sample: CalibrationSample) -> ScaledByExpert:
        """The map of each class that is predicted in the sample."""
        kind = self._kind()
        columns = inspect_columns(sample, kind.method)
        live = np.flatnonzero(columns.live)
        if len(live) < 2:
            raise CalibrationError(f"{kind.method}: the model knows one class only: there is nothing to calibrate")
        slope = float(fit_inverse_temperatures(sample.grouped, 1)[0][0])
        fit = ExpertFit.of(sample, columns.live, kind.form, slope, self.off_diagonal, self.bias)
        weights, biases = fit.best()
        found = np.flatnonzero(fit.present.any(axis=1))
        return kind(
            columns=len(columns.live),
            live=tuple(live.tolist()),
            temperature=1 / slope,
            predicted=tuple(live[found].tolist()),
            weights=tuple(tuple(map(tuple, weights[e].tolist())) for e in found),
            biases=tuple(tuple(biases[e].tolist()) for e in found),
        )

    def restore(self, parameters: dict[str, Any]) -> ScaledByExpert:
        """The calibration with these maps."""
        return self._kind()(
            columns=int(parameters["columns"]),
            live=tuple(int(c) for c in parameters["live"]),
            temperature=float(parameters["temperature"]),
            predicted=tuple(int(c) for c in parameters["predicted"]),
            weights=tuple(tuple(tuple(float(v) for v in row) for row in w) for w in parameters["weights"]),
            biases=tuple(tuple(float(v) for v in b) for b in parameters["biases"]),
        )


@dataclass(frozen=True, eq=False)
class ExpertFit:
    """Mean negative log-likelihood of all maps together, and what departing from one temperature costs.

    The cost is `off_diagonal` times the mean square of the off-diagonal entries of S M D and `bias` times that of S b,
    each a mean over the maps of all live columns: normalised ODIR, on logits. It is 0 at the start, W = I / T and
    b = 0, so the likelihood loss of the optimum is never above that of one temperature. The whole is convex. Rows that
    no label of a map's pixels says anything of stay as they start; biases of free maps add up to 0.
    """

    sample: CalibrationSample
    live: Bool[np.ndarray, " y"]
    form: Form
    slope: float
    cost: Matrix
    bias_cost: float
    present: Bool[np.ndarray, "e c"]
    """Which places of the ordered columns hold the label of some pixel of each map."""
    spread: Shifts
    """The size of each map's inputs, times the root of its share of the pixels; that share's root in the last one."""
    stride: int = 1
    """Every so many blocks count."""

    @classmethod
    def of(
        cls,
        sample: CalibrationSample,
        live: Bool[np.ndarray, " y"],
        form: Form,
        slope: float,
        off_diagonal: float,
        bias: float,
    ) -> "ExpertFit":
        """The problem, after a pass over the sample that says what each map has to learn from."""
        c = int(live.sum())
        cost = np.full((c, c), off_diagonal / (c * (c - 1)))
        np.fill_diagonal(cost, _RIDGE / c)
        read = form.read(c)
        counts, squares = np.zeros((c, c), np.int64), np.zeros((c, len(read) + 1))
        for z, labels in live_blocks(sample, live):
            found, top = log_softmax(z), z.argmax(axis=0)
            order = form.order(z, top)
            inputs = (read @ np.take_along_axis(found, order, axis=0)) ** 2
            np.add.at(counts, (top, (order == labels).argmax(axis=0)), 1)
            for j, row in enumerate((*inputs, np.ones(len(labels)))):
                squares[:, j] += np.bincount(top, row, minlength=c)
        spread = np.sqrt(squares / len(sample))
        spread = np.where(spread > 0, spread, 1.0)
        return cls(sample, live, form, slope, cost / c, bias / c**2, counts > 0, spread)

    def best(self) -> tuple[Maps, Shifts]:
        """W and b of each map by L-BFGS-B, from W = I / T and b = 0; those where nothing better is found."""
        import scipy.linalg.cython_blas  # noqa: F401  # whose products numba calls: loaded before threads are limited

        with threadpool_limits(1, "blas"):  # the last bits of a product depend on its threads
            return self._best()

    def _best(self) -> tuple[Maps, Shifts]:
        begin = np.zeros((*self.spread.shape[:1], self.spread.shape[1] - 1, self.spread.shape[1])).ravel()
        start = replace(self, stride=_STRIDE)._searched(begin) if len(self.sample) > _MANY else begin
        found = self._searched(start)
        better = bool(np.isfinite(found).all()) and self._along(found)[0] < self._along(begin)[0]
        return self._placed(found if better else begin)

    def _searched(self, start: Steps) -> Steps:
        from scipy.optimize import minimize  # slow to import

        options = {"maxiter": _STEPS, "maxfun": 2 * _STEPS, "gtol": _GRADIENT, "ftol": _GAIN, "maxcor": 20}
        step = self.sample.training.stage("matrices of the predicted classes", _STEPS)
        found = minimize(
            self._along,
            start,
            jac=True,
            method="L-BFGS-B",
            bounds=self._bounds(),
            options=options,
            callback=lambda steps: step(),
        )
        return np.asarray(found.x)

    def _along(self, steps: Steps) -> tuple[float, Steps]:
        """The objective and its derivatives by steps that move all scores about as far."""
        value, by_weights, by_biases = self.objective(*self._placed(steps))
        gradient = np.concatenate([by_weights, by_biases[:, :, None]], axis=2) / self.spread[:, None]
        return value, gradient.ravel()

    def objective(self, weights: Maps, biases: Shifts) -> tuple[float, Maps, Shifts]:
        """The value to minimise and its derivatives along what is free, in one pass over the sample."""
        c = len(self.cost)
        read, write = self.form.read(c), self.form.write(c)
        maps, shifts = write @ weights @ read, biases @ write.T
        value, by_maps, by_shifts = self._likelihood(maps, shifts)
        departed = write @ (weights - self.slope * np.eye(len(read))) @ read
        value += float((self.cost * departed**2).sum() + self.bias_cost * (shifts**2).sum())
        by_weights = write.T @ (by_maps + 2 * self.cost * departed) @ read.T
        by_biases = (by_shifts + 2 * self.bias_cost * shifts) @ write
        free = self.form.taught(self.present)
        by_weights[~free], by_biases[~free] = 0, 0
        return value, by_weights, self._centred(by_biases)

    def _likelihood(self, maps: Maps, shifts: Shifts) -> tuple[float, Maps, Shifts]:
        from reliseg.calibration.compiled.fit_kernels import add_map_derivatives  # slow to import

        live, ordered = np.flatnonzero(self.live), _ORDERS.index(self.form.ordered)
        maps = np.ascontiguousarray(maps)

        def one(block: tuple[Logits, Labels]) -> tuple[int, float, Maps, Shifts]:
            logits, labels = (np.ascontiguousarray(a) for a in block)
            by = np.zeros_like(maps), np.zeros_like(shifts)
            value = add_map_derivatives(logits, labels, live, ordered, maps, shifts, *by)
            return len(labels), value, *by

        n, value, by_maps, by_shifts = 0, 0.0, np.zeros_like(maps), np.zeros_like(shifts)
        for pixels, more, of_maps, of_shifts in in_order(one, islice(self.sample.blocks(), 0, None, self.stride)):
            n += pixels
            value += more
            by_maps += of_maps
            by_shifts += of_shifts
        return value / n, by_maps / n, by_shifts / n

    def _placed(self, steps: Steps) -> tuple[Maps, Shifts]:
        e, k = self.spread.shape[0], self.spread.shape[1] - 1
        moves = steps.reshape(e, k, k + 1) / self.spread[:, None]
        moves[~self.form.taught(self.present)] = 0
        weights = self.slope * np.eye(k) + moves[:, :, :-1]
        return weights, self._centred(moves[:, :, -1])

    def _bounds(self) -> list[tuple[float | None, None]] | None:
        if not self.form.positive:
            return None
        k = self.spread.shape[1] - 1
        low = np.zeros((len(self.spread), k, k + 1))
        low[:, :, :-1] = (LEAST - self.slope) * np.eye(k)
        return [(v, None) for v in (low * self.spread[:, None]).ravel().tolist()]

    def _centred(self, biases: Shifts) -> Shifts:
        if self.form.positive:
            return biases
        means = (biases * self.present).sum(axis=1) / np.maximum(self.present.sum(axis=1), 1)
        return np.where(self.present, biases - means[:, None], 0.0)
