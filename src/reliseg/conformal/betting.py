"""Risk control by betting: the risk is kept with a chosen probability over the images that the threshold is chosen on.

Bates, Angelopoulos, Lei, Malik and Jordan, Distribution-Free, Risk-Controlling Prediction Sets, JACM 2021: Theorem 1
(the threshold) and Proposition 5 (the bound: Waudby-Smith and Ramdas, Estimating means of bounded random
variables by betting, JRSS B 2024).
"""

import math

import numpy as np

from reliseg.conformal.losses import Losses
from reliseg.types import Float64


def accepted_with_confidence(losses: Losses, risk: float, confidence: float) -> int:
    """Return how many of the first bins may be accepted: the most up to which each choice is shown to keep the risk.

    With probability `confidence` at least, over draws of these images, the mean loss of new ones is at most the risk:
    where they are drawn alike and independently, and the bins were fixed before. The images come in an order that was
    fixed before their losses were seen; another order gives another number, of the same worth.

    A ValueError where there are fewer than `least_images_with_confidence`.
    """
    shown = _wealth(losses, risk, confidence) >= -math.log1p(-confidence)
    if not shown[0]:
        least = least_images_with_confidence(risk, confidence)
        raise ValueError(
            f"a risk of {risk:g} with confidence {confidence:g} needs {least} images, and there are {len(losses)}"
        )
    return len(shown) - 1 if shown.all() else int(np.argmin(shown)) - 1


def least_images_with_confidence(risk: float, confidence: float) -> int:
    """Return how many images without any loss it takes to show that a risk is kept."""
    images = 1
    while _wealth(np.zeros((images, 1)), risk, confidence)[0] < -math.log1p(-confidence):
        images *= 2
    low, high = images // 2, images
    while high - low > 1:
        middle = (low + high) // 2
        if _wealth(np.zeros((middle, 1)), risk, confidence)[0] < -math.log1p(-confidence):
            low = middle
        else:
            high = middle
    return high


def _wealth(losses: Losses, risk: float, confidence: float) -> Float64[np.ndarray, " k"]:
    """Return the logarithm of the most that bets against 'the mean loss is above the risk' come to, in each column.

    If that were so, it would reach 1 / (1 - confidence) with a probability of at most 1 - confidence (Ville). Each bet
    knows the losses before it only.
    """
    images = len(losses)
    turn = np.arange(1, images + 1)[:, None]
    mean = (0.5 + np.cumsum(losses, axis=0)) / (1 + turn)
    variance = (0.25 + np.cumsum((losses - mean) ** 2, axis=0)) / (1 + turn)
    before = np.concatenate([np.full((1, losses.shape[1]), 0.25), variance[:-1]])
    bets = np.minimum(1.0, np.sqrt(-2 * math.log1p(-confidence) / (images * before)))
    return np.cumsum(np.log1p(-bets * (losses - risk)), axis=0).max(axis=0)
