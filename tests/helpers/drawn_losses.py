"""Losses of drawn images: some are hard as a whole, as frames of a street are."""

import numpy as np

from reliseg.conformal import Losses, losses_of

_BINS = 120


def drawn_losses(random: np.random.Generator, images: int) -> Losses:
    """Return losses of so many images, of which the last bins are wrong most often."""
    odds = np.exp(np.linspace(7, -1.5, _BINS) + random.normal(0, 0.8, (images, 1)))
    share = np.exp(-0.5 * ((np.arange(_BINS) / _BINS - random.uniform(0, 0.5, (images, 1))) / 0.3) ** 2)
    pixels = random.poisson(20_000 * share / share.sum(axis=1, keepdims=True))
    return losses_of(random.binomial(pixels, 1 / (1 + odds)), np.maximum(pixels.sum(axis=1), 1))
