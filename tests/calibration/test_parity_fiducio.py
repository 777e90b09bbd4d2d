"""Maps, penalties and optima against fiducio, the library of the authors of the class-conditional methods."""

import fiducio
import numpy as np
import pytest
import torch
from helpers.calibration_samples import random_part, sample_of
from helpers.class_maps import METHODS, nll, problem, random_maps
from scipy.special import log_softmax

from reliseg.calibration import calibrator
from reliseg.calibration.fitting.columns import log_softmax as ours
from reliseg.calibration.methods.dirichlet import DirichletMap
from reliseg.calibration.methods.ensemble_ts import ScaledEnsemble
from reliseg.calibration.methods.vector import ScaledVector

THEIRS = {
    "cms": fiducio.ClassConditionalMatrixScaling,
    "cms_ap": fiducio.ArgmaxPreservingMatrixScaling,
    "cms_op": fiducio.OrderPreservingMatrixScaling,
}


def tensor(values):
    return torch.tensor(np.asarray(values), dtype=torch.float64)


def logits(classes=5, pixels=200, spread=4.0):
    return np.random.default_rng(0).normal(0, spread, (classes, pixels))


def same(scores, theirs):
    """Equal probabilities: (c, p) against (p, c)."""
    np.testing.assert_allclose(log_softmax(scores, axis=0), log_softmax(theirs.numpy().T, axis=0), rtol=1e-9, atol=1e-9)


def test_vector_scaling_maps_as_fiducio_does():
    z, g = logits(), np.random.default_rng(1)
    scales, biases = g.normal(0.6, 0.2, 5), g.normal(0, 1, 5)
    theirs = fiducio.VectorScaling()
    theirs._weight, theirs._bias = tensor(scales), tensor(biases)
    same(ScaledVector(tuple(scales), tuple(biases)).transform(z), theirs._map_logits(tensor(z.T)))


def test_dirichlet_calibration_maps_as_fiducio_does():
    z, g = logits(), np.random.default_rng(1)
    weights, biases = 0.6 * np.eye(5) + g.normal(0, 0.2, (5, 5)), g.normal(0, 1, 5)
    theirs = fiducio.DirichletCalibration()
    theirs._weight, theirs._bias = tensor(weights), tensor(biases)
    fitted = DirichletMap(tuple(map(tuple, weights)), tuple(biases))
    same(fitted.transform(z), theirs._map_logits(tensor(ours(z).T)))


@pytest.mark.parametrize("weights", [(1.0, 0.0, 0.0), (0.5, 0.3, 0.2)])
def test_ensemble_temperature_scaling_maps_as_fiducio_does(weights):
    z = logits()
    theirs = fiducio.EnsembleTemperatureScaling()
    theirs.temperature, theirs.weights = 1.7, tensor(weights)
    same(ScaledEnsemble(1.7, weights).transform(z), theirs._map_logits(tensor(z.T)))


def in_fiducio(name, fitted, classes=5):
    """The same maps as fiducio's parameters; classes that are not predicted at the temperature."""
    k = classes - (name != "cms")
    b = np.repeat(np.eye(k)[None] / fitted.temperature, classes, axis=0)
    mu = np.zeros((classes, k))
    for c, weights, biases in zip(fitted.predicted, fitted.weights, fitted.biases, strict=True):
        b[c], mu[c] = weights, biases
    theirs = THEIRS[name]()
    if name == "cms":
        theirs._raw_b, theirs._raw_mu = tensor(b).transpose(1, 2), tensor(mu)
    else:  # theirs are softplus of these
        with np.errstate(divide="ignore"):
            theirs._raw_b, theirs._raw_mu = tensor(np.log(np.expm1(b))), tensor(np.log(np.expm1(mu)))
    return theirs


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("name", METHODS)
def test_class_conditional_maps_are_fiducios(name, seed):
    z, fitted = logits(), random_maps(name, seed)
    theirs = in_fiducio(name, fitted)._map_logits(tensor(ours(z).T))
    same(fitted.transform(np.concatenate([z, np.full((1, 200), -np.inf)]))[:5], theirs)


@pytest.mark.parametrize("name", METHODS)
def test_penalties_are_fiducios_where_the_temperature_is_1(name):
    sample = sample_of(random_part(0, classes=5, pixels=3000, temperature=4.0))
    fit, fitted = problem(name, sample, 1.0, 0.7, 0.4), random_maps(name, 3)
    assert fit.present.all(), "every label of every map, so that nothing is left out of the penalty"
    e, k = fit.scales.shape[0], fit.scales.shape[1] - 1
    weights, biases = np.repeat(np.eye(k)[None], e, axis=0), np.zeros((e, k))
    weights[:-1], biases[:-1] = fitted.weights, fitted.biases
    np.einsum("ekk->ek", weights)[:] = 1  # they leave the diagonal of cms alone, we do nearly
    found = fit.objective(weights, biases)[0]
    free = problem(name, sample, 1.0, 1e-300, 1e-300).objective(weights, biases)[0]
    theirs = THEIRS[name]()
    expected = 0.0
    for c in range(e):
        w = weights[c].T if name == "cms" else weights[c]
        matrix, shift = theirs._logit_affine(5, c, tensor(w), tensor(biases[c]))
        expected += float(theirs._ms_regularization(matrix, shift, 0.7, 0.4)) / e
    # the diagonal's own cost, 1e-6 of its mean square, is in both of ours
    assert found - free == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize(
    ("method", "theirs"),
    [
        ("vector(ridge=1e-9)", fiducio.VectorScaling),
        ("dirichlet(off_diagonal=1e-9,bias=1e-9)", fiducio.DirichletCalibration),
        *((f"{name}(off_diagonal=1e-9,bias=1e-9)", kind) for name, kind in THEIRS.items()),
    ],
)
def test_the_optimum_is_not_above_fiducios(method, theirs):
    z, labels = random_part(2, classes=4, pixels=4000, temperature=1.6)
    sample = sample_of((z, labels))
    them = theirs(optimizer="lbfgs", max_iter=400).fit(torch.tensor(z), torch.tensor(labels.astype(np.int64)))
    best = nll(sample, lambda v: them.decision_function(torch.tensor(v.T.astype(np.float32))).numpy().T)
    found = nll(sample, calibrator(method).fit(sample).transform)
    # theirs is in float32, and where nothing is negative it may stop early
    assert found <= best + 1e-6
    if method[:3] != "cms":
        assert found == pytest.approx(best, abs=1e-5)
