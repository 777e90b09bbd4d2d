"""Random calibrations of each method that has a compiled twin, and what twin and definition make of logits."""

from functools import cache

import numpy as np
import pytest

from reliseg.calibration.fitting.affine_by_class import LEAST_DIAGONAL
from reliseg.calibration.methods.cms import MappedByClass
from reliseg.calibration.methods.cms_ap import MarginsByClass
from reliseg.calibration.methods.cms_op import GapsByClass
from reliseg.calibration.methods.dirichlet import DirichletMap
from reliseg.calibration.methods.ensemble_ts import ScaledEnsemble
from reliseg.calibration.methods.histogram import Binned
from reliseg.calibration.methods.isotonic import Monotone
from reliseg.calibration.methods.vector import ScaledVector
from reliseg.prediction import Prediction

EPS = 2.0**-24


def plain(array):
    return tuple(map(plain, array)) if np.ndim(array) else float(array)


def vector(g, c):
    return ScaledVector(plain(g.uniform(-0.5, 2, c + 1)), plain(g.normal(0, 1, c + 1)))


def dirichlet(g, c):
    return DirichletMap(plain(np.eye(c + 1) + g.normal(0, 0.2, (c + 1, c + 1))), plain(g.normal(0, 1, c + 1)))


def ensemble(*weights):
    return lambda g, c: ScaledEnsemble(float(g.choice([0.2, 0.7, 1.0, 1.8, 15.0])), weights)


def histogram(g, c):
    bins = int(g.integers(1, 20))
    return Binned(plain(np.arange(bins + 1) / bins), plain(g.uniform(0, 1, bins)))


def isotonic(g, c):
    points = int(g.integers(1, 40))
    x = np.unique(1 - 10.0 ** -g.uniform(0, 3, points))
    return Monotone(plain(x), plain(np.sort(g.uniform(0, 1, len(x)))))


def maps_by_class(kind):
    def draw(g, c):
        k = c - kind.form.is_non_negative
        weights, biases = 0.5 * np.eye(k) + g.normal(0, 0.1, (c, k, k)), g.normal(0, 0.5, (c, k))
        if kind.form.is_non_negative:
            weights, biases = np.maximum(weights, LEAST_DIAGONAL * np.eye(k)), np.maximum(biases, 0)
        some = np.sort(g.choice(c, max(c - 1, 1), replace=False))
        return kind(c + 1, tuple(range(c)), 1.7, tuple(some.tolist()), plain(weights[some]), plain(biases[some]))

    return draw


METHODS = {
    "vector": vector,
    "dirichlet": dirichlet,
    "ensemble_ts": ensemble(0.5, 0.3, 0.2),
    "ensemble_ts without uniform": ensemble(0.4, 0.6, 0.0),
    "ensemble_ts, uniform next to nothing": ensemble(0.4, 0.6 - 1e-9, 1e-9),
    "ensemble_ts, scaled only": ensemble(1.0, 0.0, 0.0),
    "ensemble_ts, unscaled only": ensemble(0.0, 1.0, 0.0),
    "ensemble_ts, mostly uniform": ensemble(1e-6, 0.0, 1 - 1e-6),
    "histogram": histogram,
    "isotonic": isotonic,
    "cms": maps_by_class(MappedByClass),
    "cms_ap": maps_by_class(MarginsByClass),
    "cms_op": maps_by_class(GapsByClass),
}


KEEP_ARGMAX = [name for name in METHODS if name not in ("vector", "dirichlet", "cms")]


COLUMNS = [1, 2, 3, 8, 19, 41]


def twins(fitted, z):
    """Scores of the live columns by the compiled twin and by the definition."""
    columns = len(z) + 1
    transform = fitted(Prediction(np.zeros((len(z), 1, 1), np.float32), (1, 1))).transform
    single = z.copy()
    transform.in_place(single)
    double = np.concatenate([z, np.full((1, z.shape[1]), -np.inf)]).astype(np.float64)
    assert columns == len(double)
    return single, transform(double)[:-1]


def rounding(fitted, z):
    """Scores add up products of weights and of what logits are below the largest, which are rounded."""
    gain = 1 + np.abs(np.array(getattr(fitted, "weights", [1.0]), float)).sum(axis=-1).max()
    return 8 * EPS * gain * (np.ptp(np.append(z, 0)) + 10) + 1e-6


@cache
def random_calibration(method, seed, columns):
    if columns == 1 and method in ("cms", "cms_ap", "cms_op"):
        pytest.skip("not fitted on one column")
    return METHODS[method](np.random.default_rng(seed), columns)
