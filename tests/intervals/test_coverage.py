"""Whether intervals hold what they promise: drawn images of which the whole population is known."""

import math

import numpy as np
import pytest
from scipy.special import expit

from reliseg.intervals import Scale, compare, jackknife
from reliseg.metrics import many
from reliseg.metrics.families.calibration_error import binned_numbers
from reliseg.metrics.families.segmentation import mean_numbers
from reliseg.metrics.units import Rows
from reliseg.stats.bins import RELIABILITY_BINS, reliability_bin

CLASSES, FINE = 6, 60
ODDS = 2.0 ** (np.arange(FINE) / 3 - 16)
"""Of being wrong, by bin, the surest first."""
CONFIDENCE = 1 / (1 + ODDS)
TO_BINS = np.eye(RELIABILITY_BINS)[reliability_bin(CONFIDENCE)]
PRESENT = np.array([1, 1, 0.9, 0.7, 0.5, 0.3])
SIMULATIONS = 2000


def drawn_rows(random: np.random.Generator, ease: np.ndarray, over: np.ndarray) -> Rows:
    """Images that are as easy, and whose model is as overconfident, as these numbers say."""
    n = len(ease)
    share = np.exp(0.7 * random.standard_normal((n, CLASSES))) * (random.random((n, CLASSES)) < PRESENT)
    pixels = np.exp(random.uniform(np.log(2e3), np.log(2e4), n))
    place = (-np.log(ODDS) - (3.5 + np.linspace(1, -1, CLASSES) + ease[:, None])[:, :, None]) / 2.2
    density = np.exp(-place * place / 2) * share[:, :, None]
    count = random.poisson(pixels[:, None, None] * density / density.sum(axis=(1, 2), keepdims=True))
    chance = np.maximum(expit(-0.75 * np.log(ODDS) - 0.3 - over[:, None]), 1 / CLASSES)
    right = random.binomial(count, chance[:, None])
    hit, true = right.sum(axis=2), count.sum(axis=2)
    taken = np.zeros_like(hit)
    for c in range(CLASSES):  # wrong pixels of a class are predicted as any other one
        others = np.where(np.arange(CLASSES) == c, 0, 1 / (CLASSES - 1))
        taken += random.multinomial(true[:, c] - hit[:, c], others)
    known, correct = count.sum(axis=1), right.sum(axis=1)
    bins = np.stack([known @ TO_BINS, correct @ TO_BINS, (known * CONFIDENCE) @ TO_BINS], axis=1)
    ranks = np.stack([known - correct, correct, np.zeros_like(known)], axis=1)
    classes = np.stack([hit, true, hit + taken], axis=1)
    return Rows(classes.astype(float), bins.astype(float), np.zeros((n, 2)), {"msp": ranks.astype(float)})


def population(seed: int, *, images: int = 8000, scenes: int = 0) -> tuple[Rows, Rows]:
    """Two models of equal law on the same images, or on scenes of which each is the sum of ten alike images."""
    random = np.random.default_rng(seed)
    n = scenes * 10 or images

    def effects(spread: float) -> np.ndarray:
        return np.repeat(random.normal(0, spread, scenes), 10) if scenes else random.normal(0, spread, n)

    ease, over = effects(0.7), effects(0.5)
    models = [drawn_rows(random, ease + random.normal(0, 0.3, n), over + random.normal(0, 0.3, n)) for _ in range(2)]
    if scenes:
        models = [rows.grouped(np.arange(n) // 10, scenes) for rows in models]
    return joined(models), joined(models[::-1])


def joined(rows: list[Rows]) -> Rows:
    """The rows of both, one after the other."""
    ranks = {"msp": np.concatenate([r.ranks["msp"] for r in rows])}
    return Rows(*(np.concatenate([getattr(r, name) for r in rows]) for name in ("classes", "bins", "losses")), ranks)


def numbers(rows: Rows) -> dict[str, np.ndarray]:
    counts = rows.ranks["msp"]
    return {
        "ece": binned_numbers(rows)["ece"],
        "miou": mean_numbers(rows, range(CLASSES))["miou"],
        "auroc": many.auroc(counts[:, 1], counts[:, 0]),
    }


SCALES = {"ece": Scale("log", 0, 1), "miou": Scale("logit", 0, 1), "auroc": Scale("logit", 0, 1)}


def held(pool: Rows, n: int, seed: int) -> dict[str, float]:
    """The share of samples of n units, in percent, whose interval holds the number of the whole population."""
    random, truth = np.random.default_rng(seed), {k: v[0] for k, v in numbers(pool.total()).items()}
    found = dict.fromkeys(SCALES, 0)
    for _ in range(SIMULATIONS):
        chosen = random.integers(len(pool), size=n)
        sample = pool.each(lambda a, chosen=chosen: a[chosen])
        centres, lefts = numbers(sample.total()), numbers(sample.without_each())
        for name, scale in SCALES.items():
            value = float(centres[name][0])
            interval = jackknife(value, value, [lefts[name]], scale)
            found[name] += interval.low <= truth[name] <= interval.high
    return {name: 100 * k / SIMULATIONS for name, k in found.items()}


@pytest.mark.slow
@pytest.mark.parametrize(("n", "low", "high"), [(20, 90, 97), (50, 92, 97), (100, 92, 97)])
def test_intervals_over_images_hold_the_truth_as_often_as_they_say(n, low, high):
    pool, _ = population(1)
    assert numbers(pool.total())["ece"][0] > 0.03
    for name, share in held(pool, n, seed=n).items():
        assert low <= share <= high, (name, share)


@pytest.mark.slow
@pytest.mark.parametrize("n", [8, 20])
def test_intervals_over_scenes_hold_the_truth_where_images_of_a_scene_are_alike(n):
    pool, _ = population(2, scenes=600)
    for name, share in held(pool, n, seed=n).items():
        assert 88 <= share <= 98, (name, share)


@pytest.mark.slow
@pytest.mark.parametrize("n", [20, 100])
def test_two_models_of_equal_quality_differ_as_seldom_as_the_level_says(n):
    one, other = population(3)
    random, alarms = np.random.default_rng(n), dict.fromkeys(SCALES, 0)
    for _ in range(SIMULATIONS):
        chosen = random.integers(len(one), size=n)
        a, b = (rows.each(lambda x, chosen=chosen: x[chosen]) for rows in (one, other))
        centres = [numbers(rows.total()) for rows in (a, b)]
        lefts = [numbers(rows.without_each()) for rows in (a, b)]
        for name in SCALES:
            value = float(centres[0][name][0] - centres[1][name][0])
            p = compare(value, [lefts[0][name]], [lefts[1][name]], paired=True).p
            alarms[name] += not math.isnan(p) and p < 0.05
    for name, count in alarms.items():
        assert 2.5 <= 100 * count / SIMULATIONS <= 7, (name, count)
