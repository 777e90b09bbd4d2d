"""Problems of class-conditional matrix scaling, and their objective."""

import numpy as np
from scipy.special import log_softmax

from reliseg.calibration.fitting.affine_by_class import LEAST_DIAGONAL, AffineByClassFit
from reliseg.calibration.methods.cms import ClassMatrix, MappedByClass
from reliseg.calibration.methods.cms_ap import ClassMatrixKeepingArgmax, MarginsByClass
from reliseg.calibration.methods.cms_op import ClassMatrixKeepingOrder, GapsByClass

METHODS = {
    "cms": (ClassMatrix, MappedByClass),
    "cms_ap": (ClassMatrixKeepingArgmax, MarginsByClass),
    "cms_op": (ClassMatrixKeepingOrder, GapsByClass),
}


def nll(sample, transformed):
    total = 0.0
    for z, labels in sample.parts:
        log_p = log_softmax(transformed(z.T.astype(np.float64)), axis=0)
        total -= log_p[labels, np.arange(len(labels))].sum()
    return total / len(sample)


def problem(name, sample, slope=0.6, off_diagonal=0.3, bias=0.2):
    live = np.isfinite(sample.parts[0][0]).any(axis=0)
    return AffineByClassFit.of(sample, live, METHODS[name][1].form, slope, off_diagonal=off_diagonal, bias=bias)


def random_maps(name, seed, classes=5, columns=6):
    """A calibration with every class among the predicted but the last, with maps that the method allows."""
    g = np.random.default_rng(seed)
    kind = METHODS[name][1]
    k = classes - kind.form.is_non_negative
    weights, biases = 0.5 * np.eye(k) + g.normal(0, 0.3, (classes, k, k)), g.normal(0, 0.5, (classes, k))
    if kind.form.is_non_negative:
        weights, biases = np.maximum(weights, LEAST_DIAGONAL * np.eye(k)), np.maximum(biases, 0)
    return kind(
        columns=columns,
        live=tuple(range(classes)),
        temperature=1.7,
        predicted=tuple(range(classes - 1)),
        weights=tuple(tuple(map(tuple, w.tolist())) for w in weights[:-1]),
        biases=tuple(map(tuple, biases[:-1].tolist())),
    )
