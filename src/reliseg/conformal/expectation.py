"""Conformal risk control: the expected loss of a new image stays below the risk.

Angelopoulos, Bates, Fisch, Lei and Schuster, Conformal Risk Control, ICLR 2024, equation 4 and Theorem 1, for losses of
at most 1.
"""

import math
from fractions import Fraction

from reliseg.conformal.losses import Losses


def least_images(risk: float) -> int:
    """Return how many images are needed at least: with fewer even no loss at all would show nothing."""
    return math.ceil(1 / Fraction(str(risk)) - 1)


def comfortable_images(risk: float) -> int:
    """Return below how many images the promise costs much: the bound asks for a mean loss of half the risk or less."""
    exact = Fraction(str(risk))
    return math.ceil(2 * (1 - exact) / exact)


def accepted_in_expectation(losses: Losses, risk: float) -> int:
    """Return how many of the first bins may be accepted: the most whose `n / (n + 1) mean loss + 1 / (n + 1) <= risk`.

    Then the expected loss of a new image is at most the risk, over draws of these images and of the new one, where all
    of them are exchangeable and the bins were fixed before. Images of one scene are no such draws: give the mean loss
    of each scene then, as a row.

    A ValueError where there are fewer than `least_images`.
    """
    images, columns = losses.shape
    if images < least_images(risk):
        raise ValueError(f"a risk of {risk:g} needs {least_images(risk)} images, and there are {images}")
    allowed = Fraction(str(risk)) * (images + 1) - 1
    kept, beyond = 0, columns  # bisection, as a sum does not decrease with the column
    while beyond - kept > 1:
        middle = (kept + beyond) // 2
        if math.fsum(losses[:, middle]) <= allowed:  # rounded once: the order of images changes nothing
            kept = middle
        else:
            beyond = middle
    return kept
