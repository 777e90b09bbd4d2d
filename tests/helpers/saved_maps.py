"""Numbers computed again, in NumPy, from maps that were written to files."""

import numpy as np

from reliseg.labels import UNKNOWN

STEP = 1 / 65535
"""Between two confidences that 16 bits tell apart."""
_BINS = 15
_CODES = 65535 // _BINS
"""Codes of a bin: every edge is a code itself."""


def ece_of(classes, codes, truths):
    """ECE in 15 right-closed bins of equal width from maps of many images, and what rounding to 16 bits may do to it.

    Confidences are off by half a step at most; a pixel whose code is an edge may lie in either bin, which moves its
    part, of magnitude 1 at most, from one bin to the next.
    """
    guess, code, label = (np.concatenate([np.ravel(a) for a in maps]) for maps in (classes, codes, truths))
    known = label < UNKNOWN
    guess, code, label = guess[known], code[known].astype(np.int64), label[known]
    index = np.clip(-(-code // _CODES) - 1, 0, _BINS - 1)
    gap = np.bincount(index, (guess == label) - code * STEP, minlength=_BINS)
    return np.abs(gap).sum() / len(label), STEP / 2 + 2 * (code % _CODES == 0).mean()


def accepted_numbers(classes, accepted, truths):
    """Risk and coverage of what maps accept: of known pixels."""
    guess, taken, label = (np.concatenate([np.ravel(a) for a in maps]) for maps in (classes, accepted, truths))
    known = label < UNKNOWN
    taken = taken[known].astype(bool)
    wrong = (guess != label)[known]
    return wrong[taken].mean(), taken.mean()


def nll_of(probabilities, truths):
    """Mean negative log-likelihood from probabilities, height x width x classes, of many images."""
    total, pixels = 0.0, 0
    for p, label in zip(probabilities, truths, strict=True):
        known = label < UNKNOWN
        own = np.take_along_axis(p[known], label[known].astype(np.int64)[:, None], axis=1)[:, 0]
        total -= np.log(own.astype(np.float64)).sum()
        pixels += known.sum()
    return total / pixels
