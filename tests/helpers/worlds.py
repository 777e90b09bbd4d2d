"""Small random worlds, and what is known of each pixel of them, computed apart from reliseg."""

from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any

import numpy as np
from scipy.special import log_softmax, logsumexp

from reliseg.labels import UNKNOWN, VOID
from reliseg.stats import Layout
from reliseg.testing import worlds
from reliseg.testing.worlds import SCORES, empty_domain, space, view_of

__all__ = ["SCORES", "UNKNOWN", "VOID", "WORLDS", "World", "empty_domain", "of_pixels", "space", "view_of", "world"]


class World(worlds.World):
    """A world of which each pixel is known."""

    @property
    def layout(self) -> Layout:
        return replace(super().layout, by_label=True, sets=True)

    def only(self, chosen: np.ndarray) -> "World":
        return replace(self, logits=self.logits[:, chosen], truth=self.truth[chosen], image=self.image[chosen])

    @cached_property
    def z(self) -> np.ndarray:
        """Logits of the columns; the logsumexp of those that meet."""
        z = np.full((self.classes + 1, self.logits.shape[1]), -np.inf)
        for column in range(self.classes + 1):
            members = [m for m, g in enumerate(self.groups) if g == column]
            if len(members) == 1:
                z[column] = self.logits[members[0]]
            elif members:
                z[column] = logsumexp(self.logits[members].astype(np.float64), axis=0)
        return z

    @property
    def probabilities(self) -> np.ndarray:
        return np.exp(log_softmax(self.z, axis=0))

    @property
    def guess(self) -> np.ndarray:
        return self.z.argmax(axis=0)

    @property
    def known(self) -> np.ndarray:
        return self.truth < UNKNOWN

    @property
    def right(self) -> np.ndarray:
        return self.guess == self.truth

    def confidence(self, score: str) -> np.ndarray:
        """The score of each pixel as its definition says; no effort is made beyond float64."""
        if score == "max_logit":
            return self.z.max(axis=0)
        if score == "neg_energy":
            return logsumexp(self.z, axis=0)
        p = np.sort(self.probabilities, axis=0)
        if score == "neg_entropy":
            return np.where(p > 0, p * np.log(np.where(p > 0, p, 1)), 0).sum(axis=0)
        return p[-1] if score == "msp" else p[-1] - p[-2]

    def surety(self, score: str) -> np.ndarray:
        """A number per pixel with the order of the score, that does not saturate for msp and margin."""
        z = np.sort(self.z, axis=0)
        if score == "msp":
            return z[-1] - logsumexp(z[:-1], axis=0)
        if score == "margin":
            tail = log_softmax(z, axis=0)
            # log(1 - margin) = log(sum of all but the first + the second)
            log_tail = np.logaddexp(logsumexp(tail[:-1], axis=0), tail[-2])
            return np.where(log_tail < -1, -log_tail, self.confidence("margin"))
        return self.confidence(score)

    def tied(self, score: str) -> np.ndarray:
        """The fine bin of each pixel as METRICS.md words it: leading bits of a coordinate, higher = surer."""
        z = np.sort(self.z, axis=0)
        if score == "msp":
            odds = np.exp(logsumexp(z[:-1] - z[-1], axis=0))
            return -leading(odds, -64, 8)
        if score == "neg_entropy":
            r = np.exp(z[:-1] - z[-1])
            gaps = np.where(r > 0, r * np.where(r > 0, z[-1] - z[:-1], 0), 0).sum(axis=0)
            return -leading(np.log1p(r.sum(axis=0)) + gaps / (1 + r.sum(axis=0)), -64, 3)
        if score == "margin":
            r = np.exp(z[:-1] - z[-1])
            tail = (r.sum(axis=0) + r[-1]) / (1 + r.sum(axis=0))
            unsure = np.minimum(
                leading((1 - r[-1]) / (1 + r.sum(axis=0)), -24, 0), leading(np.array([0.49999]), -24, 0)
            )
            return np.where(tail.astype(np.float32) < 0.5, 10**6 - leading(tail, -64, 0), unsure)
        value = self.confidence(score)
        return (np.sign(value) * (leading(np.abs(value), -12, 15, last=False) + 12 * 4096 + 1)).astype(np.int64)


def leading(values: np.ndarray, low: int, high: int, *, last: bool = True) -> np.ndarray:
    """Octave and 12 bits of the mantissa as one integer, by frexp; clipped to one below 2**low, and to 2**high."""
    mantissa, exponent = np.frexp(np.asarray(values, np.float64).astype(np.float32).astype(np.float64))
    index = (exponent - 1) * 4096 + np.floor((2 * mantissa - 1) * 4096).astype(np.int64)
    index = np.where(values == 0, low * 4096 - 1, index)
    return np.clip(index, low * 4096 - 1, high * 4096 - (not last))


def world(seed: int, **options: Any) -> World:
    """A drawn world."""
    return _known(worlds.drawn_world(seed, **options))


def of_pixels(z: np.ndarray, truth: Sequence[int], *, scores: tuple[str, ...] = SCORES) -> World:
    """One image from logits (c x p) and truth."""
    return _known(worlds.world_of(z, truth, scores=scores))


def _known(drawn: worlds.World) -> World:
    return World(**vars(drawn))


WORLDS: dict[str, World] = {name: _known(draw()) for name, draw in worlds.WORLDS.items()}
"""Worlds that between them show every case of the definitions."""
